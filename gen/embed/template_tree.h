/* SPDX-License-Identifier: MIT
 * A set of templates: Lua files with their paths, sorted, and the digest that names the set.  The same code reads the tree that is
 * compiled in and the directory that replaces it while developing, so equal trees have equal digests. */
#ifndef FAGEN_TEMPLATE_TREE_H
#define FAGEN_TEMPLATE_TREE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fa_template {
  const char *path; /* "tile/layout.lua" */
  const unsigned char *data;
  size_t size;
  const unsigned char *code; /* as Lua has compiled it; NULL of a directory's */
  size_t code_size;
} fa_template;

typedef struct fa_template_tree {
  const fa_template *files; /* sorted by path (bytes) */
  size_t count;
  char digest[65]; /* SHA-256 over path, zero byte, size (u64, little endian) and contents of every file in order; hex */
} fa_template_tree;

/* Reads every *.lua below `directory`.  False: `message` says why.  The caller frees with fa_template_tree_free. */
bool fa_template_tree_read(fa_template_tree *tree, const char *directory, char *message, size_t message_size);
void fa_template_tree_free(fa_template_tree *tree);
/* NULL when there is no such file. */
const fa_template *fa_template_tree_find(const fa_template_tree *tree, const char *path);

/* The tree that the build embedded (made by fa-embed). */
extern const fa_template_tree fa_templates_embedded;

#endif
