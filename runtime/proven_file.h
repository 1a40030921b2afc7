/* SPDX-License-Identifier: MIT
 * proven.txt: what was compiled, run and found right, one problem a line, sorted.  Read by the build (fa-proven makes the library's table of it) and by
 * the program that fills it; no part of libfagen.
 *
 *     target=gfx942 dtype=fp16 head_dim=64 | 0123456789abcdef v=128 a=0 s=40 lds=16384 m=128 n=64 w=4 b=2 r=8 plain
 *
 * On the left the problem's brief text; on the right the hash of its emitted source, then what the compiled object says: vector registers (all), those
 * of them that are accumulation registers, scalar registers, LDS in bytes; the schedule: block_m, block_n, waves, buffers; resident waves on four
 * SIMDs together; the schedule's name.  Two files merge line by line; a line whose source hash is not that of today's templates is stale. */
#ifndef FAGEN_PROVEN_FILE_H
#define FAGEN_PROVEN_FILE_H

#include "error.h"

typedef struct fa_proven_line {
  char text[512];   /* the problem, brief */
  char source[17];  /* fa_proven_source_hash */
  unsigned vgprs, agprs, sgprs, lds_bytes, block_m, block_n, waves, stages, resident;
  char schedule[24];
} fa_proven_line;

typedef struct fa_proven_file {
  fa_proven_line *lines; /* ascending by text, each once */
  size_t count, capacity;
} fa_proven_file;

/* A file that is not there is an empty one.  FA_ERR_PROBLEM names the line that is malformed. */
fa_status fa_proven_file_read(fa_proven_file *file, const char *path, fa_error *error);
/* Whole or not at all: written aside and renamed. */
fa_status fa_proven_file_write(const fa_proven_file *file, const char *path, fa_error *error);
void fa_proven_file_free(fa_proven_file *file);

/* NULL: not in it. */
const fa_proven_line *fa_proven_file_find(const fa_proven_file *file, const char *text);
/* Adds the line, or replaces that of the same problem. */
fa_status fa_proven_file_put(fa_proven_file *file, const fa_proven_line *line, fa_error *error);
void fa_proven_file_remove(fa_proven_file *file, const char *text);
/* Reads, puts (remove: removes) and writes under a lock, so that several processes may fill one file and each may be interrupted. */
fa_status fa_proven_file_update(const char *path, const fa_proven_line *line, int remove, fa_error *error);

/* Of the emitted source without the comment at its head (which names the digest of all templates), and of the compile options. */
void fa_proven_source_hash(char hash[17], const char *source, const char *options);
/* Fills what the object and the schedule say: `resources` is the worker's JSON, `variant` the problem with its schedule. */
fa_status fa_proven_line_fill(fa_proven_line *line, const char *variant, const char *resources, fa_error *error);

#endif
