/* SPDX-License-Identifier: MIT
 * The real worker with the real compiler: what it makes, and what it refuses.  Most cases use the small templates of
 * tests/data/worker_templates. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <elf.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "elf_strip.h"
#include "fa_templates_digest.h"
#include "process.h"
#include "scratch.h"
#include "temporary.h"
#include "worker_client.h"

/* A child that exits in the middle of another thread's call has things in use, which are no leaks. */
static int leaks_are_fine;
#ifdef __SANITIZE_ADDRESS__
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return leaks_are_fine; }
#endif

static fa_toolchain toolchain;

typedef struct reply_state {
  fa_bundle *bundle;
  fa_error error;
} reply_state;

static fa_status call(reply_state *reply, const char *const pairs[][2], size_t count) {
  fa_section sections[8];
  reply->error.text[0] = 0;
  for (size_t i = 0; i < count; i++) sections[i] = (fa_section){pairs[i][0], pairs[i][1], strlen(pairs[i][1])};
  return fa_worker_call(&reply->bundle, &toolchain, NULL, sections, count, &reply->error);
}

static void expect(const reply_state *reply, fa_status status, fa_status expected, const char *says) {
  if (status != expected) fail_msg("%s, expected %s: %s", fa_status_name(status), fa_status_name(expected), reply->error.text);
  if (says && !strstr(reply->error.text, says)) fail_msg("expected '%s' in: %s", says, reply->error.text);
}

typedef struct build_case {
  const char *name, *problem;
  fa_status status;
  const char *says;
} build_case;

static const build_case builds[] = {
  {"plain gfx942", "case=plain target=gfx942", FA_OK, NULL},
  {"plain gfx1100", "case=plain target=gfx1100", FA_OK, NULL},
  {"plain gfx1201", "case=plain target=gfx1201", FA_OK, NULL},
  {"plain gfx950", "case=plain target=gfx950", FA_OK, NULL},
  {"plain gfx908", "case=plain target=gfx908", FA_OK, NULL},
  {"plain gfx90a", "case=plain target=gfx90a", FA_OK, NULL},
  {"plain gfx1030", "case=plain target=gfx1030", FA_OK, NULL},
  {"plain gfx1101", "case=plain target=gfx1101", FA_OK, NULL},
  {"plain gfx1102", "case=plain target=gfx1102", FA_OK, NULL},
  {"plain gfx1103", "case=plain target=gfx1103", FA_OK, NULL},
  {"plain gfx1150", "case=plain target=gfx1150", FA_OK, NULL},
  {"plain gfx1151", "case=plain target=gfx1151", FA_OK, NULL},
  {"plain gfx1152", "case=plain target=gfx1152", FA_OK, NULL},
  {"plain gfx1153", "case=plain target=gfx1153", FA_OK, NULL},
  {"plain gfx1200", "case=plain target=gfx1200", FA_OK, NULL},
  {"spill", "case=spill target=gfx942", FA_ERR_VALIDATION, "scratch in bytes a lane (registers spilled to memory) is "},
  {"spill gfx1100", "case=spill target=gfx1100", FA_ERR_VALIDATION, "scratch in bytes a lane (registers spilled to memory) is "},
  {"spill with a lighter schedule", "case=heavy target=gfx942 schedule=auto", FA_OK, NULL},
  {"spill with a schedule of the caller's", "case=heavy target=gfx942 schedule=plain", FA_ERR_VALIDATION, "scratch in bytes a lane (registers spilled to memory) is "},
  {"spill with every schedule", "case=spill target=gfx942 schedule=auto", FA_ERR_VALIDATION, "scratch in bytes a lane (registers spilled to memory) is "},
  {"too much LDS", "case=lds target=gfx942", FA_ERR_COMPILE, "exceeds limit (65536)"},
  {"LDS that fits", "case=lds target=gfx950", FA_OK, NULL},
  {"syntax error", "case=syntax target=gfx942", FA_ERR_COMPILE, "\nfagen.hip:4:14: error: expected expression"},
  {"hidden argument", "case=hidden target=gfx942", FA_ERR_VALIDATION, "size of the arguments in bytes is 280, must be exactly (by the manifest) 20"},
  {"offset", "case=offset target=gfx942", FA_ERR_VALIDATION, "argument 2 (count) has offset 16 and size 4, in the manifest 20 and 4"},
  {"kind", "case=kind target=gfx942", FA_ERR_VALIDATION, "argument 2 (count) is of kind by_value, in the manifest pointer"},
  {"argument too few", "case=fewer target=gfx942", FA_ERR_VALIDATION, "number of arguments is 3, must be exactly (by the manifest) 2"},
  {"argument too many", "case=more target=gfx942", FA_ERR_VALIDATION, "number of arguments is 3, must be exactly (by the manifest) 4"},
  {"symbol", "case=symbol target=gfx942", FA_ERR_VALIDATION, "its metadata has no kernel 'other'"},
  {"wave size", "case=wave target=gfx942", FA_ERR_VALIDATION, "wave size is 64, must be exactly 32"},
  {"block", "case=block target=gfx942", FA_ERR_VALIDATION, "largest workgroup in lanes is 256, must be at least (by the manifest) 512"},
  {"LDS plan", "case=lds_plan target=gfx942", FA_ERR_VALIDATION, "LDS in bytes is 0, must be exactly (by the manifest) 64"},
  {"size of the arguments", "case=kernarg target=gfx942", FA_ERR_VALIDATION, "size of the arguments in bytes is 20, must be exactly (by the manifest) 40"},
  {"manifest that is no JSON", "case=not_json target=gfx942", FA_ERR_VALIDATION, "manifest is not JSON"},
  {"forbidden option", "case=option target=gfx942", FA_ERR_UNSUPPORTED, "compile option -fplugin=evil.so is not in the list of allowed options: -O0 "},
  {"forbidden LLVM option", "case=llvm_option target=gfx942", FA_ERR_UNSUPPORTED, "compile option -mllvm -nosuch is not in the list"},
  {"unknown target", "case=plain target=gfx999", FA_ERR_UNSUPPORTED, "target=gfx999: the installed compiler has no such target; it has: gfx"},
  {"part of a target's name", "case=plain target=gfx94", FA_ERR_UNSUPPORTED, "target=gfx94: the installed compiler has no such target"},
  {"target with a feature", "case=plain target=gfx942:bogus+", FA_ERR_UNSUPPORTED, "target=gfx942:bogus+: the installed compiler has no such target"},
  {"no target", "case=plain xtarget=gfx942", FA_ERR_WORKER, "attempt to index a nil value (field 'target')"},
  {"target without limits", "case=plain target=gfx803", FA_ERR_UNSUPPORTED, "target=gfx803: its limits are not known"},
};

