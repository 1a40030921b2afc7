/* SPDX-License-Identifier: MIT
 * fa-gen prebuild: the same bytes whatever runs around it, nothing lost when it is stopped, failures told and kept, shards that join. */
#include "cli_run.h"
#include "scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static char folder[256];

/* Two attentions, eight kernels of gfx942, all small. */
static const char models[] = "{\"schema\": 1, \"models\": {\n"
                             "\"tiny\": [{\"use\": \"decoder\", \"heads\": 4, \"head_dim\": 32}],\n"
                             "\"grouped\": [{\"use\": \"decoder\", \"heads\": 4, \"heads_k\": 2, \"head_dim\": 32, \"dtypes\": [\"fp16\"]}]}}\n";

#define TINY "\"$FA_GEN\" prebuild --models models.json --model tiny --target gfx942 --dtype fp16 "
#define BOTH "\"$FA_GEN\" prebuild --models models.json --model tiny,grouped --target gfx942 "

static int set_up(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  chmod(folder, 0777);
  char path[300];
  snprintf(path, sizeof path, "%s/models.json", folder);
  FILE *file = fopen(path, "w");
  if (!file) return -1;
  fputs(models, file);
  return fclose(file);
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

/* Runs, expects the code, and words in what was printed (NULL: whatever). */
static void expect(const char *command, int code, const char *out, const char *err) {
  cli_check(folder, command, code, out, err);
}

static void usage(void **state) {
  (void)state;
  static const struct { const char *command, *err; int code; } cases[] = {
    { "\"$FA_GEN\" prebuild", "--model NAME,... or --config FILE is needed", 2 },
    { "\"$FA_GEN\" prebuild --model llama-3-8b -o d", "--target NAME,... or --target all is needed; known: gfx908|", 2 },
    { "\"$FA_GEN\" prebuild --model llama-3-8b --target gfx942", "-o DIR is needed", 2 },
    { "\"$FA_GEN\" prebuild --model llama3-8b --target gfx942 -o d", "model \"llama3-8b\" is not known; nearest: llama-3-8b;", 2 },
    { "\"$FA_GEN\" prebuild --model llama-3-8b, --target gfx942 -o d", "names separated by commas are expected", 2 },
    { "\"$FA_GEN\" prebuild --model llama-3-8b --target gfx1010 -o d", "target=gfx1010: unknown value; known: gfx908", 2 },
    { "\"$FA_GEN\" prebuild --model llama-3-8b --target gfx942 --dtype fp8 -o d", "--dtype fp8: fp16, bf16 or fp32 is expected", 2 },
    { "\"$FA_GEN\" prebuild --model llama-3-8b --target gfx942 --shard 3/2 -o d", "--shard 3/2: i/n with i from 1 to n is expected", 2 },
    { "\"$FA_GEN\" prebuild --model llama-3-8b --target gfx942 --shard 1/2x -o d", "--shard 1/2x: i/n", 2 },
    { "\"$FA_GEN\" prebuild --models none.json --list", "none.json: No such file", 4 },
    { "\"$FA_GEN\" prebuild --config models.json --list --target gfx942", "neither \"model_type\" nor \"_class_name\"", 2 },
    { "mkfifo pipe; \"$FA_GEN\" prebuild --config pipe --list --target gfx942", "pipe: not a regular file of at most", 4 },
    { TINY "-o models.json/d", "models.json/d: cannot be made: Not a directory", 4 },
    { "mkdir -p e; " TINY "-o d --toolchain e", "fa-gen prebuild: ", 3 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect(cases[i].command, cases[i].code, NULL, cases[i].err);
}

static void lists(void **state) {
  (void)state;
  expect("\"$FA_GEN\" prebuild --list", 0, "llama-3-8b             decoder heads 32/8 d128\n", NULL);
  expect("\"$FA_GEN\" prebuild --list --models models.json", 0, "grouped                decoder heads 4/2 d32\n", NULL);
  expect(TINY "--list", 0,
         "target=gfx942 dtype_q=fp16 dtype_kv=fp16 dtype_o=fp16 head_dim_qk=32 head_dim_v=32 mask=causal # tiny\n"
         "target=gfx942 dtype_q=fp16 dtype_kv=fp16 dtype_o=fp16 head_dim_qk=32 head_dim_v=32 mask=causal features=varlen # tiny\n# 2 kernels\n", NULL);
  expect("\"$FA_GEN\" prebuild --list --model Phi-2 --target gfx942 | tail -1", 0, "# 4 kernels\n", NULL);
  expect(BOTH "--list | tail -1", 0, "# 6 kernels\n", NULL);
  expect(BOTH "--list | grep -c 'tiny grouped$'", 0, "2\n", NULL); /* one kernel, two models */
  expect("echo 'target=gfx942 dtype=fp16 head_dim=32 | waves=2 | cycles 9 for batch=1' >t.tune; " TINY "--list --tuning t.tune; FA_TUNING=t.tune " TINY "--list", 0,
         "mask=causal waves=2 # tiny\n", NULL);
  expect("\"$FA_GEN\" prebuild --list --model all --target all >list; test $(grep -vc '^#' list) -gt 1500 && grep -v '^#' list | sort | uniq -d", 0, "", NULL);
  /* Every shard has a part, all shards together have all, each once. */
  expect("for i in 1 2 3; do \"$FA_GEN\" prebuild --list --model all --target gfx942 --shard $i/3 | grep -v '^#'; done | sort >parts;"
         "\"$FA_GEN\" prebuild --list --model all --target gfx942 | grep -v '^#' | sort | cmp - parts", 0, "", NULL);
  expect("printf '{\"model_type\": \"gpt2\", \"n_head\": 12, \"n_embd\": 768}' >config.json; \"$FA_GEN\" prebuild --list --config config.json --target gfx1100 --dtype bf16", 0,
         "target=gfx1100 head_dim_qk=64 head_dim_v=64 mask=causal # config\n", NULL);
  cli_result result = cli_shell(folder, TINY "--list --json");
  json_t *object = json_loads(result.out, 0, NULL);
  assert_int_equal(json_array_size(json_object_get(object, "kernels")), 2);
  json_decref(object);
  cli_free(&result);
}

/* Another folder, number of workers, user, home, locale, time zone, umask, temporary and working folder, order of the names. */
static void same_bytes(void **state) {
  (void)state;
  expect(BOTH "-o one -j 1", 0, "one/gfx942.fapack  6 kernels, ", NULL);
  expect("mkdir -m 777 -p tmp deep other; cd deep && umask 000 && env HOME=/nonexistent TMPDIR=$PWD/../tmp LC_ALL=de_DE.UTF-8 LANG=C.UTF-8 TZ=Asia/Tokyo AMD_COMGR_CACHE=1 XDG_CACHE_HOME=$PWD/../tmp "
         "HIPRTC_COMPILE_OPTIONS_APPEND=-O0 sh -c '\"$FA_GEN\" prebuild --models ../models.json --target gfx942 --model grouped --model tiny -o ../other/two -j 2'", 0, "6 built", NULL);
  expect("cmp one/gfx942.fapack other/two/gfx942.fapack; ls tmp", 0, "", NULL);
  cli_result left = cli_shell(folder, "find tmp -mindepth 1; find one -name '*tmp*'");
  assert_string_equal(left.out, "");
  cli_free(&left);
#define AS_NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups "
  cli_result reach = cli_shell(folder, "chmod 755 .; " AS_NOBODY "test -r \"$FA_GEN-worker\""); /* not where the checkout lies in root's own folder */
  if (geteuid() == 0 && reach.code == 0)
    expect("umask 077; mkdir -m 777 -p foreign && " AS_NOBODY BOTH "-o foreign/three >three.log 2>&1 || cat three.log; cmp one/gfx942.fapack foreign/three/gfx942.fapack", 0, "", NULL);
  else print_message("as another user: left out, %s\n", geteuid() ? "the test does not run as root" : "another user cannot reach the build");
  cli_free(&reach);
  /* Other models beside, or what an earlier command left, change nothing. */
  expect(TINY "-o one", 0, "2 kernels: 0 built, 2 were there, 0 failed", NULL);
  expect(BOTH "-o one --json | grep -c '\"built\": false'", 0, "6\n", NULL);
  expect("cmp one/gfx942.fapack other/two/gfx942.fapack", 0, "", NULL);
  expect("\"$FA_GEN\" pack verify one/gfx942.fapack", 0, NULL, NULL);
}

/* What is missing or does not verify is built, and nothing else. */
static void only_what_is_missing(void **state) {
  (void)state;
  expect("cp -a one again; f=$(find again/records -name '*.fab' | sort | head -1); rm \"$f\"; " BOTH "-o again", 0, "6 kernels: 1 built, 5 were there, 0 failed", NULL);
  expect("f=$(find again/records -name '*.fab' | sort | tail -1); printf x | dd of=\"$f\" bs=1 seek=3000 conv=notrunc 2>/dev/null; " BOTH "-o again", 0, "1 built, 5 were there", NULL);
  expect("cmp one/gfx942.fapack again/gfx942.fapack", 0, "", NULL);
  /* What a killed run was writing goes after an hour. */
  expect("touch -d '2 hours ago' again/gfx942.fapack.1.0.tmp again/logs/a.log.1.0.tmp; touch again/gfx942.fapack.2.0.tmp; " BOTH "-o again >/dev/null; find again -name '*.tmp'; rm again/*.tmp", 0,
         "again/gfx942.fapack.2.0.tmp\n", NULL);
  expect("ls again/logs | wc -l", 0, "0\n", NULL);
}

/* A program that may not compile runs from the pack. */
static void packs_serve(void **state) {
  (void)state;
  static const char run[] = "FA_JIT=0 FA_CACHE=memory FA_PACK_PATH=%s \"$FA_GEN\" run -q \"$DATA/short_layer2_q.npy\" -k \"$DATA/short_layer2_k.npy\" -v \"$DATA/short_layer2_v.npy\" --causal "
                            "--dtype fp16 --device emulator:gfx942 --json";
  char command[512];
  expect("chmod 700 one", 0, NULL, NULL);
  snprintf(command, sizeof command, run, "one");
  expect(command, 0, "\"origin\": \"pack\"", NULL);
  snprintf(command, sizeof command, run, "/nonexistent");
  expect(command, 1, NULL, "no pack and no cache has this kernel");
}

static int wait_for(pid_t child) {
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Stopped by that signal when the first kernel is done. */
static void stop_after_first(const char *name, int signal_number, int code) {
  int lines[2];
  char all[4096] = "", output[300];
  size_t size = 0;
  assert_int_equal(pipe2(lines, O_CLOEXEC), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(lines[1], 1);
    dup2(lines[1], 2);
    snprintf(output, sizeof output, "%s/%s", folder, name);
    if (chdir(folder) == 0)
      execl(FA_TEST_BIN "/fa-gen", "fa-gen", "prebuild", "--models", "models.json", "--model", "tiny,grouped", "--target", "gfx942", "-j", "1", "-o", output, (char *)NULL);
    _exit(127);
  }
  close(lines[1]);
  for (ssize_t got; size + 1 < sizeof all && (got = read(lines[0], all + size, sizeof all - 1 - size)) > 0;) {
    all[size += (size_t)got] = 0;
    if (signal_number && strchr(all, '\n')) {
      kill(child, signal_number);
      signal_number = 0;
    }
  }
  close(lines[0]);
  assert_int_equal(wait_for(child), code);
  if (code == 130 && !strstr(all, "interrupted; what is done is kept")) fail_msg("interrupted without a word: %s", all);
}

static void stopped(void **state) {
  (void)state;
  static const struct { const char *name; int number, code; } cases[] = { { "killed", SIGKILL, 1000 + SIGKILL }, { "interrupted", SIGINT, 130 } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char command[512];
    stop_after_first(cases[i].name, cases[i].number, cases[i].code);
    snprintf(command, sizeof command, BOTH "-o %s >out.txt; sed -n 's/.*: \\([0-9]*\\) built, \\([1-5]\\) were there, 0 failed/\\1 \\2/p' out.txt | awk '$1 + $2 == 6 && $2 >= 1 {print \"rest\"}'",
             cases[i].name);
    expect(command, 0, "rest", NULL);
    snprintf(command, sizeof command, "cmp one/gfx942.fapack %s/gfx942.fapack", cases[i].name);
    expect(command, 0, "", NULL);
  }
}

static void shards_join(void **state) {
  (void)state;
  for (int i = 1; i <= 2; i++) {
    char command[512];
    snprintf(command, sizeof command, BOTH "-o shards --shard %d/2", i);
    expect(command, 0, "were there, 0 failed", NULL);
  }
  expect("\"$FA_GEN\" pack merge shards/gfx942.1-of-2.fapack shards/gfx942.2-of-2.fapack -o shards/gfx942.fapack && cmp shards/gfx942.fapack one/gfx942.fapack", 0, NULL, NULL);
  expect(TINY "-o shards --shard 9999/9999", 0, "shards/gfx942.9999-of-9999.fapack  0 kernels", NULL);
}

/* A template that refuses bf16, one that writes wrong HIP C: told at the end, kept with log and source; the others are packed. */
static void failures(void **state) {
  (void)state;
  expect("cp -r \"" FA_SOURCE_DIR "/templates\" broken; awk '{print} /^function M.generate/ {print "
         "\"  if fields.dtype_q == \\\"bf16\\\" then error(\\\"planted trouble\\\") end\"}' \"" FA_SOURCE_DIR "/templates/main.lua\" >broken/main.lua; grep -c planted broken/main.lua", 0, "1", NULL);
  const char *command = "\"$FA_GEN\" prebuild --models models.json --model tiny --target gfx942 -o failing --templates broken";
  expect(command, 1, "4 kernels: 2 built, 0 were there, 2 failed", "FA_ERR_WORKER: templates: ");
  expect(command, 1, "4 kernels: 0 built, 2 were there, 2 failed", "planted trouble");
  expect(command, 1, "failing/gfx942.fapack  2 kernels", "(failing/logs/attention_fwd-gfx942-bf16-d32-causal-varlen-");
  expect("ls failing/logs/*.log | wc -l; grep -l 'planted trouble' failing/logs/*.log | wc -l; grep -c '^kernel=attention_fwd target=gfx942 dtype_q=bf16' failing/logs/*varlen*.log", 0, "2\n2\n1\n", NULL);
  /* The next run without the trouble takes the logs away. */
  expect("cp \"" FA_SOURCE_DIR "/templates/main.lua\" broken/main.lua; \"$FA_GEN\" prebuild --models models.json --model tiny --target gfx942 -o failing --templates broken; ls failing/logs | wc -l", 0,
         "0 failed\n0\n", NULL);
}

/* A worker that answers well-formed things for another problem, or none: nothing of it is kept. */
static void liar(void **state) {
  (void)state;
  const char *command = TINY "-o lies --worker \"$PWD/lying/worker\"";
  expect("mkdir lying; ln -s " FA_TEST_BIN "/tests/canned-worker lying/worker", 0, "", NULL);
  expect(command, 1, "gfx942: no pack was written", "FA_ERR_VALIDATION: manifest");
  expect("test ! -e lies/gfx942.fapack && cp one/gfx942.fapack lies/", 0, "", NULL);
  expect("\"$FA_GEN\" manifest target=gfx942 dtype=fp16 head_dim=64 mask=causal >lying/manifest", 0, "", NULL);
  expect(command, 1, "2 kernels: 0 built, 0 were there, 2 failed", "the worker's answer is for another problem: kernel=attention_fwd target=gfx942 dtype_q=fp16");
  expect("cmp lies/gfx942.fapack one/gfx942.fapack", 0, "", NULL); /* an earlier pack is not replaced by an empty one */
}

/* A disk that takes no more: an error that ends the run; what was done before stays. */
static void full_disk(void **state) {
  (void)state;
  expect("mkdir full; cp -a one/records full/; f=$(find full/records -name '*.fab' | sort | head -1); rm \"$f\"; trap '' XFSZ; ulimit -S -f 8; " BOTH "-o full", 4, NULL, "full/records: the kernel cannot be kept: File too large; what is done stays");
  expect(BOTH "-o full; cmp full/gfx942.fapack one/gfx942.fapack", 0, "1 built, 5 were there, 0 failed", NULL);
}

/* On a terminal: one line that is overwritten. */
static void progress_line(void **state) {
  (void)state;
  char all[16384] = "";
  size_t size = 0;
  int terminal;
  pid_t child = forkpty(&terminal, NULL, NULL, NULL);
  assert_true(child >= 0);
  if (child == 0) {
    setenv("TERM", "xterm", 1);
    if (chdir(folder) == 0)
      execl(FA_TEST_BIN "/fa-gen", "fa-gen", "prebuild", "--models", "models.json", "--model", "tiny", "--dtype", "fp16", "--target", "gfx942", "-j", "1", "-o", "terminal", (char *)NULL);
    _exit(127);
  }
  for (ssize_t got; size + 1 < sizeof all && (got = read(terminal, all + size, sizeof all - 1 - size)) > 0;) all[size += (size_t)got] = 0;
  close(terminal);
  assert_int_equal(wait_for(child), 0);
  if (!strstr(all, "\r\033[K1 of 2 done, 0 failed, ") || !strstr(all, " a second, ") || !strstr(all, " s left") || !strstr(all, "\r\033[K2 of 2 done, 0 failed, "))
    fail_msg("no progress line:\n%s", all);
  if (strstr(all, "attention_fwd-")) fail_msg("a terminal gets the progress line alone:\n%s", all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(usage),
    cmocka_unit_test(lists),
    cmocka_unit_test(same_bytes),
    cmocka_unit_test(only_what_is_missing),
    cmocka_unit_test(packs_serve),
    cmocka_unit_test(stopped),
    cmocka_unit_test(shards_join),
    cmocka_unit_test(failures),
    cmocka_unit_test(liar),
    cmocka_unit_test(full_disk),
    cmocka_unit_test(progress_line),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
