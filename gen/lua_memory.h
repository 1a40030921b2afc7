/* SPDX-License-Identifier: MIT
 * Memory of one Lua state: small pieces come out of blocks and are handed out again by size; all of it is given back at once, which makes closing the
 * state unnecessary. */
#ifndef FAGEN_LUA_MEMORY_H
#define FAGEN_LUA_MEMORY_H

#include <stddef.h>

enum { FA_LUA_GRAIN = 16, FA_LUA_SMALL = 512 };

typedef struct fa_lua_block {
  struct fa_lua_block *next, *previous; /* 16 bytes, so that what follows is aligned */
} fa_lua_block;

typedef struct fa_lua_memory {
  size_t used, limit; /* bytes */
  fa_lua_block blocks, large; /* rings: what small pieces come out of, and pieces of their own */
  char *at;           /* of the last block, what is not handed out yet */
  size_t left;
  void *freed[FA_LUA_SMALL / FA_LUA_GRAIN + 1]; /* by size; each piece's first bytes are the next one's address */
} fa_lua_memory;

void fa_lua_memory_open(fa_lua_memory *memory, size_t limit);
/* As lua_Alloc: NULL when the limit is reached or the system has no more. */
void *fa_lua_memory_move(fa_lua_memory *memory, void *piece, size_t old_size, size_t new_size);
void fa_lua_memory_close(fa_lua_memory *memory);

#endif