static void test_build(void **state) {
  const build_case *c = *state;
  reply_state reply;
  const char *const pairs[][2] = {{"op", "build"}, {"problem", c->problem}, {"templates_dir", FA_TEST_DATA "/worker_templates"}};
  expect(&reply, call(&reply, pairs, 3), c->status, c->says);
  assert_non_null(reply.bundle);
  assert_int_equal(strlen(fa_bundle_text(reply.bundle, "templates_digest", "")), 64);
  assert_string_not_equal(fa_bundle_text(reply.bundle, "templates_digest", ""), FA_TEMPLATES_DIGEST);
  assert_true((c->status == FA_OK) == (fa_bundle_find(reply.bundle, "object") != NULL));
  if (!c->status) {
    assert_memory_equal(fa_bundle_find(reply.bundle, "object")->data, ELFMAG, SELFMAG);
    assert_non_null(strstr(fa_bundle_text(reply.bundle, "resources", ""), "\"scratch_bytes\":0"));
  }
  fa_bundle_free(reply.bundle);
}

/* Same source, same bytes; and what is compiled by itself, stripped, is what a build makes. */
static void test_compile(void **state) {
  reply_state build, first, second;
  const char *const request[][2] = {{"op", "build"}, {"problem", "case=plain target=gfx942"}, {"templates_dir", FA_TEST_DATA "/worker_templates"}};
  (void)state;
  expect(&build, call(&build, request, 3), FA_OK, NULL);
  const char *const compile[][2] = {{"op", "compile"}, {"source", fa_bundle_text(build.bundle, "source", "")}, {"target", "gfx942"}, {"options", "-O3\n"}};
  expect(&first, call(&first, compile, 4), FA_OK, NULL);
  expect(&second, call(&second, compile, 4), FA_OK, NULL);
  const fa_section *objects[] = {fa_bundle_find(build.bundle, "object"), fa_bundle_find(first.bundle, "object"), fa_bundle_find(second.bundle, "object")};
  assert_int_equal(objects[1]->size, objects[2]->size);
  assert_memory_equal(objects[1]->data, objects[2]->data, objects[1]->size);
  void *stripped = malloc(objects[1]->size);
  size_t size = objects[1]->size;
  memcpy(stripped, objects[1]->data, size);
  assert_int_equal(fa_elf_strip(stripped, &size, NULL), FA_OK);
  assert_int_equal(objects[0]->size, size);
  assert_memory_equal(objects[0]->data, stripped, size);
  free(stripped);
  fa_bundle_free(build.bundle);
  fa_bundle_free(first.bundle);
  fa_bundle_free(second.bundle);
}

