/* SPDX-License-Identifier: MIT
 * The Lua state that templates run in.  Text chunks only (crafted bytecode can crash the interpreter), but for those that the build compiled; no io, os, package or debug, no random
 * numbers, undefined globals are errors.  Comments at pushes show the Lua stack. */
#include "lua_host.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "lua_memory.h"
#include "text.h"

enum { HOOK_INTERVAL = 10000, MAX_MODULE_NAME = 200 };

typedef struct host {
  const fa_template_tree *tree;
  fa_lua_memory memory;
  unsigned long long instructions, instruction_limit, user_limit; /* user_limit: set by limit(n), 0: none */
  const char *problem; /* of the running request */
  const char *const *functions;
  fa_generated *generated;
  char **names;
} host;

static host *host_of(lua_State *L) {
  void *user;
  lua_getallocf(L, &user);
  return user;
}

static void *allocate(void *user, void *piece, size_t old_size, size_t new_size) {
  host *h = user;
  return fa_lua_memory_move(&h->memory, piece, old_size, new_size);
}

static void count_instructions(lua_State *L, lua_Debug *debug) {
  host *h = host_of(L);
  (void)debug;
  h->instructions += HOOK_INTERVAL;
  if (h->user_limit && h->instructions >= h->user_limit) {
    lua_Debug where;
    int level = 0; /* of the code that is not a template's */
    h->user_limit = 0;
    while (lua_getstack(L, level, &where) && lua_getinfo(L, "S", &where) && *where.source == '@') level++;
    luaL_where(L, level);
    lua_pushliteral(L, "it runs for too long; is there a loop without an end?");
    lua_concat(L, 2);
    lua_error(L);
  }
  if (h->instructions < h->instruction_limit) return;
  lua_sethook(L, count_instructions, LUA_MASKCOUNT, 1); /* a pcall around this error meets the next one at once */
  luaL_error(L, "more than the limit of %I Lua instructions; is there a loop without an end?", (LUAI_UACINT)h->instruction_limit);
}

/* ---- libraries ---- */

/* require(name): each template runs once; a template that is still running is an error, not a half-made table. */
static int require_template(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  char path[MAX_MODULE_NAME + 8], chunk[MAX_MODULE_NAME + 32];
  size_t length = strlen(name);
  const fa_template *file;
  if (length == 0 || length > MAX_MODULE_NAME || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") != length || strstr(name, ".."))
    return luaL_error(L, "require: '%s' is not a template's name such as tile.layout", name);
  lua_pushvalue(L, 1);
  lua_rawget(L, lua_upvalueindex(1)); /* loaded? */
  if (lua_isboolean(L, -1)) return luaL_error(L, "require: template '%s' requires itself, directly or through others", name);
  if (!lua_isnil(L, -1)) return 1;
  for (size_t i = 0; i <= length; i++) path[i] = name[i] == '.' ? '/' : name[i];
  strcpy(path + length, ".lua");
  file = fa_template_tree_find(host_of(L)->tree, path);
  if (!file) return luaL_error(L, "require: there is no template '%s' (templates/%s)", name, path);
  strcpy(stpcpy(chunk, "@templates/"), path);
  const unsigned char *text = file->code ? file->code : file->data;
  if (luaL_loadbufferx(L, (const char *)text, file->code ? file->code_size : file->size, chunk, file->code ? "b" : "t") != LUA_OK) return lua_error(L);
  lua_pushvalue(L, 1);
  lua_pushboolean(L, 0);
  lua_rawset(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1); /* module */
  if (!lua_istable(L, -1) && !lua_isfunction(L, -1)) return luaL_error(L, "require: template '%s' returns no table and no function", name);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, -2);
  lua_rawset(L, lua_upvalueindex(1)); /* module */
  return 1;
}

/* load(text [, name [, mode [, env]]]): text chunks only, given as a string. */
static int load_text(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size), *name = luaL_optstring(L, 2, "=(load)");
  int has_env = !lua_isnone(L, 4);
  if (luaL_loadbufferx(L, text, size, name, "t") != LUA_OK) {
    luaL_pushfail(L);
    lua_insert(L, -2); /* fail, message */
    return 2;
  }
  if (has_env) {
    lua_pushvalue(L, 4);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  }
  return 1;
}

/* limit(n): an error after n more instructions; limit(0): none.  For code that is not ours. */
static int limit_instructions(lua_State *L) {
  host *h = host_of(L);
  lua_Integer count = luaL_checkinteger(L, 1);
  h->user_limit = count > 0 ? h->instructions + (unsigned long long)count : 0;
  return 0;
}

static int undefined_global(lua_State *L) { return luaL_error(L, "global '%s' is not defined", luaL_tolstring(L, 2, NULL)); }
static int assigned_global(lua_State *L) { return luaL_error(L, "global '%s' is assigned; templates use locals and return a table", luaL_tolstring(L, 2, NULL)); }

static void remove_fields(lua_State *L, const char *table, const char *const *names) {
  if (table) lua_getglobal(L, table);
  else lua_pushglobaltable(L);
  for (; *names; names++) {
    lua_pushnil(L);
    lua_setfield(L, -2, *names);
  }
  lua_pop(L, 1);
}

