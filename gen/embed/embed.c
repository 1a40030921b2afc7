/* SPDX-License-Identifier: MIT
 * fa-embed DIRECTORY OUT.c OUT.h: a tree of templates as C data, byte for byte and compiled, and its digest as a constant.  A template that is no Lua
 * ends the build. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template_tree.h"

static void print_bytes(FILE *out, const unsigned char *data, size_t size) {
  for (size_t i = 0; i < size; i++) fprintf(out, "%u,%s", data[i], i % 32 == 31 ? "\n" : "");
}

typedef struct buffer {
  unsigned char *data;
  size_t size;
} buffer;

static int append(lua_State *L, const void *data, size_t size, void *user) {
  buffer *b = user;
  unsigned char *more = realloc(b->data, b->size + size);
  (void)L;
  if (!more) return 1;
  memcpy(more + b->size, data, size);
  b->data = more;
  b->size += size;
  return 0;
}

/* Lua's own form of the file, line numbers included.  The worker is linked with the same Lua. */
static int compile(buffer *code, const fa_template *file) {
  char chunk[256];
  lua_State *L = luaL_newstate();
  if (!L) return 0;
  snprintf(chunk, sizeof chunk, "@templates/%s", file->path);
  *code = (buffer){0};
  int ok = luaL_loadbufferx(L, (const char *)file->data, file->size, chunk, "t") == LUA_OK && lua_dump(L, append, code, 0) == 0;
  if (!ok) fprintf(stderr, "fa-embed: %s\n", lua_isstring(L, -1) ? lua_tostring(L, -1) : "out of memory");
  lua_close(L);
  return ok;
}

static int write_source(const char *path, const fa_template_tree *tree) {
  FILE *out = fopen(path, "w");
  if (!out) return 0;
  fprintf(out, "/* Made by fa-embed from templates/. */\n#include \"template_tree.h\"\n");
  for (size_t i = 0; i < tree->count; i++) {
    fprintf(out, "static const unsigned char data_%zu[] = { /* %s */\n", i, tree->files[i].path);
    print_bytes(out, tree->files[i].data, tree->files[i].size);
    fprintf(out, "0};\n"); /* the zero is not counted */
    buffer code;
    if (!compile(&code, &tree->files[i])) return fclose(out), 0;
    fprintf(out, "static const unsigned char code_%zu[] = {\n", i);
    print_bytes(out, code.data, code.size);
    fprintf(out, "0};\n");
    free(code.data);
  }
  fprintf(out, "static const fa_template files[] = {\n");
  for (size_t i = 0; i < tree->count; i++) fprintf(out, "  {\"%s\", data_%zu, %zu, code_%zu, sizeof code_%zu - 1},\n", tree->files[i].path, i, tree->files[i].size, i, i);
  fprintf(out, "  {0, 0, 0, 0, 0}};\nconst fa_template_tree fa_templates_embedded = {files, %zu, \"%s\"};\n", tree->count, tree->digest);
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
