/* SPDX-License-Identifier: MIT
 * Failure modes 11 and 15, and what a hit costs: processes that write, read and evict are killed at random; 64 processes ask for one key; a prebuild is
 * killed again and again; the system calls of a hit are counted. Three seconds each, sixty with FA_TEST_FULL=1; the seed is printed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "cli_run.h"
#include "hash.h"
#include "scratch.h"
#include "store.h"
#include "trial.h"
#include "worker_pool.h"

static unsigned long long seed;

static unsigned below(unsigned n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(seed >> 33) % n;
}

static void plant_seed(void) {
  const char *given = getenv("FA_TEST_SEED");
  seed = given ? strtoull(given, NULL, 10) : (unsigned long long)time(NULL);
  print_message("FA_TEST_SEED=%llu\n", seed);
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double duration(void) { return getenv("FA_TEST_FULL") ? 60 : 3; }

/* ---- 11 ---- */

enum { KEYS = 24, LARGEST = 600000, PROCESSES = 8, LIMIT = 4000000 };
static const char toolchain[] = "hiprtc=1 comgr=2 llvm=3";

/* What is stored under a key follows from the key. */
static size_t content_of(char *data, unsigned key) {
  size_t size = 100 + key * (LARGEST - 100) / KEYS;
  for (size_t i = 0; i < size; i++) data[i] = (char)(i * 31 + key * 7 + (i >> 8));
  return size;
}

static void key_name(char name[64], unsigned key) { snprintf(name, 64, "hammer key %u", key); }

static void hammer_write(fa_store *store, unsigned key) {
  static char data[LARGEST];
  char name[64];
  key_name(name, key);
  size_t size = content_of(data, key);
  (void)fa_store_put(store, name, (fa_section[]){{"object", data, size}}, 1);
}

/* False: what was found is not what was put. */
static bool hammer_read(fa_store *store, unsigned key, long *found) {
  static char data[LARGEST];
  char name[64];
  key_name(name, key);
  size_t size = content_of(data, key);
  fa_bundle *bundle = fa_store_find(store, name);
  if (!bundle) return true;
  const fa_section *object = fa_bundle_find(bundle, "object");
  bool good = object && object->size == size && memcmp(object->data, data, size) == 0;
  ++*found;
  fa_bundle_free(bundle);
  return good;
}

/* A child for good: writers put, readers look, one in eight clears all, and locks are taken on the way.  1: a bad read. */
static void hammer_child(unsigned role, unsigned long long own_seed) {
  char trouble[256];
  long found = 0;
  seed = own_seed;
  fa_store *store = fa_store_open(here.cache, toolchain, NULL, NULL);
  fa_store_limit(store, role % 2 ? LIMIT : 0); /* some evict while they write */
  for (;;) {
    unsigned key = below(KEYS);
    if (role == 0 && below(50) == 0) fa_store_clear(here.cache, below(2), NULL, NULL, trouble, sizeof trouble);
    int lock = below(4) == 0 ? fa_store_lock(store, "hammer key", 1) : -1;
    if (role < 4) hammer_write(store, key);
    if (!hammer_read(store, key, &found)) _exit(1);
    fa_store_unlock(lock);
  }
}

/* Makes what lies there old enough to be an orphan. */
static void age_below(const char *directory) {
  char command[1100];
  snprintf(command, sizeof command, "find '%s' -name '*.tmp' -exec touch -d '3 hours ago' {} +", directory);
  assert_int_equal(system(command), 0);
}

static void row_11_killed_writers_readers_and_evictors(void **state) {
  (void)state;
  pid_t children[PROCESSES] = {0};
  long kills = 0, found = 0;
  char trouble[256];
  plant_seed();
  for (double end = seconds_now() + duration(); seconds_now() < end; kills++) {
    for (unsigned i = 0; i < PROCESSES; i++) {
      unsigned long long own = ((unsigned long long)below(1u << 30) << 30) + below(1u << 30);
      if (children[i]) continue;
      fflush(NULL);
      if ((children[i] = fork()) == 0) hammer_child(i, own);
    }
    usleep(below(4000));
    unsigned victim = below(PROCESSES);
    int status;
    kill(children[victim], SIGKILL);
    assert_int_equal(waitpid(children[victim], &status, 0), children[victim]);
    if (!WIFSIGNALED(status)) fail_msg("a reader saw a bad entry (after %ld kills)", kills);
    children[victim] = 0;
  }
  for (unsigned i = 0; i < PROCESSES; i++) {
    int status;
    if (!children[i]) continue;
    kill(children[i], SIGKILL);
    waitpid(children[i], &status, 0);
    assert_true(WIFSIGNALED(status));
  }
  int orphans = trial_files(here.cache, ".tmp");
  fa_store *store = fa_store_open(here.cache, toolchain, NULL, NULL);
  age_below(here.cache);
  for (unsigned key = 0; key < KEYS; key++) hammer_write(store, key); /* a put sweeps its folder */
  for (unsigned key = 0; key < KEYS; key++)
    if (!hammer_read(store, key, &found)) fail_msg("key %u is bad", key);
  assert_int_equal(found, KEYS);
  print_message("%ld kills, %d orphans, of which %d are left\n", kills, orphans, trial_files(here.cache, ".tmp"));
  assert_true(fa_store_clear(here.cache, true, NULL, NULL, trouble, sizeof trouble)); /* and what no key names, this does */
  assert_int_equal(trial_files(here.cache, ".tmp"), 0);
  assert_true(kills > 50);
  fa_store_close(store);
}

