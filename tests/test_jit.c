/* SPDX-License-Identifier: MIT
 * libfagen-jit in a host that has a Lua of its own: linked with the system's shared one and exporting all its symbols (-rdynamic), which is the worst
 * that a host can do.  Where the compiler is a set of packages with a C library of its own, this program starts itself once more under that set's
 * loader: then a compile in this very process is possible, and is what is tested. */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "process.h"
#include "worker_client.h"

#ifdef __SANITIZE_ADDRESS__
/* What the compiler's libraries keep until the end of the process is theirs. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libhiprtc.so\nleak:libamd_comgr.so\nleak:libLLVM\nleak:ld-linux\n"; }
#endif

static fa_toolchain toolchain;
static const fa_worker_limits in_process = {.jit = FA_JIT_IN_PROCESS};

static fa_status build(fa_bundle **reply, const fa_worker_limits *limits, const char *problem, fa_error *error) {
  const char *directory = FA_TEST_DATA "/worker_templates";
  const fa_section request[] = {{"op", "build", 5}, {"problem", problem, strlen(problem)}, {"templates_dir", directory, strlen(directory)}};
  error->text[0] = 0;
  return fa_worker_call(reply, &toolchain, limits, request, 3, error);
}

/* What the host does with its own Lua; the sum of i * i below 1000. */
static const char script[] = "local s = 0; for i = 1, 999 do s = s + i * i end; local t = {}; for i = 1, 50 do t[i] = ('x'):rep(i) end; return s + #table.concat(t)";
enum { SCRIPT_RESULT = 332833500 + 1275 };

static void run_script(lua_State *L) {
  if (luaL_dostring(L, script)) fail_msg("%s", lua_tostring(L, -1));
  assert_int_equal(lua_tointeger(L, -1), SCRIPT_RESULT);
  lua_pop(L, 1);
}

static lua_State *open_lua(void) {
  lua_State *L = luaL_newstate();
  assert_non_null(L);
  luaL_openlibs(L);
  run_script(L);
  return L;
}

static atomic_bool stop;

static void *keep_running(void *state) {
  while (!atomic_load(&stop)) run_script(state);
  return NULL;
}

/* Before, during and after; and what is compiled is what a worker compiles. */
static void test_beside_another_lua(void **state) {
  static const char *const problems[] = {"case=plain target=gfx942", "case=plain target=gfx1100", "case=syntax target=gfx942", "case=plain target=gfx999"};
  static const char *const compared[] = {"status", "error", "object", "source", "manifest", "variant", "log", "templates_digest"};
  lua_State *L = open_lua();
  pthread_t thread;
  (void)state;
  atomic_store(&stop, false);
  assert_int_equal(pthread_create(&thread, NULL, keep_running, L), 0);
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
    fa_bundle *here, *there;
    fa_error error, other;
    fa_status status = build(&here, &in_process, problems[i], &error);
    assert_int_equal(status, build(&there, NULL, problems[i], &other));
    assert_string_equal(error.text, other.text);
    if (!here || !there) fail_msg("%s: %s", problems[i], error.text);
    for (size_t c = 0; c < sizeof compared / sizeof *compared; c++) {
      const fa_section *a = fa_bundle_find(here, compared[c]), *b = fa_bundle_find(there, compared[c]);
      if (!a != !b || (a && (a->size != b->size || memcmp(a->data, b->data, a->size) != 0))) fail_msg("%s: %s differs", problems[i], compared[c]);
    }
    fa_bundle_free(here);
    fa_bundle_free(there);
  }
  atomic_store(&stop, true);
  pthread_join(thread, NULL);
  run_script(L);
  lua_close(L);
}

/* The host's Lua is still the one that everybody finds, and the library's is nobody's. */
static void test_symbols_stay_apart(void **state) {
  const char *file = FA_TEST_BIN "/../lib/libfagen-jit.so";
  fa_bundle *reply;
  fa_error error;
  Dl_info info;
  (void)state;
  assert_int_equal(build(&reply, &in_process, "case=plain target=gfx942", &error), FA_OK);
  fa_bundle_free(reply);
  assert_null(dlsym(RTLD_DEFAULT, "fa_jit_library"));
  void *lua = dlsym(RTLD_DEFAULT, "lua_newstate");
  assert_true(lua && dladdr(lua, &info) && !strstr(info.dli_fname, "fagen"));
  void *library = dlopen(file, RTLD_NOW | RTLD_NOLOAD);
  assert_non_null(library); /* this one it was */
  assert_non_null(dlsym(library, "fa_jit_library"));
  assert_null(dlsym(library, "lua_newstate"));
  assert_null(dlsym(library, "json_loads"));
  assert_null(dlsym(library, "fa_worker_operate"));
  dlclose(library);
}

static void *build_some(void *sizes) {
  for (int i = 0; i < 3; i++) {
    fa_bundle *reply;
    fa_error error;
    if (build(&reply, &in_process, i % 2 ? "case=plain target=gfx1100" : "case=plain target=gfx942", &error)) return NULL;
    const fa_section *object = fa_bundle_find(reply, "object");
    ((uint64_t *)sizes)[i] = object ? object->size : 0;
    fa_bundle_free(reply);
  }
  return sizes;
}

