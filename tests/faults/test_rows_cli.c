/* SPDX-License-Identifier: MIT
 * Failure modes 30, 38 and 42: machines without a GPU, odd surroundings of the command, and outputs that cannot be written or are interrupted. */
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli_run.h"
#include "scratch.h"
#include "trial.h"

static char folder[512];

static int set_up(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  setenv("FA_QUARANTINE", "", 1);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

/* Runs it and expects that exit code and, in standard error, that text. */
static void expect(const char *command, int code, const char *says) {
  cli_result r = cli_shell(folder, command);
  cli_expect(&r, command, code);
  if (says && !strstr(r.err, says)) fail_msg("%s\n\"%s\" is meant in: %s", command, says, r.err);
  cli_free(&r);
}

#define PROBLEM "target=gfx1100 dtype=fp16 head_dim=64"
#define RUN "$FA_GEN run -q $DATA/short_layer2_q.npy -k $DATA/short_layer2_k.npy -v $DATA/short_layer2_v.npy --cache-dir '' "

static void row_30_no_gpu_no_driver_or_a_damaged_one(void **state) {
  (void)state;
  expect(RUN "--device hip:99", 1, "device hip");
  expect("mkdir lib && cp $FA_GEN lib/libamdhip64.so.7 && LD_LIBRARY_PATH=lib " RUN "--device hip", 1, "libamdhip64"); /* a program is no library */
  expect("rm lib/* && cp $(dirname $FA_GEN)/../lib/libfagen-emulator.so.0 lib/libamdhip64.so.7 && "
         "LD_LIBRARY_PATH=lib " RUN "--device hip", 1, "libamdhip64 has no hipGetDeviceCount: it is damaged, or not of HIP 5, 6 or 7");
  expect("$FA_GEN emit " PROBLEM " -o kernel.hip && test -s kernel.hip", 0, NULL); /* what needs no GPU works */
  expect("$FA_GEN build " PROBLEM " -o kernels && test -s kernels/*.co", 0, NULL);
}

static void row_38_odd_surroundings_give_the_same_bytes(void **state) {
  (void)state;
  static const char *const around[] = {
    "LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 LC_NUMERIC=de_DE.UTF-8 $FA_GEN",
    "umask 0777; $FA_GEN",
    "exec <&-; $FA_GEN",
    "exec >&-; $FA_GEN",
    "exec 2>&-; $FA_GEN",
    "exec <&- >&- 2>&-; $FA_GEN",
    "exec 2>&-; $FA_GEN --no-such-option; $FA_GEN", /* nothing of what it says ends in a file */
    "mkdir gone && cd gone && rmdir ../gone && $FA_GEN",
    "env -i PATH=/usr/bin:/bin FA_CACHE_DIR=$FA_CACHE_DIR $FA_GEN",
    "TZ=Pacific/Auckland HOME=/nonexistent TMPDIR=/tmp COLUMNS=1 TERM=dumb $FA_GEN",
  };
  expect("$FA_GEN emit " PROBLEM " -o emit.hip && $FA_GEN build --cache-dir '' " PROBLEM " -o plain", 0, NULL);
  for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
    char command[2048];
    snprintf(command, sizeof command, "top=$PWD; (%s emit " PROBLEM " -o $top/odd.hip) && chmod 600 odd.hip && cmp emit.hip odd.hip && rm odd.hip", around[i]);
    expect(command, 0, NULL);
    if (i == 3 || i == 4 || i == 6 || i > 7) continue; /* compiling takes longer */
    snprintf(command, sizeof command, "top=$PWD; (%s build --cache-dir '' " PROBLEM " -o $top/odd); chmod -R u+rwX odd && "
             "cmp plain/*.co odd/*.co && cmp plain/*.json odd/*.json && rm -r odd", around[i]);
    if (i != 1) expect(command, 0, NULL); /* with that umask the folder itself cannot be entered, except by root */
  }
}

/* ---- 42 ---- */

static void row_42_output_that_cannot_be_written(void **state) {
  (void)state;
  expect("echo old > out && $FA_GEN emit " PROBLEM " -o out && grep -q attention_fwd out", 0, NULL); /* what is there is replaced */
  expect("mkdir dir && $FA_GEN emit " PROBLEM " -o dir", 4, "dir");
  expect("$FA_GEN emit " PROBLEM " -o none/such/file", 4, "none/such/file");
  expect("$FA_GEN emit " PROBLEM " > /dev/full", 4, "No space left");
  expect("$FA_GEN supports --list > /dev/full", 4, "No space left");
  /* Too little room: nothing half written, and what was there stays. */
  expect("cp out before; ulimit -f 1; $FA_GEN emit " PROBLEM " -o out", 4, "out");
  expect("cmp out before && test $(ls -A | grep -c tmp) = 0", 0, NULL);
  expect("touch file && $FA_GEN build " PROBLEM " -o file", 4, "file");
  expect("$FA_GEN emit " PROBLEM " | head -c 1 > /dev/null", 0, NULL); /* a reader that leaves is no trouble */
}

static int count(const char *ending) {
  char command[256];
  snprintf(command, sizeof command, "ls -A kernels 2>/dev/null | grep -c '%s'; true", ending);
  cli_result r = cli_shell(folder, command);
  int n = atoi(r.out);
  cli_free(&r);
  return n;
}

static void row_42_interrupted_half_way(void **state) {
  (void)state;
  static const struct {
    int signal, code;
  } rows[] = {{SIGINT, 130}, {SIGTERM, 1000 + SIGTERM}, {SIGKILL, 1000 + SIGKILL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
      if (chdir(folder) || !freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout)) _exit(9);
      execl(FA_TEST_BIN "/fa-gen", "fa-gen", "build", "--cache-dir", "", "-j", "1", "target=gfx1100", "head_dim=32,40,48,64", "-o", "kernels", (char *)NULL);
      _exit(9);
    }
    for (int k = 0; k < 3000 && count(".json") == 0; k++) usleep(10000);
    kill(child, rows[i].signal);
    assert_int_equal(waitpid(child, &status, 0), child);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    if (code != rows[i].code) fail_msg("signal %d: %d, must be %d", rows[i].signal, code, rows[i].code);
    assert_in_range(count(".co$"), 1, 3);
    if (rows[i].signal != SIGKILL) assert_int_equal(count("tmp"), 0);
    expect("for f in kernels/*.co; do head -c 4 $f | grep -q ELF || exit 1; done", 0, NULL); /* whole, or not there */
    expect("rm -r kernels", 0, NULL);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(row_30_no_gpu_no_driver_or_a_damaged_one),
    TEST(row_38_odd_surroundings_give_the_same_bytes),
    TEST(row_42_output_that_cannot_be_written),
    TEST(row_42_interrupted_half_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
