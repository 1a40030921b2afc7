/* SPDX-License-Identifier: MIT
 * A launch makes no system call: proven by a seccomp filter that traps every one of them in all threads, over the stub GPU.  What the filter must
 * catch is planted, too, so that a filter that catches nothing would be seen. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "hip_table.h"

enum { THREADS = 4, LAUNCHES = 1000, REPORT = 77 /* the one descriptor that may be written to, by the trap's handler */, NO_SECCOMP = 99 };

/* ---- the filter ---- */

static void report(int signal, siginfo_t *info, void *context) {
  int number = info->si_syscall;
  (void)signal, (void)context;
  (void)!write(REPORT, &number, sizeof number);
  _exit(1);
}

#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static bool trap_system_calls(void) {
  static struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(exit_group),
    ALLOW(rt_sigreturn),
#ifdef __SANITIZE_ADDRESS__
    ALLOW(sigaltstack), /* its own, before _exit */
#endif
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_write, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REPORT, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO};
  if (sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

/* ---- what is done under it ---- */

typedef enum { LAUNCH, NAMED, REFUSED, ASK_PID, TAKE_MEMORY } deed;

static fa_plan *plan, *named;
static deed what;
static atomic_int ready, done, failed;
static atomic_bool go;

static void launch(void) {
  fa_attention_fwd_args args = canned_args(2, 300, 77, 8, 2);
  size_t bytes;
  if (fa_attention_fwd_workspace(&bytes, plan, &args) || fa_attention_fwd(plan, &args, NULL)) failed++;
}

static void launch_named(void) {
  fa_named_arg args[] = {{"m", {.i32 = 33}}, {"a", {.pointer = (void *)(uintptr_t)64}}};
  if (fa_launch_named(named, args, 2, NULL)) failed++;
}

static void be_refused(int i) {
  fa_attention_fwd_args args = canned_args(2, 300, 77, 8, 2);
  if (i % 3 == 0) args.heads_k = 3;
  else if (i % 3 == 1) args.softmax_scale = 1e38f * 10;
  else args.q.data = (char *)args.q.data + 1;
  if (fa_attention_fwd(plan, &args, NULL) != FA_ERR_ARGUMENT || !*fa_last_error()) failed++;
}

static void *work(void *user) {
  (void)user;
  be_refused(0); /* the thread's room for errors, which the loader may give it at the first */
  ready++;
  while (!atomic_load(&go)) {}
  for (int i = 0; i < LAUNCHES; i++) {
    void *volatile memory;
    switch (what) {
    case LAUNCH: launch(); break;
    case NAMED: launch_named(); break;
    case REFUSED: be_refused(i); break;
    case ASK_PID:
      launch();
      if (i == LAUNCHES - 1) (void)syscall(__NR_getpid);
      break;
    case TAKE_MEMORY:
      launch();
      memory = i == LAUNCHES / 2 ? malloc(1 << 24) : NULL;
      free(memory);
      break;
    }
  }
  done++;
  for (;;) {} /* ending a thread takes system calls */
  return NULL;
}

static void in_child(void) {
  static const char gemm[] =
    "{\"manifest\": 1, \"kernel\": \"gemm\", \"symbol\": \"gemm\", \"target\": \"@TARGET@\", \"wave_size\": 64, \"block\": [64, 1, 1],"
    "\"grid\": [\"ceil_div(m, 16)\", \"1\", \"1\"], \"lds_bytes\": 0, \"dynamic_lds_bytes\": 64, \"kernarg_bytes\": 16, \"variant\": \"v\", \"problem\": \"@PROBLEM@\","
    "\"args\": [{\"name\": \"a\", \"kind\": \"pointer\", \"offset\": 0, \"size\": 8, \"access\": \"read\", \"dtype\": \"bf16\", \"align\": 4},"
    "{\"name\": \"m\", \"kind\": \"i32\", \"offset\": 8, \"size\": 4}]}";
  pthread_t threads[THREADS];
  fa_context *context;
  fa_problem problem;
  fa_context_options options = canned_options(&here);
  fa_hip_forget(); /* the stub does not mind a fork */
  if (fa_context_create(&context, &options) || fa_problem_parse(&problem, "") || fa_plan_create(&plan, context, &problem)) _exit(2);
  canned_write(&here, "manifest", gemm);
  if (fa_problem_parse(&problem, "kernel=gemm") || fa_plan_create(&named, context, &problem)) _exit(3);
  hip->quiet = 1;
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, NULL)) _exit(4);
  while (atomic_load(&ready) < THREADS) usleep(1000);
  if (!trap_system_calls()) _exit(NO_SECCOMP);
  atomic_store(&go, true);
  while (atomic_load(&done) < THREADS) {}
  _exit(failed || (what != REFUSED && hip->launches != THREADS * LAUNCHES) ? 5 : 0);
}

/* 0: no system call; else its number.  -1: this system has no seccomp filters. */
static int system_call_of(deed doing) {
  int ends[2], status, number = 0;
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (dup2(ends[1], REPORT) != REPORT) _exit(6);
    alarm(60);
    what = doing;
    in_child();
  }
  close(ends[1]);
  ssize_t got = read(ends[0], &number, sizeof number);
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SECCOMP) return -1;
  if (got == (ssize_t)sizeof number) return number ? number : -2; /* read is 0 on x86 */
  if (status) fail_msg("the child ended with state 0x%x", (unsigned)status);
  return 0;
}

static void expect(deed doing, int wanted) {
  int number = system_call_of(doing);
  if (number == -1) {
    print_message("skipped: the kernel gives no seccomp filter here\n");
    skip();
  }
  if (number != wanted) fail_msg("system call %d was made, %d was expected (0: none)", number, wanted);
}

static void attention_makes_none(void **state) {
  (void)state;
  expect(LAUNCH, 0);
}

static void a_named_launch_makes_none(void **state) {
  (void)state;
  expect(NAMED, 0);
}

static void a_refused_launch_makes_none(void **state) {
  (void)state;
  expect(REFUSED, 0);
}

static void a_planted_call_is_caught(void **state) {
  (void)state;
  expect(ASK_PID, __NR_getpid);
}

static void planted_memory_is_caught(void **state) {
  (void)state;
  expect(TAKE_MEMORY, __NR_mmap);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(attention_makes_none), TEST(a_named_launch_makes_none), TEST(a_refused_launch_makes_none), TEST(a_planted_call_is_caught), TEST(planted_memory_is_caught),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
