/* SPDX-License-Identifier: MIT
 * fa-gen toolchain: where a compiler is looked for, in which order, and what verify finds.  The tool is run from a copy outside the build tree, with
 * nothing beside it.  (test_setup.sh tests what fetch runs.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli_run.h"
#include "scratch.h"
#include "toolchain.h"

static char folder[1024];
static fa_toolchain real;

/* Runs in the scratch folder, with the copied tool as $T. */
static cli_result run(const char *command) {
  char whole[4096];
  snprintf(whole, sizeof whole, "unset FA_TOOLCHAIN FA_WORKER ROCM_PATH XDG_DATA_HOME; PATH=/usr/bin:/bin; HOME=%s/home; export PATH HOME; T=%s/bin/fa-gen; %s", folder, folder,
           command);
  return cli_shell(folder, whole);
}

static void expect(const char *command, int code, const char *out, const char *err) {
  cli_result result = run(command);
  cli_expect(&result, command, code);
  if (out && !strstr(result.out, out)) fail_msg("%s: expected '%s' in:\n%s", command, out, result.out);
  if (err && !strstr(result.err, err)) fail_msg("%s: expected '%s' in:\n%s", command, err, result.err);
  cli_free(&result);
}

/* The first place that has one is used: explicit, environment, fetched, ROCM_PATH. */
static void test_order(void **state) {
  (void)state;
  char home[2048];
  snprintf(home, sizeof home, "%s/home/.local/share/fa-gen/toolchain (fetched by this user)\n", folder);
  expect("$T toolchain where --toolchain rocm-a", 0, "used      rocm-a (given by the caller)\n", NULL);
  expect("$T toolchain where --toolchain empty", 3, "not in    empty (given by the caller)\n", "neither an unpacked set nor a ROCm tree");
  expect("FA_TOOLCHAIN=$PWD/rocm-b $T toolchain where", 0, "rocm-b (from FA_TOOLCHAIN)\n", NULL);
  expect("ROCM_PATH=$PWD/rocm-a $T toolchain where", 0, "rocm-a (ROCM_PATH)\n", NULL);
  expect("ROCM_PATH=$PWD/rocm-a $T toolchain where", 0, home, NULL);
  expect("XDG_DATA_HOME=$PWD/data ROCM_PATH=$PWD/rocm-a $T toolchain where", 0, "used", NULL);
  cli_result result = run("XDG_DATA_HOME=$PWD/data ROCM_PATH=$PWD/rocm-a $T toolchain where");
  assert_null(strstr(result.out, "rocm-a")); /* it was not asked any more */
  assert_non_null(strstr(result.out, "data/fa-gen/toolchain (fetched by this user)\nworker"));
  cli_free(&result);
  expect("XDG_DATA_HOME=data ROCM_PATH=$PWD/rocm-a $T toolchain where", 0, home, NULL); /* a relative one is no XDG_DATA_HOME */
  expect("$T toolchain", 2, NULL, "one of fetch, where, verify is expected");
  expect("unset HOME; $T toolchain fetch", 2, NULL, "give --dir DIR");
}

/* What a fetched set recorded of its files is what they must be: here links to the real set's, and one file. */
static void test_verify(void **state) {
  static const struct {
    const char *harm, *says;
  } cases[] = {
    {"ln -sf /etc/passwd $L/libz3.so.4", "toolchain: root/usr/lib/x86_64-linux-gnu/libz3.so.4 is not what was fetched (/etc/passwd, recorded was "},
    {"rm $L/libz3.so.4", "toolchain: root/usr/lib/x86_64-linux-gnu/libz3.so.4 is missing or cannot be read"},
    {"printf x >>$L/note", "toolchain: root/usr/lib/x86_64-linux-gnu/note is not what was fetched"},
    {"mkfifo $L/pipe", "somebody added some"},
    {"mkdir $L/glibc-hwcaps; cp $L/note $L/glibc-hwcaps/libLLVM.so.21.1", "somebody added some"},
  };
  (void)state;
  if (!*real.loader) {
    expect("$T toolchain verify --toolchain \"$FA_REAL\"", 0, "not recorded", NULL);
    return;
  }
  expect("mkdir -p set && cp -rs \"$FA_REAL\" set/root && echo note >set/root/usr/lib/x86_64-linux-gnu/note && cd set && "
         "(find root -type l -printf 'link  %p  %l\\n'; find root -type f -print0 | xargs -0 sha256sum) >files", 0, NULL, NULL);
  expect("$T toolchain verify --toolchain $PWD/set", 0, ", as they were fetched\n", NULL);
  expect("$T toolchain verify --json --toolchain $PWD/set", 0, "\"sound\": true", NULL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char command[2048];
    snprintf(command, sizeof command, "rm -rf broken; cp -a set broken; L=broken/root/usr/lib/x86_64-linux-gnu; %s; $T toolchain verify --toolchain $PWD/broken", cases[i].harm);
    expect(command, 4, NULL, cases[i].says);
  }
}

/* What cannot compile is no compiler, whatever its files say. */
static void test_verify_compiles(void **state) {
  (void)state;
  expect("$T toolchain verify --toolchain rocm-a", 3, NULL, "comgr"); /* two libraries that are none */
}

static int set_up(void **state) {
  fa_error error;
  char *slash;
  (void)state;
  scratch_make(folder, sizeof folder);
  if (fa_toolchain_find(&real, NULL, NULL, &error)) return fprintf(stderr, "%s\n", error.text), -1;
  char root[4096];
  snprintf(root, sizeof root, "%s", *real.loader ? real.library_path : real.hiprtc);
  for (int up = *real.loader ? 3 : 1; up > 0 && (slash = strrchr(root, '/')); up--) *slash = 0;
  char *resolved = realpath(root, NULL);
  if (!resolved || setenv("FA_REAL", resolved, 1)) return -1;
  free(resolved);
  cli_result result = cli_shell(folder, "mkdir -p bin home empty rocm-a/lib rocm-b/lib data/fa-gen/toolchain/lib && cp \"$FA_GEN\" \"$FA_GEN\"-worker bin/ && "
                                        "for d in rocm-a/lib rocm-b/lib data/fa-gen/toolchain/lib; do for n in libhiprtc.so.6 libamd_comgr.so.3; do "
                                        "cp \"$(dirname \"$FA_GEN\")/tests/fake_hiprtc.so\" $d/$n; done; done");
  int code = result.code;
  cli_free(&result);
  return code;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_verify), cmocka_unit_test(test_verify_compiles)};
  return cmocka_run_group_tests_name("toolchain", tests, set_up, tear_down);
}
