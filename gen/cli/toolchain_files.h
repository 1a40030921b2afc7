/* SPDX-License-Identifier: MIT
 * The files of a fetched toolchain against what gen/toolchain/setup.sh recorded of them. */
#ifndef FAGEN_TOOLCHAIN_FILES_H
#define FAGEN_TOOLCHAIN_FILES_H

#include "toolchain.h"

typedef struct fa_toolchain_check {
  bool recorded; /* there is a record */
  size_t files;  /* and links in it */
} fa_toolchain_check;

/* FA_OK as well when nothing was recorded: a ROCm tree, or an older set-up's.  FA_ERR_VALIDATION names the first file that is missing, other than it
 * was, or more than there was. */
fa_status fa_toolchain_check_files(fa_toolchain_check *check, const fa_toolchain *toolchain, fa_error *error);

#endif
