/* SPDX-License-Identifier: MIT
 * The proven problems as brief texts, ascending, ended by NULL: for fa-gen; libfagen has only their hashes (proven.h). */
#ifndef FAGEN_PROVEN_TEXT_H
#define FAGEN_PROVEN_TEXT_H

extern const char *const fa_proven_text[];

#endif
