/* SPDX-License-Identifier: MIT
 * AMD's code object manager, opened at run time: which targets it knows, its disassembler, its metadata reader. */
#ifndef FAGEN_COMGR_H
#define FAGEN_COMGR_H

#include "error.h"

typedef struct fa_comgr fa_comgr;

/* FA_ERR_TOOLCHAIN when the library cannot be opened or lacks a function. */
fa_status fa_comgr_open(fa_comgr **comgr, const char *path, fa_error *error);
void fa_comgr_close(fa_comgr *comgr);
/* Plain target names, one a line, sorted; the caller frees. */
fa_status fa_comgr_targets(char **names, fa_comgr *comgr, fa_error *error);
/* FA_ERR_UNSUPPORTED, with the known names in the text, when comgr has no such target. */
fa_status fa_comgr_check_target(fa_comgr *comgr, const char *target, fa_error *error);
/* Full name of an object's instruction set ("amdgcn-amd-amdhsa--gfx942:sramecc+"); the caller frees. */
fa_status fa_comgr_isa(char **isa, fa_comgr *comgr, const void *object, size_t size, fa_error *error);
/* One instruction a line, "<hex address> <bytes>\t<text>", over every executable section; what cannot be decoded is ".long 0x...",
 * 4 bytes (fewer at a section's end).  The caller frees. */
fa_status fa_comgr_listing(char **listing, size_t *length, fa_comgr *comgr, const char *isa, const void *object, size_t size, fa_error *error);
/* Reads single instructions of a plain target ("gfx942"). */
typedef struct fa_comgr_decoder fa_comgr_decoder;
fa_status fa_comgr_decoder_open(fa_comgr_decoder **decoder, fa_comgr *comgr, const char *target, fa_error *error);
void fa_comgr_decoder_close(fa_comgr_decoder *decoder);
/* The text of the instruction that `bytes` begin with, valid until the next call; NULL when they begin with none.  used: its bytes; may be NULL. */
const char *fa_comgr_decode(fa_comgr_decoder *decoder, const void *bytes, size_t size, size_t *used);
/* The object's metadata note as JSON; every scalar is a string, as comgr gives it.  The caller frees. */
fa_status fa_comgr_metadata(char **json, fa_comgr *comgr, const void *object, size_t size, fa_error *error);
/* The source line of each instruction of the listing that has one, "<hex address> <line>\t<file name>", the innermost inlined frame's, with
 * "\t<line>\t<file name>" for each frame around it.  NULL when the object has no line table, or comgr is too old to read it.  The caller frees. */
fa_status fa_comgr_lines(char **lines, fa_comgr *comgr, const char *listing, const void *object, size_t size, fa_error *error);

#endif
