/* SPDX-License-Identifier: MIT
 * What a record's object expects of who launches it: the meaning of manifest and arguments.  A record that says another number is of another
 * library, and is as if it were not there. */
#ifndef FAGEN_RECORD_ABI_H
#define FAGEN_RECORD_ABI_H

#define FA_RECORD_ABI 1

#endif