static void test_bad_sources(void **state) {
  static const struct {
    const char *source, *says;
  } sources[] = {
    {"", "the source is empty"},
    {"#error no\n", "fagen.hip:1:2: error: no"},
    {"#include \"/etc/passwd\"\n", "error:"},
    {"extern \"C\" __attribute__((global)) void f(float *x) { extern __attribute__((device)) float g(float); *x = g(*x); }", "symbol: g"},
    {"\xff\xfe\x01 nothing like C", "error:"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    reply_state reply;
    const char *const pairs[][2] = {{"op", "compile"}, {"source", sources[i].source}, {"target", "gfx1100"}};
    expect(&reply, call(&reply, pairs, 3), FA_ERR_COMPILE, sources[i].says);
    fa_bundle_free(reply.bundle);
  }
}

/* What a hiprtc says is believed only as far as it can be. */
static void test_odd_hiprtc(void **state) {
  static const struct {
    const char *source;
    fa_status status;
    const char *says;
  } answers[] = {
    {"good", FA_OK, NULL},
    {"no such option", FA_OK, NULL},
    {"error in the log", FA_ERR_COMPILE, "the compiler reported success for gfx942, but its log has an error:\nerror: cannot find ROCm device library"},
    {"no log", FA_ERR_COMPILE, "the compiler refused the source for gfx942 (hiprtc 6):"},
    {"no code", FA_ERR_COMPILE, "gave a code object of 0 bytes"},
    {"code fails", FA_ERR_COMPILE, "gave no code object"},
    {"create fails", FA_ERR_TOOLCHAIN, "hiprtcCreateProgram failed with 5"},
  };
  fa_toolchain odd = toolchain;
  (void)state;
  strcpy(odd.hiprtc, FA_TEST_BIN "/tests/fake_hiprtc.so");
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    reply_state reply;
    const fa_section sections[] = {{"op", "compile", 7}, {"source", answers[i].source, strlen(answers[i].source)}, {"target", "gfx942", 6}};
    expect(&reply, fa_worker_call(&reply.bundle, &odd, NULL, sections, 3, &reply.error), answers[i].status, answers[i].says);
    if (!answers[i].status) assert_string_equal(fa_bundle_text(reply.bundle, "object", ""), "code");
    fa_bundle_free(reply.bundle);
  }
  strcpy(odd.hiprtc, FA_TEST_BIN "/tests/none.so");
  reply_state reply;
  const fa_section sections[] = {{"op", "compile", 7}, {"source", "x", 1}, {"target", "gfx942", 6}};
  expect(&reply, fa_worker_call(&reply.bundle, &odd, NULL, sections, 3, &reply.error), FA_ERR_TOOLCHAIN, "hiprtc cannot be opened: ");
  fa_bundle_free(reply.bundle);
}

static void test_emit_needs_no_compiler(void **state) {
  fa_toolchain none = toolchain;
  fa_error error;
  fa_bundle *reply;
  const char *problem = "case=plain target=gfx942", *directory = FA_TEST_DATA "/worker_templates";
  fa_section request[] = {{"op", "emit", 4}, {"problem", problem, strlen(problem)}, {"templates_dir", directory, strlen(directory)}};
  (void)state;
  *none.loader = *none.hiprtc = *none.comgr = 0;
  assert_int_equal(fa_worker_call(&reply, &none, NULL, request, 3, &error), FA_OK);
  assert_non_null(strstr(fa_bundle_text(reply, "source", ""), "void copy("));
  assert_string_equal(fa_bundle_text(reply, "variant", ""), "case=plain");
  fa_bundle_free(reply);
  request[0] = (fa_section){"op", "build", 5};
  assert_int_equal(fa_worker_call(&reply, &none, NULL, request, 3, &error), FA_ERR_TOOLCHAIN);
  fa_bundle_free(reply);
}

