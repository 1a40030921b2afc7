/* SPDX-License-Identifier: MIT
 * See trial.h. */
#include "reach.h"
#include "trial.h"
#include "hip_table.h"
#include "worker_pool.h"

#include <dirent.h>
#include <ftw.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void tally(int level, const char *text, void *user) {
  trial *t = user;
  if (level > 1) return;
  if (t->warnings++ == 0) snprintf(t->warning, sizeof t->warning, "%s", text);
}

trial trial_run_problem(const fa_context_options *given, const char *text) {
  trial t = {0};
  fa_context *context = NULL;
  fa_plan *plan = NULL;
  fa_problem problem;
  fa_plan_info info = {.size = sizeof info};
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  fa_context_options options = given ? *given : canned_options(&here);
  options.log = tally;
  options.log_user = &t;
  t.status = fa_problem_parse(&problem, text);
  if (!t.status) t.status = fa_context_create(&context, &options);
  if (!t.status) t.status = fa_plan_create(&plan, context, &problem);
  if (!t.status) t.status = fa_plan_get_info(plan, &info);
  if (!t.status) {
    snprintf(t.origin, sizeof t.origin, "%s", info.origin);
    snprintf(t.key, sizeof t.key, "%s", info.key);
    if (!canned_is_object(info.object, info.object_bytes)) fail_msg("a wrong object was believed");
    if (!strstr(info.manifest, "\"symbol\": \"attention_fwd\"")) fail_msg("a wrong manifest was believed");
    t.status = fa_attention_fwd(plan, &args, NULL);
  }
  if (t.status) snprintf(t.text, sizeof t.text, "%s", fa_last_error());
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return t;
}

trial trial_run(const fa_context_options *options) { return trial_run_problem(options, ""); }

void trial_expect(const trial *t, const char *origin, const char *what) {
  if (t->status || strcmp(t->origin, origin) != 0)
    fail_msg("%s: must be from \"%s\": %s \"%s\" %s; warned: %s", what, origin, fa_status_name(t->status), t->origin, t->text, t->warning);
}

static char *found_path;
static const char *wanted;
static int found;

static int visit(const char *path, const struct stat *info, int kind, struct FTW *where) {
  size_t length = strlen(path), ending = strlen(wanted);
  (void)info, (void)where;
  if (kind == FTW_D || length < ending || strcmp(path + length - ending, wanted) != 0) return 0;
  if (found++ == 0 && found_path) snprintf(found_path, 1200, "%s", path);
  return 0;
}

int trial_files(const char *directory, const char *ending) {
  found = 0;
  found_path = NULL;
  wanted = ending;
  nftw(directory, visit, 8, FTW_PHYS);
  return found;
}

void trial_entry(char path[1200]) {
  found = 0;
  found_path = path;
  wanted = ".fab";
  nftw(here.cache, visit, 8, FTW_PHYS);
  if (found != 1) fail_msg("%d entries below %s, there must be one", found, here.cache);
}

unsigned char *trial_read(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  unsigned char *bytes = malloc(1 << 20);
  if (!file || !bytes) fail_msg("%s cannot be read", path);
  *size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  return bytes;
}

void trial_write(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) fail_msg("%s cannot be written", path);
}

/* A group of its own in the child, so that a failure ends there and does not go on with the parent's tests. */
static int (*child_body)(void *user);
static void *child_user;
static int child_code;

static void child_test(void **state) {
  (void)state;
  child_code = child_body(child_user);
}

static int run_child(void) {
  const struct CMUnitTest tests[] = {{"in a child", child_test, NULL, NULL, NULL}};
  return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : child_code;
}

int trial_child(int (*body)(void *user), void *user) {
  int status = 0;
  fflush(NULL);
  fa_worker_pool_rest(); /* no thread of the pool while this forks: gcc's address sanitizer hangs in the child otherwise */
  pid_t child = fork();
  child_body = body;
  child_user = user;
  if (child == 0) {
    fa_hip_forget(); /* the stub does not mind */
    _exit(run_child());
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void trial_judge(int code, const char *reason) {
  if (code == CANNOT) {
    print_message("skipped: %s\n", reason);
    skip();
  }
  if (code) fail_msg("the child ended with %d", code);
}

bool trial_drop(void) {
  char command[700];
  if (geteuid() != 0) return true;
  if (!reach_by_others(FA_TEST_BIN "/")) return false;
  snprintf(command, sizeof command, "chown -R %d:%d '%s'", NOBODY, NOBODY, here.directory);
  return system(command) == 0 && setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

int trial_descriptors(void) {
  int count = 0;
  DIR *list = opendir("/proc/self/fd");
  while (list && readdir(list)) count++;
  if (list) closedir(list);
  return count;
}
