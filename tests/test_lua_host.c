/* SPDX-License-Identifier: MIT
 * The Lua state of the templates: what it lets them do, what it refuses, and how it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lua_host.h"
#include "sha256.h"

#define RESULT "{variant='v', source='s', manifest='{}', explain='e', plan='{}', symbol='k', block=64, lds_bytes=0, kernarg_bytes=8, options={'-O3','-mcumode'}}"

typedef struct lua_case {
  const char *name;
  const char *body;  /* of main.generate(fields, names) */
  const char *other; /* templates/lib/other.lua, or NULL */
  fa_status status;
  const char *says[3];
} lua_case;

static const lua_case cases[] = {
  {"plain", "return " RESULT, NULL, FA_OK, {0}},
  {"fields", "assert(fields.target == 'gfx942' and fields.block_m == 'auto' and #names == 3 and names[2] == 'target') return " RESULT, NULL, FA_OK, {0}},
  {"module", "assert(require('lib.other').answer == 42 and require 'lib.other' == require 'lib.other') return " RESULT, "return {answer = 42}", FA_OK, {0}},
  {"syntax error in a module", "require 'lib.other'", "local x = = 1", FA_ERR_WORKER, {"templates/lib/other.lua:1: unexpected symbol near '='", "stack traceback:", "templates/main.lua:"}},
  {"no such module", "require 'lib.none'", NULL, FA_ERR_WORKER, {"there is no template 'lib.none' (templates/lib/none.lua)"}},
  {"module outside", "require '../secret'", NULL, FA_ERR_WORKER, {"'../secret' is not a template's name"}},
  {"module that requires itself", "require 'lib.other'", "return require 'lib.other'", FA_ERR_WORKER, {"template 'lib.other' requires itself"}},
  {"module without result", "require 'lib.other'", "local x = 1", FA_ERR_WORKER, {"template 'lib.other' returns no table and no function"}},
  {"bytecode in a module", "require 'lib.other'", "\x1bLua\x54", FA_ERR_WORKER, {"attempt to load a binary chunk"}},
  {"bytecode by load", "assert(load('\\27Lua\\x54'))", NULL, FA_ERR_WORKER, {"attempt to load a binary chunk"}},
  {"text by load", "assert(load('return x', '=t', 't', {x = 7})() == 7) return " RESULT, NULL, FA_OK, {0}},
  {"load of a function", "load(function() return 'x' end)", NULL, FA_ERR_WORKER, {"string expected, got function"}},
  {"loop without an end", "while true do end", NULL, FA_ERR_WORKER, {"more than the limit of 3000000 Lua instructions", "templates/main.lua:1"}},
  {"loop without an end behind pcall", "while true do pcall(function() while true do end end) end", NULL, FA_ERR_WORKER, {"more than the limit of 3000000 Lua instructions"}},
  {"loop without an end in a coroutine", "coroutine.wrap(function() while true do end end)()", NULL, FA_ERR_WORKER, {"more than the limit of 3000000 Lua instructions"}},
  {"recursion without an end", "local function f() return 1 + f() end f()", NULL, FA_ERR_WORKER, {"more than the limit of 33554432 bytes of memory"}},
  {"memory bomb in a string", "local s = ('x'):rep(1 << 30)", NULL, FA_ERR_WORKER, {"more than the limit of 33554432 bytes of memory"}},
  {"memory bomb in a table", "local t = {} for i = 1, 1e9 do t[i] = {} end", NULL, FA_ERR_WORKER, {"more than the limit of 33554432 bytes of memory"}},
  {"error that is nil", "error(nil)", NULL, FA_ERR_WORKER, {"templates: nil"}},
  {"error that is a function", "error(print)", NULL, FA_ERR_WORKER, {"templates: function: ", "stack traceback"}},
  {"error with a code", "error({code = 'FA_ERR_UNSUPPORTED', message = 'no such thing'}, 0)", NULL, FA_ERR_UNSUPPORTED, {"no such thing"}},
  {"error about the problem", "error({code = 'FA_ERR_PROBLEM', message = 'a bad field'})", NULL, FA_ERR_PROBLEM, {"a bad field"}},
  {"error with another code", "error({code = 'FA_OK', message = 'a trick'})", NULL, FA_ERR_WORKER, {"unknown code 'FA_OK': a trick"}},
  {"error with odd fields", "error({code = {}, message = 12})", NULL, FA_ERR_WORKER, {"unknown code '': (no message)"}},
  {"error with a trap", "error(setmetatable({}, {__index = function() while true do end end}))", NULL, FA_ERR_WORKER, {"unknown code ''"}},
  {"undefined global", "return undefined_name", NULL, FA_ERR_WORKER, {"global 'undefined_name' is not defined"}},
  {"assigned global", "new_name = 1", NULL, FA_ERR_WORKER, {"global 'new_name' is assigned"}},
  {"io", "io.open('/etc/passwd')", NULL, FA_ERR_WORKER, {"global 'io' is not defined"}},
  {"os", "os.execute('true')", NULL, FA_ERR_WORKER, {"global 'os' is not defined"}},
  {"package", "package.loadlib('x', 'y')", NULL, FA_ERR_WORKER, {"global 'package' is not defined"}},
  {"debug", "debug.getregistry()", NULL, FA_ERR_WORKER, {"global 'debug' is not defined"}},
  {"dofile", "dofile('/etc/passwd')", NULL, FA_ERR_WORKER, {"global 'dofile' is not defined"}},
  {"loadfile", "loadfile('/etc/passwd')", NULL, FA_ERR_WORKER, {"global 'loadfile' is not defined"}},
  {"random", "math.random()", NULL, FA_ERR_WORKER, {"attempt to call a nil value (field 'random')"}},
  {"dump", "string.dump(print)", NULL, FA_ERR_WORKER, {"attempt to call a nil value (field 'dump')"}},
  {"metatable of strings", "getmetatable('').__index = nil return " RESULT, NULL, FA_OK, {0}},
  {"metatable of globals", "setmetatable(_G, nil)", NULL, FA_ERR_WORKER, {"cannot change a protected metatable"}},
  {"no result", "return nil", NULL, FA_ERR_WORKER, {"main.generate returns a nil, expected a table"}},
  {"missing field", "local r = " RESULT " r.symbol = nil return r", NULL, FA_ERR_WORKER, {"result 'symbol' is a nil, expected a string"}},
  {"zero byte", "local r = " RESULT " r.source = 'a\\0b' return r", NULL, FA_ERR_WORKER, {"result 'source' has a zero byte within"}},
  {"fraction", "local r = " RESULT " r.block = 1.5 return r", NULL, FA_ERR_WORKER, {"result 'block' is no integer"}},
  {"option of two lines", "local r = " RESULT " r.options = {'-O3\\n-O0'} return r", NULL, FA_ERR_WORKER, {"options: entry 1 is no string of one line"}},
};