static void open_libraries(lua_State *L) {
  static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base}, {LUA_STRLIBNAME, luaopen_string}, {LUA_TABLIBNAME, luaopen_table},
                                       {LUA_MATHLIBNAME, luaopen_math}, {LUA_UTF8LIBNAME, luaopen_utf8}, {LUA_COLIBNAME, luaopen_coroutine}};
  static const char *const base[] = {"dofile", "loadfile", "load", "collectgarbage", "warn", NULL}, *const string[] = {"dump", NULL},
               *const math[] = {"random", "randomseed", NULL};
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
    lua_pop(L, 1);
  }
  remove_fields(L, NULL, base);
  remove_fields(L, LUA_STRLIBNAME, string);
  remove_fields(L, LUA_MATHLIBNAME, math);
  lua_pushcfunction(L, load_text);
  lua_setglobal(L, "load");
  lua_pushcfunction(L, limit_instructions);
  lua_setglobal(L, "limit");
  lua_newtable(L); /* loaded */
  lua_pushcclosure(L, require_template, 1);
  lua_setglobal(L, "require");
  lua_pushglobaltable(L); /* _G */
  lua_newtable(L);        /* _G, meta */
  lua_pushcfunction(L, undefined_global);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, assigned_global);
  lua_setfield(L, -2, "__newindex");
  lua_pushliteral(L, "locked");
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2); /* _G */
  lua_pop(L, 1);
}

/* ---- errors ---- */

/* Keeps a table (a coded error of the templates) as it is; everything else becomes text with a traceback. */
static int add_traceback(lua_State *L) {
  const char *text = lua_tostring(L, 1);
  if (!text && lua_istable(L, 1)) return 1;
  if (!text) text = luaL_tolstring(L, 1, NULL);
  luaL_traceback(L, L, text, 1);
  return 1;
}

/* The error on top of the stack.  Nothing in here can raise one: fields are read raw. */
static fa_status report(lua_State *L, int code, fa_error *error) {
  static const fa_status coded[] = {FA_ERR_UNSUPPORTED, FA_ERR_PROBLEM};
  const host *h = host_of(L);
  if (code == LUA_ERRMEM) return fa_fail(error, FA_ERR_WORKER, "templates: more than the limit of %zu bytes of memory", h->memory.limit);
  if (lua_istable(L, -1)) {
    const char *name, *message;
    lua_pushliteral(L, "code");
    lua_rawget(L, -2);
    lua_pushliteral(L, "message");
    lua_rawget(L, -3); /* error, code, message */
    name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "(no message)";
    for (size_t i = 0; i < sizeof coded / sizeof *coded; i++)
      if (!strcmp(name, fa_status_name(coded[i]))) return fa_fail(error, coded[i], "%s", message);
    return fa_fail(error, FA_ERR_WORKER, "templates: an error with the unknown code '%.80s': %s", name, message);
  }
  return fa_fail(error, FA_ERR_WORKER, "templates: %s", lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error without text");
}

/* Runs body(light userdata host) in a fresh state. */
static fa_status run(lua_CFunction body, host *h, const fa_template_tree *tree, const fa_lua_limits *limits, fa_error *error) {
  lua_State *L;
  fa_status status = FA_OK;
  int code;
  h->tree = tree;
  fa_lua_memory_open(&h->memory, limits && limits->memory_bytes ? limits->memory_bytes : (size_t)256 << 20);
  h->instruction_limit = limits && limits->instructions ? limits->instructions : 2000000000ull;
  L = lua_newstate(allocate, h);
  if (!L) {
    fa_lua_memory_close(&h->memory);
    return fa_fail(error, FA_ERR_NOMEM, "templates: out of memory");
  }
  lua_gc(L, LUA_GCINC, 1000, 0, 0); /* a run makes a few megabytes: collecting begins when there is ten times of what is in use */
  /* The built-in templates are known to end; counting would take a seventh of their time. */
  if (limits || h->functions || tree->files != fa_templates_embedded.files) lua_sethook(L, count_instructions, LUA_MASKCOUNT, HOOK_INTERVAL);
  lua_pushcfunction(L, add_traceback);
  lua_pushcfunction(L, body); /* handler, body */
  code = lua_pcall(L, 0, 0, 1);
  if (code != LUA_OK) status = report(L, code, error);
  fa_lua_memory_close(&h->memory); /* and with it the state: there is nothing in it to be closed */
  return status;
}

/* ---- requests ---- */

static void push_main_function(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "main");
  lua_call(L, 1, 1); /* main */
  if (!lua_istable(L, -1)) luaL_error(L, "templates/main.lua returns no table");
  lua_getfield(L, -1, name);
  if (!lua_isfunction(L, -1)) luaL_error(L, "templates/main.lua has no function '%s'", name);
  lua_remove(L, -2); /* function */
}

