/* SPDX-License-Identifier: MIT
 * The GNU build-id of a library, from its notes. */
#ifndef FAGEN_BUILD_ID_H
#define FAGEN_BUILD_ID_H

#include <stdbool.h>
#include <stddef.h>

enum { FA_BUILD_ID_BYTES = 65 }; /* text, with its end */

/* False: no build-id among the notes, and `text` is as it was. */
bool fa_build_id_find(char text[FA_BUILD_ID_BYTES], const unsigned char *notes, size_t size);

#endif
