/* SPDX-License-Identifier: MIT
 * What the actions of `fa-gen pack` share: opening packs, choosing problems by fields, writing packs. */
#ifndef FAGEN_PACK_FILES_H
#define FAGEN_PACK_FILES_H

#include "pack.h"
#include "session.h"

/* NULL: *code has the exit code, and it was told. */
fa_pack *fa_pack_files_open(const fa_cli *cli, const char *path, unsigned flags, int *code);
/* Whether the problem has all of these fields, NAME=VALUE[,VALUE...] each; head_dim and dtype stand for all of their kind. */
bool fa_pack_files_match(const char *problem, char *const *fields, int count);
/* -1, or an exit code: one of the arguments is no field of a problem. */
int fa_pack_files_check(const fa_cli *cli, char *const *fields, int count);
/* Writes the builder's pack to --output, compressed unless --raw, and says so.  code: as above. */
int fa_pack_files_write(const fa_cli *cli, const fa_pack_builder *builder);
/* 64 hex digits and a zero. */
void fa_pack_files_sha256(char text[65], const fa_pack *pack);

int fa_pack_create(fa_cli *cli, char *const *fields, int count);
int fa_pack_extract(fa_cli *cli, const char *path, char *const *fields, int count);
int fa_pack_merge(fa_cli *cli, char *const *paths, int count);
int fa_pack_c_array(fa_cli *cli, const char *path);

#endif