/* Leaves fields (name -> text) and names (in order) on the stack. */
static void push_problem(lua_State *L, const char *problem) {
  lua_Integer count = 0;
  lua_newtable(L);
  lua_newtable(L); /* fields, names */
  for (const char *at = problem + strspn(problem, " \n"); *at; at += strspn(at, " \n")) {
    size_t size = strcspn(at, " \n"), name = strcspn(at, "=");
    if (name == 0 || name >= size) luaL_error(L, "the problem's text is not made of name=value: %s", problem);
    lua_pushlstring(L, at, name);
    lua_pushvalue(L, -1); /* fields, names, name, name */
    lua_rawseti(L, -3, ++count);
    lua_pushlstring(L, at + name + 1, size - name - 1);
    lua_rawset(L, -4); /* fields, names */
    at += size;
  }
}

static char *copy_text(lua_State *L, const char *field) {
  size_t size;
  const char *text;
  char *copy;
  lua_getfield(L, -1, field);
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "main.generate: result '%s' is a %s, expected a string", field, luaL_typename(L, -1));
  text = lua_tolstring(L, -1, &size);
  if (strlen(text) != size) luaL_error(L, "main.generate: result '%s' has a zero byte within", field);
  copy = strdup(text);
  if (!copy) luaL_error(L, "out of memory");
  lua_pop(L, 1);
  return copy;
}

static long long copy_integer(lua_State *L, const char *field) {
  lua_Integer value;
  int ok;
  lua_getfield(L, -1, field);
  value = lua_tointegerx(L, -1, &ok);
  if (!ok || value < 0) luaL_error(L, "main.generate: result '%s' is no integer of 0 or more", field);
  lua_pop(L, 1);
  return value;
}

/* An array of strings on top of the stack as lines. */
static char *copy_lines(lua_State *L, const char *what) {
  luaL_Buffer buffer;
  lua_Integer count = luaL_len(L, -1);
  int list = lua_gettop(L);
  char *copy;
  luaL_buffinit(L, &buffer);
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_geti(L, list, i) != LUA_TSTRING || strpbrk(lua_tostring(L, -1), "\n")) luaL_error(L, "%s: entry %I is no string of one line", what, (LUAI_UACINT)i);
    luaL_addvalue(&buffer);
    luaL_addchar(&buffer, '\n');
  }
  luaL_pushresult(&buffer);
  copy = strdup(lua_tostring(L, -1));
  if (!copy) luaL_error(L, "out of memory");
  lua_settop(L, list);
  return copy;
}

static int generate_body(lua_State *L) {
  host *h = host_of(L);
  fa_generated *g = h->generated;
  open_libraries(L);
  push_main_function(L, "generate");
  push_problem(L, h->problem);
  lua_pushfstring(L, "%s", h->tree->digest); /* main.generate, fields, names, digest */
  if (h->functions) {
    lua_newtable(L);
    lua_pushstring(L, h->functions[0]);
    lua_setfield(L, -2, "text");
    lua_pushstring(L, h->functions[1]);
    lua_setfield(L, -2, "name");
  } else {
    lua_pushnil(L);
  }
  lua_call(L, 4, 1); /* result */
  if (!lua_istable(L, -1)) return luaL_error(L, "main.generate returns a %s, expected a table", luaL_typename(L, -1));
  g->variant = copy_text(L, "variant");
  g->source = copy_text(L, "source");
  g->manifest = copy_text(L, "manifest");
  g->explain = copy_text(L, "explain");
  g->plan = copy_text(L, "plan");
  g->symbol = copy_text(L, "symbol");
  g->block = copy_integer(L, "block");
  g->lds_bytes = copy_integer(L, "lds_bytes");
  g->kernarg_bytes = copy_integer(L, "kernarg_bytes");
  if (lua_getfield(L, -1, "options") != LUA_TTABLE) return luaL_error(L, "main.generate: result 'options' is a %s, expected an array", luaL_typename(L, -1));
  g->options = copy_lines(L, "main.generate: options");
  return 0;
}

fa_status fa_lua_generate(fa_generated *generated, const fa_template_tree *tree, const fa_lua_limits *limits, const char *problem, const char *const functions[2], fa_error *error) {
  host h = {.problem = problem, .functions = functions, .generated = generated};
  *generated = (fa_generated){0};
  fa_status status = run(generate_body, &h, tree, limits, error);
  if (status) fa_generated_free(generated);
  return status;
}

void fa_generated_free(fa_generated *g) {
  char *const texts[] = {g->variant, g->source, g->manifest, g->explain, g->plan, g->symbol, g->options};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
  *g = (fa_generated){0};
}

static int targets_body(lua_State *L) {
  open_libraries(L);
  push_main_function(L, "targets");
  lua_call(L, 0, 1);
  if (!lua_istable(L, -1)) return luaL_error(L, "main.targets returns a %s, expected an array", luaL_typename(L, -1));
  *host_of(L)->names = copy_lines(L, "main.targets");
  return 0;
}

fa_status fa_lua_targets(char **names, const fa_template_tree *tree, const fa_lua_limits *limits, fa_error *error) {
  host h = {.names = names};
  *names = NULL;
  return run(targets_body, &h, tree, limits, error);
}
