/* SPDX-License-Identifier: MIT
 * Which hiprtc, comgr and LLVM are loaded in this process, whoever loaded them. */
#ifndef FAGEN_LOADED_H
#define FAGEN_LOADED_H

enum { FA_LOADED_BYTES = 512 };

/* "hiprtc=ID comgr=ID llvm=ID", build-ids of those that are loaded and have one; a name twice when two are. */
void fa_loaded_identity(char text[FA_LOADED_BYTES]);

#endif