/* hiprtc is asked by one thread at a time, whoever calls. */
static void test_threads(void **state) {
  pthread_t threads[4];
  uint64_t sizes[4][3];
  (void)state;
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, build_some, sizes[i]), 0);
  for (int i = 0; i < 4; i++) {
    void *done;
    pthread_join(threads[i], &done);
    assert_ptr_equal(done, sizes[i]);
    assert_memory_equal(sizes[i], sizes[0], sizeof sizes[0]);
    assert_true(sizes[i][0] > 0 && sizes[i][0] == sizes[i][2]);
  }
}

static void test_starts_no_process(void **state) {
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_plan_info info = {.size = sizeof info};
  (void)state;
  for (int i = 0; i < 300 && process_count_children(getpid()); i++) usleep(10000); /* the workers of the tests before */
  assert_int_equal(process_count_children(getpid()), 0);
  options.device = "emulator:gfx942";
  options.cache_dir = "";
  options.jit = FA_JIT_IN_PROCESS;
  options.compile_seconds = 300;
  if (fa_context_create(&context, &options) || fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  assert_int_equal(fa_plan_get_info(plan, &info), FA_OK);
  assert_string_equal(info.origin, "compiled");
  assert_int_equal(process_count_children(getpid()), 0);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

/* A child may compile, but not one that was made in the middle of a compile. */
static void test_fork(void **state) {
  fa_bundle *reply;
  fa_error error;
  int code;
  (void)state;
  assert_int_equal(build(&reply, &in_process, "case=plain target=gfx942", &error), FA_OK);
  fa_bundle_free(reply);
  pid_t child = fork();
  if (child == 0) _exit(build(&reply, &in_process, "case=plain target=gfx942", &error) != FA_OK);
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_int_equal(code, 0);

  pthread_t thread;
  uint64_t sizes[3];
  assert_int_equal(pthread_create(&thread, NULL, build_some, sizes), 0);
  int refused = 0;
  for (int i = 0; i < 20; i++) { /* most of them fall into a compile */
    usleep(5000);
    child = fork();
    if (child == 0) {
      alarm(20); /* a child that hangs is what this is about */
      fa_status status = build(&reply, &in_process, "case=plain target=gfx942", &error);
      _exit(status == FA_OK ? 0 : status == FA_ERR_TOOLCHAIN && strstr(error.text, "was forked while its parent compiled") ? 1 : 2);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) < 2);
    refused += WEXITSTATUS(code);
  }
  pthread_join(thread, NULL);
  assert_true(refused > 0);
}

static void test_refusals(void **state) {
  fa_worker_limits other = {.jit = FA_JIT_IN_PROCESS, .jit_library = FA_TEST_BIN "/fa-gen"};
  fa_bundle *reply;
  fa_error error;
  (void)state;
  assert_int_equal(setenv("HIPRTC_COMPILE_OPTIONS_APPEND", "-DX", 1), 0);
  assert_int_equal(build(&reply, &in_process, "case=plain target=gfx942", &error), FA_ERR_TOOLCHAIN);
  assert_non_null(strstr(error.text, "HIPRTC_COMPILE_OPTIONS_APPEND is set in the environment and would change the code"));
  unsetenv("HIPRTC_COMPILE_OPTIONS_APPEND");
  assert_int_equal(build(&reply, &other, "case=plain target=gfx942", &error), FA_ERR_TOOLCHAIN);
  assert_non_null(strstr(error.text, "one is all it may have"));
  assert_int_equal(build(&reply, &in_process, "case=plain target=gfx942", &error), FA_OK);
  fa_bundle_free(reply);
}

/* Without that loader: said clearly, with what would work. */
static void test_other_c_library(void **state) {
  fa_bundle *reply;
  fa_error error;
  (void)state;
  assert_int_equal(build(&reply, &in_process, "case=plain target=gfx942", &error), FA_ERR_TOOLCHAIN);
  assert_non_null(strstr(error.text, "came with a C library of its own"));
  assert_non_null(strstr(error.text, "FA_JIT=process"));
  assert_int_equal(build(&reply, NULL, "case=plain target=gfx942", &error), FA_OK);
  fa_bundle_free(reply);
}

/* The same test under the toolchain's loader. */
static int run_there(const char *self) {
  char path[8192 + 64];
  snprintf(path, sizeof path, "%s:/usr/local/lib:/usr/lib/x86_64-linux-gnu:/usr/lib64", toolchain.library_path);
  fflush(NULL);
  execl(toolchain.loader, toolchain.loader, "--library-path", path, self, "there", (char *)NULL);
  perror(toolchain.loader);
  return 1;
}

int main(int argc, char **argv) {
  const struct CMUnitTest here[] = {cmocka_unit_test(test_other_c_library)};
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_beside_another_lua), cmocka_unit_test(test_symbols_stay_apart), cmocka_unit_test(test_threads),
    cmocka_unit_test(test_starts_no_process),  cmocka_unit_test(test_fork),               cmocka_unit_test(test_refusals),
  };
  fa_error error;
  char self[4096];
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
  }
  if (*toolchain.loader && argc < 2) {
    int failed = cmocka_run_group_tests_name("libfagen-jit under the wrong C library", here, NULL, NULL);
    return failed || !realpath(argv[0], self) ? 1 : run_there(self);
  }
  while (waitpid(-1, NULL, 0) > 0) {} /* of before the exec */
  return cmocka_run_group_tests_name("libfagen-jit", tests, NULL, NULL);
}
