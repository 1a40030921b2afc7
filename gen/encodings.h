/* SPDX-License-Identifier: MIT
 * Which instructions a target has: every opcode of every encoding, asked of the disassembler. */
#ifndef FAGEN_ENCODINGS_H
#define FAGEN_ENCODINGS_H

#include "comgr.h"

/* One instruction a line, as the disassembler prints it: each opcode in each encoding that exists, with some choices of operands and modifiers; no
 * line twice.  FA_ERR_UNSUPPORTED: a target whose encodings are not known here.  The caller frees. */
fa_status fa_encodings_list(char **list, fa_comgr *comgr, const char *target, fa_error *error);

#endif
