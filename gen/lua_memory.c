/* SPDX-License-Identifier: MIT
 * Memory of one Lua state: see lua_memory.h. */
#include "lua_memory.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 << 10 };

static void start_ring(fa_lua_block *ring) { ring->next = ring->previous = ring; }

static void link_block(fa_lua_block *ring, fa_lua_block *block) {
  block->next = ring->next;
  block->previous = ring;
  ring->next->previous = block;
  ring->next = block;
}

static void unlink_block(fa_lua_block *block) {
  block->previous->next = block->next;
  block->next->previous = block->previous;
}

static void free_ring(fa_lua_block *ring) {
  for (fa_lua_block *block = ring->next, *next; block != ring; block = next) {
    next = block->next;
    free(block);
  }
}

void fa_lua_memory_open(fa_lua_memory *memory, size_t limit) {
  *memory = (fa_lua_memory){.limit = limit};
  start_ring(&memory->blocks);
  start_ring(&memory->large);
}

void fa_lua_memory_close(fa_lua_memory *memory) {
  free_ring(&memory->blocks);
  free_ring(&memory->large);
}

static size_t class_of(size_t size) { return (size + FA_LUA_GRAIN - 1) / FA_LUA_GRAIN; }

static void *take_small(fa_lua_memory *memory, size_t class) {
  size_t size = class * FA_LUA_GRAIN;
  void *piece = memory->freed[class];
  if (piece) {
    memcpy(&memory->freed[class], piece, sizeof piece);
    return piece;
  }
  if (memory->left < size) { /* what is left of the last block is lost until the end */
    fa_lua_block *block = malloc(BLOCK_BYTES);
    if (!block) return NULL;
    link_block(&memory->blocks, block);
    memory->at = (char *)(block + 1);
    memory->left = BLOCK_BYTES - sizeof *block;
  }
  piece = memory->at;
  memory->at += size;
  memory->left -= size;
  return piece;
}

static void *take(fa_lua_memory *memory, size_t size) {
  if (size <= FA_LUA_SMALL) return take_small(memory, class_of(size));
  fa_lua_block *block = malloc(sizeof *block + size);
  if (!block) return NULL;
  link_block(&memory->large, block);
  return block + 1;
}

static void give_back(fa_lua_memory *memory, void *piece, size_t size) {
  if (size > FA_LUA_SMALL) {
    unlink_block((fa_lua_block *)piece - 1);
    free((fa_lua_block *)piece - 1);
    return;
  }
  memcpy(piece, &memory->freed[class_of(size)], sizeof piece);
  memory->freed[class_of(size)] = piece;
}

static void *move_large(fa_lua_memory *memory, void *piece, size_t new_size) {
  fa_lua_block *block = (fa_lua_block *)piece - 1;
  unlink_block(block);
  fa_lua_block *moved = realloc(block, sizeof *block + new_size);
  link_block(&memory->large, moved ? moved : block);
  return moved ? moved + 1 : NULL;
}

void *fa_lua_memory_move(fa_lua_memory *memory, void *piece, size_t old_size, size_t new_size) {
  void *moved = NULL;
  if (!piece) old_size = 0; /* a kind of object then, not a size */
  if (new_size > old_size && new_size - old_size > memory->limit - memory->used) return NULL;
  if (old_size > FA_LUA_SMALL && new_size > FA_LUA_SMALL) moved = move_large(memory, piece, new_size);
  else if (old_size && new_size && old_size <= FA_LUA_SMALL && class_of(old_size) == class_of(new_size)) moved = piece;
  else if (new_size && (moved = take(memory, new_size)) && old_size) memcpy(moved, piece, old_size < new_size ? old_size : new_size);
  if (new_size && !moved) return NULL;
  if (old_size && moved != piece && !(old_size > FA_LUA_SMALL && new_size > FA_LUA_SMALL)) give_back(memory, piece, old_size);
  memory->used = memory->used - old_size + new_size;
  return moved;
}
