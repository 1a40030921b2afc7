/* SPDX-License-Identifier: MIT
 * The worker's client against workers that crash, hang, lie and talk too much: always a clear error, nothing left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "process.h"
#include "scratch.h"
#include "temporary.h"
#include "worker_client.h"

static char base[1024];
static char temporary_root[2048]; /* the client's TMPDIR */
static char links[2048];          /* MODE -> fake_worker */

static const fa_section request[] = {{"op", "anything", 8}};

static void use_worker(fa_toolchain *toolchain, const char *mode) {
  memset(toolchain, 0, sizeof *toolchain);
  snprintf(toolchain->worker, sizeof toolchain->worker, "%s/%s", links, mode);
  if (symlink(FA_TEST_BIN "/tests/fake_worker", toolchain->worker) != 0) assert_int_equal(errno, EEXIST);
}

static size_t count_entries(const char *directory) {
  size_t count = 0;
  DIR *stream = opendir(directory);
  assert_non_null(stream);
  for (struct dirent *entry; (entry = readdir(stream));) count += entry->d_name[0] != '.';
  closedir(stream);
  return count;
}

static size_t open_descriptors(void) { return count_entries("/proc/self/fd"); }

typedef struct ending {
  const char *mode;
  fa_status status;
  const char *says[3];
} ending;

static const ending endings[] = {
  {"crash", FA_ERR_WORKER, {"worker crash was ended by signal 11 (Segmentation fault) before its answer", "before the crash"}},
  {"exit", FA_ERR_WORKER, {"worker exit ended with exit code 1 before its answer", "the last words"}},
  {"hang", FA_ERR_WORKER, {"worker hang gave no answer within 1 s and was stopped"}},
  {"deaf", FA_ERR_WORKER, {"worker deaf closed its channel without an answer and was stopped"}},
  {"junk", FA_ERR_WORKER, {"worker junk announced a reply of ", "the limit is 268435456"}},
  {"unverified", FA_ERR_WORKER, {"worker unverified answered 100 bytes that do not verify"}},
  {"truncated", FA_ERR_WORKER, {"worker truncated ended with exit code 0 in the middle of its answer"}},
  {"huge", FA_ERR_WORKER, {"worker huge announced a reply of 1099511627776 bytes, the limit is 268435456"}},
  {"talkative", FA_ERR_WORKER, {"worker talkative printed more than the limit of 16777216 bytes", "...xxxx"}},
  {"version", FA_ERR_WORKER, {"the worker speaks protocol 'fagen-worker-0', this library fagen-worker-1"}},
  {"status", FA_ERR_WORKER, {"unknown status 'FA_ERR_NONSENSE'"}},
};

static void test_ending(void **state) {
  const ending *expected = *state;
  fa_toolchain toolchain;
  fa_error error = {.text = ""};
  fa_bundle *reply = NULL;
  fa_worker_limits limits = {.seconds = strcmp(expected->mode, "hang") ? 20 : 1};
  size_t descriptors = open_descriptors();
  use_worker(&toolchain, expected->mode);
  assert_int_equal(fa_worker_call(&reply, &toolchain, &limits, request, 1, &error), expected->status);
  for (int i = 0; i < 3 && expected->says[i]; i++)
    if (!strstr(error.text, expected->says[i])) fail_msg("expected '%s' in: %s", expected->says[i], error.text);
  fa_bundle_free(reply);
  assert_int_equal(count_entries(temporary_root), 0);
  assert_int_equal(open_descriptors(), descriptors);
  /* and the next one works */
  use_worker(&toolchain, "hello");
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_OK);
  assert_string_equal(fa_bundle_text(reply, "text", ""), "hello");
  fa_bundle_free(reply);
}

static void test_refusal_keeps_the_bundle(void **state) {
  fa_toolchain toolchain;
  fa_error error;
  fa_bundle *reply;
  (void)state;
  use_worker(&toolchain, "refuse");
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_ERR_COMPILE);
  assert_non_null(reply);
  fa_bundle_free(reply);
}

static void test_no_such_worker(void **state) {
  fa_toolchain toolchain = {.worker = "/proc/nonexistent/fa-gen-worker"};
  fa_error error;
  fa_bundle *reply;
  (void)state;
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_ERR_WORKER);
  assert_string_equal(error.text, "worker /proc/nonexistent/fa-gen-worker cannot be started: No such file or directory");
  assert_int_equal(count_entries(temporary_root), 0);
}

/* The worker sees our environment, descriptors and signals only as far as we mean it to. */
static void test_surroundings(void **state) {
  fa_toolchain toolchain;
  fa_error error;
  fa_bundle *reply;
  sigset_t usr1;
  struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
  int leaky = fcntl(STDERR_FILENO, F_DUPFD, 20); /* no FD_CLOEXEC */
  (void)state;
  use_worker(&toolchain, "describe");
  setenv("HIPRTC_COMPILE_OPTIONS_APPEND", "-DX", 1);
  setenv("LD_PRELOAD_FAKE", "x", 1);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, NULL);
  sigaction(SIGPIPE, &ignore, &before);
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_OK);
  sigaction(SIGPIPE, &before, NULL);
  sigprocmask(SIG_UNBLOCK, &usr1, NULL);
  close(leaky);
  const char *text = fa_bundle_text(reply, "text", "");
  char pattern[4200];
  snprintf(pattern, sizeof pattern, "env TMPDIR=%s/fa-gen-worker-", temporary_root);
  assert_non_null(strstr(text, pattern));
  assert_non_null(strstr(text, "env LC_ALL=C\n"));
  assert_non_null(strstr(text, "env AMD_COMGR_CACHE=0\n"));
  assert_null(strstr(text, "HIPRTC"));
  assert_null(strstr(text, "LD_PRELOAD_FAKE"));
  assert_non_null(strstr(text, "fd 3\n"));
  assert_true(leaky >= 20);
  for (const char *at = text; (at = strstr(at, "fd ")); at++) assert_in_range(atoi(at + 3), 0, 3);
  assert_null(strstr(text, "blocked"));
  assert_null(strstr(text, "ignored"));
  assert_non_null(strstr(text, "group own\nstdin 0\n"));
  fa_bundle_free(reply);
}

