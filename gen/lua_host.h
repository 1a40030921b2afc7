/* SPDX-License-Identifier: MIT
 * Runs the templates: a fresh Lua state a request, with only harmless libraries, our own `require`, and limits on memory and
 * instructions. */
#ifndef FAGEN_LUA_HOST_H
#define FAGEN_LUA_HOST_H

#include "error.h"
#include "template_tree.h"

typedef struct fa_lua_limits {
  size_t memory_bytes;             /* 0: 256 MiB */
  unsigned long long instructions; /* 0: 2 billion, some ten seconds */
} fa_lua_limits;

/* What `main.generate` returned; everything is owned, free with fa_generated_free. */
typedef struct fa_generated {
  char *variant, *source, *manifest, *explain, *symbol;
  char *plan;    /* JSON: registers, LDS and waves as planned */
  char *options; /* one a line */
  long long block, lds_bytes, kernarg_bytes;
} fa_generated;

/* `problem`: canonical text, "name=value name=value ...". */
/* functions: text and name of the user's file, or NULL. */
fa_status fa_lua_generate(fa_generated *generated, const fa_template_tree *tree, const fa_lua_limits *limits, const char *problem, const char *const functions[2], fa_error *error);
void fa_generated_free(fa_generated *generated);

/* Names of the targets that the templates know, one a line; the caller frees. */
fa_status fa_lua_targets(char **names, const fa_template_tree *tree, const fa_lua_limits *limits, fa_error *error);

#endif