static fa_status generate(fa_generated *generated, const char *body, const char *other, fa_error *error) {
  static const fa_lua_limits limits = {.memory_bytes = 32 << 20, .instructions = 3000000};
  char text[2048];
  snprintf(text, sizeof text, "return {generate = function(fields, names) %s end, targets = function() return {'gfx1', 'gfx2'} end}", body);
  const fa_template files[] = {{.path = "lib/other.lua", .data = (const unsigned char *)other, .size = other ? strlen(other) : 0},
                               {.path = "main.lua", .data = (const unsigned char *)text, .size = strlen(text)}};
  const fa_template_tree tree = {.files = other ? files : files + 1, .count = other ? 2 : 1};
  return fa_lua_generate(generated, &tree, &limits, "kernel=gemm target=gfx942 block_m=auto", NULL, error);
}

static void test_case(void **state) {
  const lua_case *c = *state;
  fa_generated generated;
  fa_error error = {.text = ""};
  fa_status status = generate(&generated, c->body, c->other, &error);
  if (status != c->status) fail_msg("%s, expected %s: %s", fa_status_name(status), fa_status_name(c->status), error.text);
  for (int i = 0; i < 3 && c->says[i]; i++)
    if (!strstr(error.text, c->says[i])) fail_msg("expected '%s' in: %s", c->says[i], error.text);
  if (!status) {
    assert_string_equal(generated.options, "-O3\n-mcumode\n");
    assert_int_equal(generated.block, 64);
  }
  fa_generated_free(&generated);
}