/* ---- 15 ---- */

static void row_15_many_processes_one_key(void **state) {
  (void)state;
  enum { MANY = 64 };
  pid_t children[MANY];
  int go[2];
  canned_write(&here, "delay", "300");
  assert_int_equal(pipe(go), 0);
  fflush(NULL);
  fa_worker_pool_rest(); /* no thread of the pool while this forks: gcc's address sanitizer hangs in the child otherwise */
  for (int i = 0; i < MANY; i++) {
    if ((children[i] = fork()) != 0) continue;
    char byte;
    close(go[1]);
    if (read(go[0], &byte, 1) != 0) _exit(3); /* the end comes for all at once */
    trial t = trial_run(NULL);
    _exit(t.status ? 1 : strcmp(t.origin, "compiled") == 0 ? 10 : strcmp(t.origin, "disk") == 0 ? 0 : 2);
  }
  close(go[0]), close(go[1]);
  int compiled = 0;
  for (int i = 0; i < MANY; i++) {
    int status;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 10)) fail_msg("process %d ended with %x", i, (unsigned)status);
    compiled += WEXITSTATUS(status) == 10;
  }
  assert_int_equal(compiled, 1);
  assert_int_equal(canned_requests(&here, "build"), 1);
}

/* ---- a prebuild that is killed ---- */

static void a_prebuild_killed_at_random_times(void **state) {
  (void)state;
  static const char model[] = "{ \"schema\": 1, \"models\": { \"small\": [ {\"use\": \"image\", \"heads\": 2, \"heads_k\": 2, \"head_dim\": 32},"
                              "{\"use\": \"image\", \"heads\": 2, \"heads_k\": 2, \"head_dim\": 48},"
                              "{\"use\": \"image\", \"heads\": 2, \"heads_k\": 2, \"head_dim\": 64} ] } }\n";
  char path[700], command[2048];
  snprintf(path, sizeof path, "%s/small.json", here.directory);
  trial_write(path, model, sizeof model - 1);
  const char *prebuild = FA_TEST_BIN "/fa-gen prebuild --models small.json --model small --target gfx1100 --dtype fp16 -j 2";
  snprintf(command, sizeof command, "%s -o whole", prebuild);
  cli_result r = cli_shell(here.directory, command);
  cli_expect(&r, command, 0);
  cli_free(&r);
  plant_seed();
  int runs = 0;
  for (bool done = false; !done && runs < 200; runs++) {
    int milliseconds = 100 + 200 * runs + (int)below(500); /* at last long enough */
    snprintf(command, sizeof command, "timeout -s KILL %d.%03d %s -o killed", milliseconds / 1000, milliseconds % 1000, prebuild);
    r = cli_shell(here.directory, command);
    done = r.code == 0;
    if (r.code != 0 && r.code != 137 && r.code != 1000 + SIGKILL) cli_expect(&r, command, 0);
    cli_free(&r);
  }
  print_message("%d runs until one was let go to its end\n", runs);
  r = cli_shell(here.directory, "cmp whole/gfx1100.fapack killed/gfx1100.fapack");
  cli_expect(&r, "the packs are the same", 0);
  cli_free(&r);
}

/* ---- what a hit does ---- */

