/* SPDX-License-Identifier: MIT
 * Runs the template tests that are written in Lua (tests/templates/NAME.lua): each file returns a table of functions, each function is a case.
 * They run in the worker's own Lua, on the templates of the source tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

enum { MAX_CASES = 128 };

static const char *const files[] = { "layouts", "schedules", "kernels" };

typedef struct lua_case {
  lua_State *lua;
  const char *file;
  char name[128];
} lua_case;

static int traceback(lua_State *lua) {
  if (lua_istable(lua, 1)) { /* {code, message}: a template's own error */
    lua_getfield(lua, 1, "message"); /* error, message */
    lua_replace(lua, 1);
  }
  luaL_traceback(lua, lua, luaL_tolstring(lua, 1, NULL), 1); /* error, text, traceback */
  return 1;
}

static void run_case(void **state) {
  const lua_case *c = *state;
  lua_State *lua = c->lua;
  lua_settop(lua, 0);
  lua_pushcfunction(lua, traceback);               /* handler */
  lua_getfield(lua, LUA_REGISTRYINDEX, c->file);   /* handler, cases */
  lua_getfield(lua, -1, c->name);                  /* handler, cases, function */
  if (lua_pcall(lua, 0, 0, 1) != LUA_OK) fail_msg("%s.%s: %s", c->file, c->name, lua_tostring(lua, -1));
}

static int compare(const void *a, const void *b) { return strcmp(((const lua_case *)a)->name, ((const lua_case *)b)->name); }

int main(void) {
  static lua_case cases[MAX_CASES];
  static struct CMUnitTest tests[MAX_CASES];
  size_t count = 0;
  lua_State *lua = luaL_newstate();
  if (lua == NULL) return 1;
  luaL_openlibs(lua);
  if (luaL_dostring(lua, "package.path = '" FA_SOURCE_DIR "/templates/?.lua'") != LUA_OK) return 1;
  for (size_t f = 0; f < sizeof files / sizeof files[0]; ++f) {
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/templates/%s.lua", FA_SOURCE_DIR, files[f]);
    if (luaL_dofile(lua, path) != LUA_OK) {
      fprintf(stderr, "%s\n", lua_tostring(lua, -1));
      return 1;
    }                                                    /* cases */
    const size_t first = count;
    for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) { /* cases, name, function */
      if (count == MAX_CASES) {
        fprintf(stderr, "more than %d cases\n", MAX_CASES);
        return 1;
      }
      cases[count].lua = lua;
      cases[count].file = files[f];
      snprintf(cases[count].name, sizeof cases[count].name, "%s", lua_tostring(lua, -2));
      ++count;
    }
    qsort(cases + first, count - first, sizeof cases[0], compare);
    lua_setfield(lua, LUA_REGISTRYINDEX, files[f]);
  }
  for (size_t i = 0; i < count; ++i) tests[i] = (struct CMUnitTest){ .name = cases[i].name, .test_func = run_case, .initial_state = &cases[i] };
  const int failed = _cmocka_run_group_tests("templates", tests, count, NULL, NULL);
  lua_close(lua);
  return failed;
}