static void test_host_ignores_sigchld(void **state) {
  fa_toolchain toolchain;
  fa_error error;
  fa_bundle *reply;
  struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
  (void)state;
  sigaction(SIGCHLD, &ignore, &before);
  use_worker(&toolchain, "hello");
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_OK);
  fa_bundle_free(reply);
  use_worker(&toolchain, "exit");
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_ERR_WORKER);
  assert_non_null(strstr(error.text, "worker exit ended before its answer"));
  sigaction(SIGCHLD, &before, NULL);
}

static void test_children_of_the_worker_end(void **state) {
  fa_toolchain toolchain;
  fa_error error;
  fa_bundle *reply;
  (void)state;
  use_worker(&toolchain, "family");
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_OK);
  pid_t child = atoi(fa_bundle_text(reply, "text", "0"));
  fa_bundle_free(reply);
  assert_true(child > 1);
  for (int i = 0; i < 200 && process_is_running(child); i++) usleep(10000);
  assert_false(process_is_running(child));
}

static void *call_some(void *status) {
  fa_toolchain toolchain;
  fa_error error;
  use_worker(&toolchain, "hello");
  for (int i = 0; i < 5; i++) {
    fa_bundle *reply;
    if (fa_worker_call(&reply, &toolchain, NULL, request, 1, &error)) return NULL;
    fa_bundle_free(reply);
  }
  return status;
}

static void test_many_threads(void **state) {
  pthread_t threads[8];
  (void)state;
  for (size_t i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, call_some, threads), 0);
  for (size_t i = 0; i < 8; i++) {
    void *done;
    pthread_join(threads[i], &done);
    assert_ptr_equal(done, threads);
  }
  assert_int_equal(count_entries(temporary_root), 0);
}

static void make_orphan(char path[4096], const char *name, int age) {
  struct utimbuf times = {.modtime = time(NULL) - age, .actime = time(NULL) - age};
  snprintf(path, 4096, "%s/%s", temporary_root, name);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(utime(path, &times), 0);
}

/* What a killed process left is removed; what a living one holds, is young, or is not ours, stays. */
static void test_orphans_are_reaped(void **state) {
  char orphan[4096], held[4096], young[4096], other[4096];
  (void)state;
  make_orphan(orphan, "fa-gen-worker-orphan", 100);
  make_orphan(held, "fa-gen-worker-held", 100);
  make_orphan(young, "fa-gen-worker-young", 0);
  make_orphan(other, "something-else", 100);
  int fd = open(held, O_RDONLY | O_DIRECTORY);
  assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
  fa_temporary_reap(temporary_root);
  assert_int_equal(access(orphan, F_OK), -1);
  assert_int_equal(access(held, F_OK), 0);
  assert_int_equal(access(young, F_OK), 0);
  assert_int_equal(access(other, F_OK), 0);
  close(fd);
  rmdir(held);
  rmdir(young);
  rmdir(other);
}

static void test_no_temporary_directory(void **state) {
  fa_toolchain toolchain;
  fa_error error;
  fa_bundle *reply;
  (void)state;
  use_worker(&toolchain, "hello");
  setenv("TMPDIR", "/proc/nonexistent", 1); /* falls back to /tmp */
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_OK);
  fa_bundle_free(reply);
  setenv("TMPDIR", temporary_root, 1);
}

static int set_up(void **state) {
  (void)state;
  scratch_make(base, sizeof base);
  snprintf(temporary_root, sizeof temporary_root, "%s/tmp", base);
  snprintf(links, sizeof links, "%s/links", base);
  unsetenv("XDG_RUNTIME_DIR");
  return mkdir(temporary_root, 0700) || mkdir(links, 0700) || setenv("TMPDIR", temporary_root, 1);
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove(base);
  return 0;
}

int main(void) {
  struct CMUnitTest tests[sizeof endings / sizeof *endings + 8];
  const struct CMUnitTest others[] = {
    cmocka_unit_test(test_refusal_keeps_the_bundle), cmocka_unit_test(test_no_such_worker),           cmocka_unit_test(test_surroundings),
    cmocka_unit_test(test_host_ignores_sigchld),     cmocka_unit_test(test_children_of_the_worker_end), cmocka_unit_test(test_many_threads),
    cmocka_unit_test(test_orphans_are_reaped),       cmocka_unit_test(test_no_temporary_directory),
  };
  size_t count = 0;
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    tests[count++] = (struct CMUnitTest){.name = endings[i].mode, .test_func = test_ending, .initial_state = (void *)(uintptr_t)&endings[i]};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) tests[count++] = others[i];
  return _cmocka_run_group_tests("worker client", tests, count, set_up, tear_down);
}