static bool is_listing_line(const char *line, size_t size) {
  size_t digits = strspn(line, "0123456789abcdef");
  return digits > 0 && line[digits] == ' ' && strchr("48", line[digits + 1]) && line[digits + 2] == '\t' && size > digits + 3 && line[digits + 3] != ' ';
}

static void test_inspect(void **state) {
  reply_state build;
  fa_bundle *reply;
  fa_error error;
  const char *const request[][2] = {{"op", "explain"}, {"problem", "case=plain target=gfx1100"}, {"templates_dir", FA_TEST_DATA "/worker_templates"}};
  (void)state;
  expect(&build, call(&build, request, 3), FA_OK, NULL);
  const fa_section *object = fa_bundle_find(build.bundle, "object");
  const fa_section sections[] = {{"op", "inspect", 7}, {"object", object->data, object->size}};
  assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, sections, 2, &error), FA_OK);
  const char *listing = fa_bundle_text(reply, "listing", "");
  assert_string_equal(listing, fa_bundle_text(build.bundle, "listing", "none"));
  assert_string_equal(fa_bundle_text(build.bundle, "explain", ""), "nothing");
  assert_string_equal(fa_bundle_text(reply, "target", ""), "gfx1100");
  assert_non_null(strstr(fa_bundle_text(reply, "metadata", ""), "\".kernarg_segment_size\":\"20\""));
  assert_non_null(strstr(listing, "\ts_endpgm\n"));
  for (const char *line = listing; *line; line += strcspn(line, "\n") + 1)
    if (!is_listing_line(line, strcspn(line, "\n"))) fail_msg("%.80s", line);
  fa_bundle_free(reply);
  fa_bundle_free(build.bundle);
}

/* Objects cut short or with bytes changed are an error or a listing, never a crash of the client; most end in a clear refusal. */
static void test_inspect_damaged(void **state) {
  reply_state build;
  const char *const request[][2] = {{"op", "build"}, {"problem", "case=plain target=gfx942"}, {"templates_dir", FA_TEST_DATA "/worker_templates"}};
  static const struct {
    size_t offset;
    unsigned char value;
    const char *says;
  } damages[] = {
    {0, 0, "not a 64-bit little-endian ELF file"},
    {4, 1, "not a 64-bit little-endian ELF file"},
    {18, 62, "ELF machine 62, expected 224"},
    {47, 0x7f, "its section table"},
    {60, 0, "no section with instructions"},
  };
  (void)state;
  expect(&build, call(&build, request, 3), FA_OK, NULL);
  const fa_section *object = fa_bundle_find(build.bundle, "object");
  unsigned char *copy = malloc(object->size);
  assert_non_null(copy);
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    fa_bundle *reply;
    fa_error error;
    memcpy(copy, object->data, object->size);
    copy[damages[i].offset] = damages[i].value;
    const fa_section sections[] = {{"op", "inspect", 7}, {"object", copy, object->size}};
    assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, sections, 2, &error), FA_ERR_VALIDATION);
    if (!strstr(error.text, damages[i].says)) fail_msg("expected '%s' in: %s", damages[i].says, error.text);
    fa_bundle_free(reply);
  }
  for (size_t size = 0; size < object->size; size += object->size / 5) {
    fa_bundle *reply;
    fa_error error;
    const fa_section sections[] = {{"op", "inspect", 7}, {"object", object->data, size}};
    assert_int_equal(fa_worker_call(&reply, &toolchain, NULL, sections, 2, &error), FA_ERR_VALIDATION);
    fa_bundle_free(reply);
  }
  free(copy);
  fa_bundle_free(build.bundle);
}

