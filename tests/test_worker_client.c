/* SPDX-License-Identifier: MIT
 * The worker's client against workers that crash, hang, lie and talk too much: always a clear error, nothing left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "process.h"
#include "scratch.h"
#include "temporary.h"
#include "worker_client.h"
#include "worker_pool.h"

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

/* One call to the worker of that mode: its text, malloc'ed; NULL with the error's text in *error. */
static char *ask(const char *mode, fa_error *error) {
  fa_toolchain toolchain;
  fa_bundle *reply;
  use_worker(&toolchain, mode);
  fa_status status = fa_worker_call(&reply, &toolchain, NULL, request, 1, error);
  char *text = status ? NULL : strdup(fa_bundle_text(reply, "text", ""));
  fa_bundle_free(reply);
  return text;
}

static pid_t ask_pid(const char *mode) {
  fa_error error = {.text = ""};
  char *text = ask(mode, &error);
  if (!text) fail_msg("%s", error.text);
  pid_t pid = atoi(text);
  free(text);
  assert_true(pid > 1);
  return pid;
}

/* Waits until no worker of this process is left. */
static void wait_for_end(void) {
  for (int i = 0; i < 500 && (process_count_children(getpid()) || count_entries(temporary_root)); i++) usleep(10000);
  assert_int_equal(process_count_children(getpid()), 0);
  assert_int_equal(count_entries(temporary_root), 0);
}

static void wait_for_none(void) {
  fa_worker_pool_rest();
  wait_for_end();
}

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
  {"mute", FA_ERR_WORKER, {"worker mute ended with exit code 0 before its answer"}},
  {"version", FA_ERR_WORKER, {"worker version speaks protocol 'fagen-worker-0', this library fagen-worker-2; they belong to different builds"}},
  {"templates", FA_ERR_WORKER, {"worker templates has other templates than this library knows; they belong to different builds"}},
  {"stale", FA_ERR_WORKER, {"worker stale answered another request than the one that was asked"}},
  {"status", FA_ERR_WORKER, {"unknown status 'FA_ERR_NONSENSE'"}},
};

static void test_ending(void **state) {
  const ending *expected = *state;
  fa_toolchain toolchain;
  fa_error error = {.text = ""};
  fa_bundle *reply = NULL;
  fa_worker_limits limits = {.seconds = strcmp(expected->mode, "hang") ? 20 : 1};
  size_t descriptors = open_descriptors(), directories = count_entries(temporary_root); /* of idle workers, which may end meanwhile */
  use_worker(&toolchain, expected->mode);
  assert_int_equal(fa_worker_call(&reply, &toolchain, &limits, request, 1, &error), expected->status);
  for (int i = 0; i < 3 && expected->says[i]; i++)
    if (!strstr(error.text, expected->says[i])) fail_msg("expected '%s' in: %s", expected->says[i], error.text);
  size_t usable = reply != NULL; /* a worker whose answer is one stays for a moment */
  fa_bundle_free(reply);
  assert_true(count_entries(temporary_root) <= directories + usable);
  assert_true(open_descriptors() <= descriptors + 3 * usable);
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
  wait_for_none();
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

static void test_children_of_a_worker_that_ended(void **state) {
  fa_error error;
  (void)state;
  assert_null(ask("orphan", &error));
  const char *child = strstr(error.text, "child ");
  assert_non_null(child);
  for (int i = 0; i < 200 && process_is_running(atoi(child + 6)); i++) usleep(10000);
  assert_false(process_is_running(atoi(child + 6)));
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
  wait_for_none();
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

/* ---- the pool ---- */

static void test_a_worker_serves_many(void **state) {
  (void)state;
  pid_t first = ask_pid("who");
  for (int i = 0; i < 5; i++) assert_int_equal(ask_pid("who"), first);
  wait_for_end(); /* soon, and waited for */
  assert_int_equal(kill(first, 0), -1);
  assert_int_not_equal(ask_pid("who"), first);
}

/* Nor for ever: after 200 requests, or above 1 GiB, comes another. */
static void test_a_worker_is_replaced(void **state) {
  int served = 0;
  (void)state;
  for (pid_t first = ask_pid("who"); ask_pid("who") == first;) served++;
  assert_in_range(served, 150, 200); /* some before this test */
  pid_t fat = ask_pid("fat");
  assert_int_not_equal(ask_pid("fat"), fat);
}

/* What a worker does to its second request is no fault of that request: a fresh worker serves it. */
static void test_second_request(void **state) {
  static const char *const modes[] = {"second-crash", "second-exit", "second-junk", "second-unverified", "second-truncated", "second-huge",
                                      "second-talkative", "second-deaf", "second-stale"};
  (void)state;
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    pid_t first = ask_pid(modes[i]), second = ask_pid(modes[i]);
    if (first == second || process_is_running(first)) fail_msg("%s: %ld, %ld", modes[i], (long)first, (long)second);
  }
}

static void test_second_request_hangs(void **state) {
  const fa_worker_limits limits = {.seconds = 1};
  fa_toolchain toolchain;
  fa_error error;
  fa_bundle *reply;
  (void)state;
  pid_t first = ask_pid("second-hang");
  use_worker(&toolchain, "second-hang");
  assert_int_equal(fa_worker_call(&reply, &toolchain, &limits, request, 1, &error), FA_ERR_WORKER);
  assert_non_null(strstr(error.text, "worker second-hang gave no answer within 1 s and was stopped"));
  assert_false(process_is_running(first));
  assert_int_not_equal(ask_pid("second-hang"), first);
}

/* An answer too many is not taken for the next request's. */
static void test_answers_twice(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    fa_error error;
    char *text = ask("twice", &error);
    assert_non_null(text);
    assert_string_equal(text, "hello");
    free(text);
  }
}