static void test_no_main(void **state) {
  const fa_template_tree tree = {.count = 0};
  fa_generated generated;
  fa_error error;
  (void)state;
  assert_int_equal(fa_lua_generate(&generated, &tree, NULL, "a=b", NULL, &error), FA_ERR_WORKER);
  assert_non_null(strstr(error.text, "there is no template 'main' (templates/main.lua)"));
}

static void test_targets(void **state) {
  const char *text = "return {targets = function() return {'gfx1', 'gfx2'} end}";
  const fa_template file = {.path = "main.lua", .data = (const unsigned char *)text, .size = strlen(text)};
  const fa_template_tree tree = {.files = &file, .count = 1};
  fa_error error;
  char *names;
  (void)state;
  assert_int_equal(fa_lua_targets(&names, &tree, NULL, &error), FA_OK);
  assert_string_equal(names, "gfx1\ngfx2\n");
  free(names);
}

/* The embedded templates are those of the source tree, byte for byte, and so is their digest. */
static void test_embedded_templates(void **state) {
  fa_template_tree tree;
  char message[512];
  (void)state;
  if (!fa_template_tree_read(&tree, FA_SOURCE_DIR "/templates", message, sizeof message)) fail_msg("%s", message);
  assert_int_equal(tree.count, fa_templates_embedded.count);
  assert_string_equal(tree.digest, fa_templates_embedded.digest);
  for (size_t i = 0; i < tree.count; i++) {
    assert_string_equal(tree.files[i].path, fa_templates_embedded.files[i].path);
    assert_int_equal(tree.files[i].size, fa_templates_embedded.files[i].size);
    assert_memory_equal(tree.files[i].data, fa_templates_embedded.files[i].data, tree.files[i].size);
  }
  assert_ptr_equal(fa_template_tree_find(&tree, tree.files[0].path), &tree.files[0]);
  assert_null(fa_template_tree_find(&tree, "no/such.lua"));
  fa_template_tree_free(&tree);
  assert_false(fa_template_tree_read(&tree, "/proc/nonexistent", message, sizeof message));
  assert_string_equal(message, "template directory /proc/nonexistent: No such file or directory");
}

/* Examples of FIPS 180-4's companion document, and lengths around the block's edges against the same data added in pieces. */
static void test_sha256(void **state) {
  fa_sha256 hash;
  char whole[65], pieces[65], data[300];
  (void)state;
  fa_sha256_start(&hash);
  fa_sha256_finish(whole, &hash);
  assert_string_equal(whole, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  fa_sha256_start(&hash);
  fa_sha256_add(&hash, "abc", 3);
  fa_sha256_finish(whole, &hash);
  assert_string_equal(whole, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  fa_sha256_start(&hash);
  fa_sha256_add(&hash, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
  fa_sha256_finish(whole, &hash);
  assert_string_equal(whole, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * 7);
  for (size_t size = 0; size <= sizeof data; size++) {
    fa_sha256_start(&hash);
    fa_sha256_add(&hash, data, size);
    fa_sha256_finish(whole, &hash);
    fa_sha256_start(&hash);
    for (size_t i = 0; i < size; i++) fa_sha256_add(&hash, data + i, 1);
    fa_sha256_finish(pieces, &hash);
    assert_string_equal(whole, pieces);
  }
}

int main(void) {
  enum { CASES = sizeof cases / sizeof *cases };
  struct CMUnitTest tests[CASES + 4] = {[CASES] = cmocka_unit_test(test_no_main), cmocka_unit_test(test_targets),
                                        cmocka_unit_test(test_embedded_templates), cmocka_unit_test(test_sha256)};
  for (size_t i = 0; i < CASES; i++)
    tests[i] = (struct CMUnitTest){.name = cases[i].name, .test_func = test_case, .initial_state = (void *)(uintptr_t)&cases[i]};
  return _cmocka_run_group_tests("lua host", tests, CASES + 4, NULL, NULL);
}