static void test_targets(void **state) {
  reply_state reply;
  const char *const own[][2] = {{"op", "targets"}, {"templates_dir", FA_TEST_DATA "/worker_templates"}};
  const char *const embedded[][2] = {{"op", "targets"}};
  (void)state;
  expect(&reply, call(&reply, own, 2), FA_OK, NULL);
  assert_string_equal(fa_bundle_text(reply.bundle, "targets", ""), "gfx942\ngfx1100\n"); /* not gfx000, which no compiler has */
  assert_non_null(strstr(fa_bundle_text(reply.bundle, "all_targets", ""), "gfx1201\n"));
  fa_bundle_free(reply.bundle);
  expect(&reply, call(&reply, embedded, 1), FA_OK, NULL);
  assert_string_equal(fa_bundle_text(reply.bundle, "templates_digest", ""), FA_TEMPLATES_DIGEST);
  fa_bundle_free(reply.bundle);
}

static void test_bad_requests(void **state) {
  static const struct {
    const char *pairs[3][2];
    size_t count;
    fa_status status;
    const char *says;
  } requests[] = {
    {{{"op", "dance"}}, 1, FA_ERR_WORKER, "operation 'dance' is not known to this worker"},
    {{{"op", "build"}}, 1, FA_ERR_WORKER, "the request has no section 'problem'"},
    {{{"op", "inspect"}}, 1, FA_ERR_WORKER, "the request has no section 'object'"},
    {{{"op", "compile"}, {"source", "x"}}, 2, FA_ERR_WORKER, "the request has no section 'target'"},
    {{{"op", "emit"}, {"problem", "no fields"}}, 2, FA_ERR_WORKER, "is not made of name=value"},
    {{{"op", "emit"}, {"problem", "a=b"}, {"templates_dir", "/proc/nonexistent"}}, 3, FA_ERR_IO, "templates from /proc/nonexistent: template directory"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    reply_state reply;
    expect(&reply, call(&reply, requests[i].pairs, requests[i].count), requests[i].status, requests[i].says);
    fa_bundle_free(reply.bundle);
  }
}

#ifndef __SANITIZE_ADDRESS__ /* a sanitized worker sets no such limit: its shadow memory does not fit below one */
/* Memory: a limit that is too low for the compiler is the worker's end, not ours. */
static void test_memory_limit(void **state) {
  const char *problem = "case=plain target=gfx942", *directory = FA_TEST_DATA "/worker_templates";
  const fa_section request[] = {{"op", "build", 5}, {"problem", problem, strlen(problem)}, {"templates_dir", directory, strlen(directory)}};
  const fa_worker_limits limits = {.memory_bytes = (size_t)120 << 20};
  fa_bundle *reply;
  fa_error error;
  (void)state;
  assert_int_not_equal(fa_worker_call(&reply, &toolchain, &limits, request, 3, &error), FA_OK);
  fa_bundle_free(reply);
}
#endif

/* What a worker made before does not show: each answer of one that serves all of them has the bytes of a fresh worker's. */
static void test_what_came_before(void **state) {
  enum { KINDS = 6, ROUNDS = 2 };
  static const struct {
    const char *target, *options; /* LLVM's own options are variables of its process */
    const char *source;           /* NULL: the kernel's */
  } asked[KINDS] = {{"gfx942", "-O3\n", NULL},  {"gfx942", "-O3\n-mllvm\n-enable-misched=false\n", NULL}, {"gfx942", "-O3\n", "syntax error"},
                    {"gfx1100", "-O3\n", NULL}, {"gfx942", "-O3\n-mllvm\n-enable-post-misched=false\n", NULL}, {"gfx999", "-O3\n", NULL}};
  fa_bundle *emitted, *fresh[KINDS] = {0};
  fa_error error;
  (void)state;
  reply_state emit;
  fa_problem problem;
  char text[2048];
  size_t length;
  assert_int_equal(fa_problem_parse(&problem, "target=gfx942 head_dim=64"), FA_OK);
  assert_int_equal(fa_problem_print(text, sizeof text, &length, &problem), FA_OK);
  const char *const request[][2] = {{"op", "emit"}, {"problem", text}};
  expect(&emit, call(&emit, request, 2), FA_OK, NULL);
  emitted = emit.bundle;
  for (int round = 0; round <= ROUNDS; round++)
    for (int i = 0; i < KINDS; i++) {
      const char *source = asked[i].source ? asked[i].source : fa_bundle_text(emitted, "source", "");
      const fa_section sections[] = {{"op", "compile", 7}, {"source", source, strlen(source)}, {"target", asked[i].target, strlen(asked[i].target)},
                                     {"options", asked[i].options, strlen(asked[i].options)}};
      fa_toolchain own = toolchain;
      fa_bundle *reply;
      if (round == 0) snprintf(own.comgr, sizeof own.comgr, "%.*s%.*s%s", (int)(strrchr(toolchain.comgr, '/') - toolchain.comgr), toolchain.comgr, 2 * (i + 1),
                               "/./././././././", strrchr(toolchain.comgr, '/')); /* another command: a worker for each */
      fa_status status = fa_worker_call(&reply, &own, NULL, sections, 4, &error);
      if (round == 0) {
        fresh[i] = reply;
        continue;
      }
      static const char *const compared[] = {"status", "error", "object", "log"};
      for (size_t c = 0; c < sizeof compared / sizeof *compared; c++) {
        const fa_section *first = fa_bundle_find(fresh[i], compared[c]), *now = fa_bundle_find(reply, compared[c]);
        if (!first != !now || (first && (first->size != now->size || memcmp(first->data, now->data, now->size) != 0)))
          fail_msg("round %d, request %d: %s differs (%s)", round, i, compared[c], fa_status_name(status));
      }
      fa_bundle_free(reply);
    }
  const fa_section *plain = fa_bundle_find(fresh[0], "object"), *unscheduled = fa_bundle_find(fresh[1], "object");
  assert_true(plain->size != unscheduled->size || memcmp(plain->data, unscheduled->data, plain->size) != 0); /* the options do something */
  for (int i = 0; i < KINDS; i++) fa_bundle_free(fresh[i]);
  fa_bundle_free(emitted);
}

static size_t count_directories(const char *directory) {
  size_t count = 0;
  DIR *stream = opendir(directory);
  for (struct dirent *entry; stream && (entry = readdir(stream));) count += entry->d_name[0] != '.';
  if (stream) closedir(stream);
  return count;
}

static void *ask_without_end(void *unused) {
  const char *problem = "case=loop target=gfx942", *directory = FA_TEST_DATA "/worker_templates";
  const fa_section request[] = {{"op", "emit", 4}, {"problem", problem, strlen(problem)}, {"templates_dir", directory, strlen(directory)}};
  fa_bundle *reply;
  (void)unused;
  fa_worker_call(&reply, &toolchain, NULL, request, 3, NULL);
  return NULL;
}

/* The client is killed, or the worker and then the client, or the client exits in another thread: no worker and no directory stays. */
static void test_end_of_the_client(void **state) {
  static const char *const ends[] = {"client killed", "client exits", "both killed"};
  char directory[2048];
  (void)state;
  scratch_make(directory, sizeof directory);
  for (int end = 0; end < 3; end++) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    fflush(NULL);
    pid_t client = fork(), worker = 0;
    if (client == 0) {
      pthread_t thread;
      char go;
      leaks_are_fine = 1;
      setenv("TMPDIR", directory, 1);
      unsetenv("XDG_RUNTIME_DIR");
      pthread_create(&thread, NULL, ask_without_end, NULL);
      if (read(pipes[0], &go, 1) == 1) exit(0);
      _exit(1);
    }
    for (int i = 0; i < 500 && !worker; i++) {
      usleep(10000);
      worker = process_child_of(client);
    }
    assert_true(worker > 0);
    usleep(300000); /* it works by now */
    assert_true(process_is_running(worker));
    assert_int_equal(count_directories(directory), 1);
    if (end == 2) kill(client, SIGSTOP), kill(worker, SIGKILL);
    if (end == 1) assert_int_equal(write(pipes[1], "x", 1), 1);
    else kill(client, SIGKILL);
    waitpid(client, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    for (int i = 0; i < 300 && (process_is_running(worker) || (end != 2 && count_directories(directory))); i++) usleep(10000);
    if (process_is_running(worker)) fail_msg("%s: the worker is still there", ends[end]);
    if (end == 2) { /* nobody was left to do it: the next client does */
      char path[4096];
      struct dirent **names;
      assert_int_equal(scandir(directory, &names, NULL, alphasort), 3); /* . .. and it */
      snprintf(path, sizeof path, "%s/%s", directory, names[2]->d_name);
      for (int i = 0; i < 3; i++) free(names[i]);
      free(names);
      assert_int_equal(utime(path, &(struct utimbuf){.modtime = time(NULL) - 60, .actime = time(NULL)}), 0);
      fa_temporary_reap(directory);
    }
    if (count_directories(directory)) fail_msg("%s: its directory is still there", ends[end]);
  }
  scratch_remove(directory);
}

/* A worker that waits for a request sees the end in two places at once: whichever is first, the directory goes. */
static void test_end_of_an_idle_client(void **state) {
  enum { ROUNDS = 12 };
  char directory[2048];
  (void)state;
  scratch_make(directory, sizeof directory);
  for (int round = 0; round < ROUNDS; round++) {
    fflush(NULL);
    pid_t client = fork();
    if (client == 0) {
      reply_state reply;
      const char *const request[][2] = {{"op", "emit"}, {"problem", "case=plain target=gfx942"}, {"templates_dir", FA_TEST_DATA "/worker_templates"}};
      setenv("TMPDIR", directory, 1);
      unsetenv("XDG_RUNTIME_DIR");
      _exit(call(&reply, request, 3) || count_directories(directory) == 0); /* its worker waits, and is told nothing */
    }
    int status;
    assert_int_equal(waitpid(client, &status, 0), client);
    assert_int_equal(status, 0);
    for (int i = 0; i < 300 && count_directories(directory); i++) usleep(10000);
    assert_int_equal(count_directories(directory), 0);
  }
  scratch_remove(directory);
}

static void test_identity(void **state) {
  fa_toolchain other;
  fa_error error;
  char hiprtc[65], comgr[65], llvm[65];
  (void)state;
  assert_int_equal(sscanf(toolchain.identity, "hiprtc=%64s comgr=%64s llvm=%64s", hiprtc, comgr, llvm), 3);
  assert_true(strspn(hiprtc, "0123456789abcdef") == strlen(hiprtc) && strlen(hiprtc) >= 16);
  assert_int_equal(fa_toolchain_find(&other, NULL, "/proc/nonexistent", &error), FA_ERR_TOOLCHAIN);
  assert_non_null(strstr(error.text, "toolchain directory /proc/nonexistent (given by the caller)"));
  assert_string_not_equal(other.worker, ""); /* enough for `emit` */
  assert_int_equal(fa_toolchain_find(&other, "/proc/nonexistent", NULL, &error), FA_ERR_WORKER);
  assert_string_equal(error.text, "worker /proc/nonexistent (given by the caller) is not an executable file");
}

static int set_up(void **state) {
  fa_error error;
  (void)state;
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error) == FA_OK) return 0;
  fprintf(stderr, "%s\n", error.text);
  return -1;
}