static void test_directory_is_emptied(void **state) {
  fa_error error;
  (void)state;
  char *directory = ask("litter", &error);
  assert_non_null(directory);
  assert_int_equal(count_entries(directory), 0);
  free(directory);
}

static void *call_slowly(void *status) {
  const fa_worker_limits limits = {.workers = 2};
  fa_toolchain toolchain;
  fa_error error;
  use_worker(&toolchain, status ? "slow" : "who"); /* two kinds: a waiting worker of one gives its place up to the other */
  for (int i = 0; i < 3; i++) {
    fa_bundle *reply;
    if (fa_worker_call(&reply, &toolchain, &limits, request, 1, &error)) return "failed";
    fa_bundle_free(reply);
  }
  return NULL;
}

static void test_no_more_than_the_limit(void **state) {
  pthread_t threads[6];
  size_t most = 0;
  (void)state;
  wait_for_none();
  for (size_t i = 0; i < 6; i++) assert_int_equal(pthread_create(&threads[i], NULL, call_slowly, i % 2 ? threads : NULL), 0);
  for (int i = 0; i < 50; i++) {
    size_t count = process_count_children(getpid());
    if (count > most) most = count;
    usleep(5000);
  }
  for (size_t i = 0; i < 6; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  assert_int_equal(most, 2);
}

static void *cancel_soon(void *flag) {
  usleep(200000);
  atomic_store((atomic_bool *)flag, true);
  return NULL;
}

/* Whether it works or waits for its turn. */
static void test_cancel(void **state) {
  atomic_bool flag = false;
  const fa_worker_limits limits = {.workers = 1, .cancel = &flag};
  fa_toolchain toolchain;
  pthread_t threads[2];
  (void)state;
  use_worker(&toolchain, "hang");
  for (int i = 0; i < 2; i++) { /* the second call finds the flag set */
    fa_error error;
    fa_bundle *reply;
    assert_int_equal(pthread_create(&threads[i], NULL, cancel_soon, &flag), 0);
    assert_int_equal(fa_worker_call(&reply, &toolchain, &limits, request, 1, &error), FA_ERR_WORKER);
    assert_string_equal(error.text, "the compile was cancelled");
    pthread_join(threads[i], NULL);
  }
}

#ifndef __SANITIZE_THREAD__ /* that sanitizer has no threads in a child made by fork, and the pool starts one there */
/* Runs `body` in a child made by fork, which then ends by exit; its code. */
static int in_child(int (*body)(pid_t), pid_t argument) {
  int state;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) exit(body(argument));
  assert_int_equal(waitpid(child, &state, 0), child);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static int use_another(pid_t parents) {
  pid_t own = ask_pid("who");
  return own != parents && ask_pid("who") == own ? 0 : 1;
}

static int use_none(pid_t unused) {
  (void)unused;
  return 0;
}

/* A child has workers of its own, and its end is not the end of its parent's. */
static void test_fork(void **state) {
  (void)state;
  pid_t own = ask_pid("who");
  assert_int_equal(in_child(use_another, own), 0);
  assert_int_equal(in_child(use_none, 0), 0);
  assert_int_equal(ask_pid("who"), own);
  wait_for_none(); /* the child's, too, are gone with it */
}
#endif

/* A child does not hold its parent's channels open: the parent's worker sees its parent's end. */
static void test_fork_closes_channels(void **state) {
  (void)state;
  wait_for_none();
  pid_t own = ask_pid("who");
  size_t descriptors = open_descriptors();
  int pipes[2], count = -1;
  assert_int_equal(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) {
    count = (int)open_descriptors();
    _exit(write(pipes[1], &count, sizeof count) != sizeof count);
  }
  assert_int_equal(read(pipes[0], &count, sizeof count), sizeof count);
  waitpid(child, NULL, 0);
  close(pipes[0]);
  close(pipes[1]);
  assert_int_equal(count, (int)descriptors + 2 - 3); /* the pipe; channel, log and directory */
  assert_int_equal(ask_pid("who"), own);
}

/* The toolchain was upgraded under a running process: its files are others than those that the key names. */
static void row_20_toolchain_replaced(void **state) {
  fa_toolchain toolchain;
  fa_error error;
  fa_bundle *reply;
  (void)state;
  use_worker(&toolchain, "other-compiler");
  strcpy(toolchain.identity, "hiprtc=1234 comgr=abce llvm=static");
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_ERR_TOOLCHAIN);
  assert_null(reply);
  assert_string_equal(error.text, "the compiler was replaced while this process ran (loaded was comgr=abcd, the key says comgr=abce): what it made is discarded; "
                                  "a new context sees the new one");
  strcpy(toolchain.identity, "hiprtc=1234 comgr=123-456 llvm=elsewhere"); /* without a build-id there is nothing to compare */
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, request, 1, &error), FA_OK);
  fa_bundle_free(reply);
}

