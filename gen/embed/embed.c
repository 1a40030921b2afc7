/* SPDX-License-Identifier: MIT
 * fa-embed DIRECTORY OUT.c OUT.h: a tree of templates as C data, byte for byte, and its digest as a constant. */
#include <stdio.h>

#include "template_tree.h"

static void print_bytes(FILE *out, const unsigned char *data, size_t size) {
  for (size_t i = 0; i < size; i++) fprintf(out, "%u,%s", data[i], i % 32 == 31 ? "\n" : "");
}

static int write_source(const char *path, const fa_template_tree *tree) {
  FILE *out = fopen(path, "w");
  if (!out) return 0;
  fprintf(out, "/* Made by fa-embed from templates/. */\n#include \"template_tree.h\"\n");
  for (size_t i = 0; i < tree->count; i++) {
    fprintf(out, "static const unsigned char data_%zu[] = { /* %s */\n", i, tree->files[i].path);
    print_bytes(out, tree->files[i].data, tree->files[i].size);
    fprintf(out, "0};\n"); /* the zero is not counted */
  }
  fprintf(out, "static const fa_template files[] = {\n");
  for (size_t i = 0; i < tree->count; i++) fprintf(out, "  {\"%s\", data_%zu, %zu},\n", tree->files[i].path, i, tree->files[i].size);
  fprintf(out, "  {0, 0, 0}};\nconst fa_template_tree fa_templates_embedded = {files, %zu, \"%s\"};\n", tree->count, tree->digest);
  return fclose(out) == 0;
}

static int write_header(const char *path, const fa_template_tree *tree) {
  FILE *out = fopen(path, "w");
  if (!out) return 0;
  fprintf(out, "/* Made by fa-embed: names the templates of this build. */\n#ifndef FA_TEMPLATES_DIGEST\n#define FA_TEMPLATES_DIGEST \"%s\"\n#endif\n",
          tree->digest);
  return fclose(out) == 0;
}

int main(int argc, char **argv) {
  fa_template_tree tree;
  char message[512];
  if (argc != 4) {
    fprintf(stderr, "usage: fa-embed DIRECTORY OUT.c OUT.h\n");
    return 2;
  }
  if (!fa_template_tree_read(&tree, argv[1], message, sizeof message)) {
    fprintf(stderr, "fa-embed: %s\n", message);
    return 1;
  }
  int ok = write_source(argv[2], &tree) && write_header(argv[3], &tree);
  if (!ok) perror("fa-embed");
  fa_template_tree_free(&tree);
  return ok ? 0 : 1;
}