int main(void) {
  enum { BUILDS = sizeof builds / sizeof *builds };
  const struct CMUnitTest others[] = {
    cmocka_unit_test(test_compile),         cmocka_unit_test(test_bad_sources),  cmocka_unit_test(test_emit_needs_no_compiler),
    cmocka_unit_test(test_inspect),         cmocka_unit_test(test_inspect_damaged), cmocka_unit_test(test_targets),
    cmocka_unit_test(test_bad_requests),    cmocka_unit_test(test_identity),      cmocka_unit_test(test_odd_hiprtc),
    cmocka_unit_test(test_end_of_the_client), cmocka_unit_test(test_end_of_an_idle_client), cmocka_unit_test(test_what_came_before),
#ifndef __SANITIZE_ADDRESS__
    cmocka_unit_test(test_memory_limit),
#endif
  };
  struct CMUnitTest tests[BUILDS + sizeof others / sizeof *others];
  for (size_t i = 0; i < BUILDS; i++)
    tests[i] = (struct CMUnitTest){.name = builds[i].name, .test_func = test_build, .initial_state = (void *)(uintptr_t)&builds[i]};
  memcpy(tests + BUILDS, others, sizeof others);
  return _cmocka_run_group_tests("worker", tests, sizeof tests / sizeof *tests, set_up, NULL);
}