/* A full place is passed over. */
static void test_full_temporary_directory(void **state) {
  char full[4096];
  fa_temporary temporary;
  fa_error error;
  (void)state;
  snprintf(full, sizeof full, "%s/full", base);
  assert_int_equal(mkdir(full, 0700), 0);
  if (mount("none", full, "tmpfs", 0, "size=64k") != 0) {
    printf("skipped: no file system can be mounted (%s)\n", strerror(errno));
    skip();
  }
  setenv("XDG_RUNTIME_DIR", full, 1);
  fa_status status = fa_temporary_make(&temporary, &error);
  unsetenv("XDG_RUNTIME_DIR");
  umount(full);
  assert_int_equal(status, FA_OK);
  assert_memory_equal(temporary.path, temporary_root, strlen(temporary_root));
  fa_temporary_remove(&temporary);
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
  struct CMUnitTest tests[sizeof endings / sizeof *endings + 22];
  const struct CMUnitTest others[] = {
    cmocka_unit_test(test_refusal_keeps_the_bundle), cmocka_unit_test(test_no_such_worker),           cmocka_unit_test(test_surroundings),
    cmocka_unit_test(test_host_ignores_sigchld),     cmocka_unit_test(test_children_of_the_worker_end), cmocka_unit_test(test_children_of_a_worker_that_ended), cmocka_unit_test(test_many_threads),
    cmocka_unit_test(test_orphans_are_reaped),       cmocka_unit_test(test_no_temporary_directory),
    cmocka_unit_test(test_a_worker_serves_many),     cmocka_unit_test(test_second_request),
    cmocka_unit_test(test_a_worker_is_replaced),     cmocka_unit_test(test_full_temporary_directory),
    cmocka_unit_test(test_second_request_hangs),     cmocka_unit_test(test_answers_twice),
    cmocka_unit_test(test_directory_is_emptied),     cmocka_unit_test(test_no_more_than_the_limit),
    cmocka_unit_test(test_fork_closes_channels),
#ifndef __SANITIZE_THREAD__
    cmocka_unit_test(test_fork),
#endif
    cmocka_unit_test(row_20_toolchain_replaced),     cmocka_unit_test(test_cancel),
  };
  size_t count = 0;
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    tests[count++] = (struct CMUnitTest){.name = endings[i].mode, .test_func = test_ending, .initial_state = (void *)(uintptr_t)&endings[i]};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) tests[count++] = others[i];
  return _cmocka_run_group_tests("worker client", tests, count, set_up, tear_down);
}