static const struct {
  long number;
  const char *name;
} forbidden[] = {
  {SYS_write, "write"}, {SYS_pwrite64, "pwrite64"}, {SYS_execve, "execve"}, {SYS_fork, "fork"}, {SYS_vfork, "vfork"},
  {SYS_clone, "clone"}, {SYS_clone3, "clone3"}, {SYS_flock, "flock"}, {SYS_rename, "rename"}, {SYS_renameat, "renameat"},
  {SYS_renameat2, "renameat2"}, {SYS_unlink, "unlink"}, {SYS_unlinkat, "unlinkat"}, {SYS_mkdirat, "mkdirat"},
  {SYS_fsync, "fsync"}, {SYS_fdatasync, "fdatasync"}, {SYS_ftruncate, "ftruncate"}, {SYS_chmod, "chmod"}, {SYS_fchmod, "fchmod"},
  {SYS_utimensat, "utimensat"}, {SYS_socketpair, "socketpair"}, {SYS_getdents64, "getdents64"},
};

typedef struct {
  char bad[128];  /* the first call that a hit must not make */
  int total, opened, reads;
} call_tally;

static void look_at(call_tally *t, const struct user_regs_struct *regs) {
  long call = (long)regs->orig_rax;
  t->total++;
  t->opened += call == SYS_openat || call == SYS_open;
  t->reads += call == SYS_read || call == SYS_pread64;
  for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
    if (forbidden[i].number == call && !*t->bad) snprintf(t->bad, sizeof t->bad, "%s", forbidden[i].name);
  bool writing = call == SYS_openat && (regs->rdx & (O_WRONLY | O_RDWR | O_CREAT));
  bool locking = call == SYS_fcntl && (regs->rsi == F_OFD_SETLK || regs->rsi == F_OFD_SETLKW || regs->rsi == F_SETLK || regs->rsi == F_SETLKW);
  if ((writing || locking) && !*t->bad) snprintf(t->bad, sizeof t->bad, writing ? "open for writing" : "lock");
}

/* Follows the child from its first getppid to its second.  False: ptrace is not allowed here. */
static bool follow(pid_t child, call_tally *t, int *status) {
  bool counting = false, entering = true, over = false;
  if (waitpid(child, status, 0) != child || !WIFSTOPPED(*status)) return false;
  while (!over) {
    struct user_regs_struct regs;
    int number = WSTOPSIG(*status) == SIGTRAP || WSTOPSIG(*status) == SIGSTOP ? 0 : WSTOPSIG(*status);
    if (ptrace(PTRACE_SYSCALL, child, NULL, number) || waitpid(child, status, 0) != child) return false;
    if (!WIFSTOPPED(*status)) return true;
    if (WSTOPSIG(*status) != SIGTRAP || ptrace(PTRACE_GETREGS, child, NULL, &regs)) continue;
    if (entering && (long)regs.orig_rax == SYS_getppid) {
      over = counting;
      counting = true;
    } else if (entering && counting) {
      look_at(t, &regs);
    }
    entering = !entering;
  }
  ptrace(PTRACE_DETACH, child, NULL, NULL);
  return waitpid(child, status, 0) == child;
}

static int fill_cache(void *user) {
  (void)user;
  trial made = trial_run(NULL), other = trial_run_problem(NULL, "mask=causal");
  trial_expect(&made, "compiled", "an empty cache");
  trial_expect(&other, "compiled", "an empty cache");
  return 0;
}

static void a_hit_from_disk_writes_locks_and_starts_nothing(void **state) {
  (void)state;
  int status = 0;
  call_tally t = {0};
  trial_judge(trial_child(fill_cache, NULL), ""); /* a child, so that no GPU was used before the next fork */
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    fa_context *context;
    fa_plan *plan;
    fa_problem problem = FA_PROBLEM_INIT, causal;
    fa_context_options options = canned_options(&here);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL)) _exit(CANNOT);
    raise(SIGSTOP);
    if (fa_context_create(&context, &options) || fa_problem_parse(&causal, "mask=causal") || fa_plan_create(&plan, context, &causal)) {
      fprintf(stderr, "%s\n", fa_last_error());
      _exit(1);
    }
    getppid();
    fa_status made_again = fa_plan_create(&plan, context, &problem);
    getppid();
    fa_plan_info info = {.size = sizeof info};
    _exit(made_again || fa_plan_get_info(plan, &info) || strcmp(info.origin, "disk") != 0);
  }
  if (!follow(child, &t, &status)) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    print_message("skipped: ptrace is not allowed here\n");
    skip();
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status)) fail_msg("the child ended with %x", (unsigned)status);
  print_message("a hit from disk: %d system calls, %d opens, %d reads\n", t.total, t.opened, t.reads);
  if (*t.bad) fail_msg("a hit from disk made the system call %s", t.bad);
  assert_true(t.opened > 0 && t.reads > 0 && t.total < 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(row_11_killed_writers_readers_and_evictors),
    TEST(row_15_many_processes_one_key),
    TEST(a_prebuild_killed_at_random_times),
    TEST(a_hit_from_disk_writes_locks_and_starts_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
