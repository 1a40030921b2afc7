/* SPDX-License-Identifier: MIT
 * Contexts with packs: no worker is asked for what a pack has, and what a pack should not have is as if it were not there. */
#include <elf.h>
#include <sys/stat.h>

#include "canned.h"
#include "elf_view.h"
#include "gfx.h"
#include "made_pack.h"

enum { OBJECT_BYTES = sizeof(Elf64_Ehdr) + 8 };

/* What the device takes for a code object: a head for gfx942, and a word of up to 8 letters behind it. */
static const char *object_of(const char *word) {
  static char objects[4][OBJECT_BYTES];
  static int turn;
  char *out = objects[turn++ % 4];
  Elf64_Ehdr head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT, 64, 4}, .e_machine = FA_ELF_MACHINE_AMDGPU, .e_ehsize = sizeof head,
                     .e_flags = fa_gfx_find("gfx942")->machine | 0x500};
  memset(out, 0, OBJECT_BYTES);
  memcpy(out, &head, sizeof head);
  memcpy(out + sizeof head, word, strlen(word));
  return out;
}

/* The canonical text of a problem for the stub's device. */
static char *canonical(const char *text) {
  static char printed[4][1024];
  static int turn;
  char *out = printed[turn++ % 4];
  fa_problem problem;
  if (fa_problem_parse(&problem, text) || fa_problem_print(out, sizeof printed[0], NULL, &problem)) fail_msg("%s", fa_last_error());
  return out;
}

static char *manifest_for(const char *target, const char *problem) {
  return canned_replace(canned_replace(canned_manifest(), "@TARGET@", target), "@PROBLEM@", problem);
}

/* A pack of one record; the manifest says `inside`. */
static void *pack_of(size_t *size, const char *target, const char *problem, const char *inside) {
  char *manifest = manifest_for(target, inside);
  const made_record record = {problem, manifest, object_of("packed"), OBJECT_BYTES};
  void *bytes = made_pack(size, target, &record, 1, true);
  free(manifest);
  return bytes;
}

static fa_pack *open_memory(const void *bytes, size_t size) {
  fa_pack *pack;
  if (fa_pack_open_memory(&pack, bytes, size, NULL)) fail_msg("%s", fa_last_error());
  return pack;
}

static fa_context *make_context(const fa_context_options *options) {
  fa_context *context;
  if (fa_context_create(&context, options)) fail_msg("%s", fa_last_error());
  return context;
}

/* Makes the plan, expects its origin, and destroys it. */
static void assert_origin(fa_context *context, const char *text, const char *origin, const char *word) {
  fa_problem problem;
  fa_plan *plan;
  fa_plan_info info = {.size = sizeof info};
  if (fa_problem_parse(&problem, text) || fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  assert_int_equal(fa_plan_get_info(plan, &info), FA_OK);
  assert_string_equal(info.origin, origin);
  assert_true(info.object_bytes >= sizeof(Elf64_Ehdr) + strlen(word));
  assert_memory_equal((const char *)info.object + sizeof(Elf64_Ehdr), word, strlen(word));
  fa_plan_destroy(plan);
}

static const char ours[] = "target=gfx942 mask=causal", packed[] = "packed", compiled[] = "canned";

static void a_pack_saves_the_worker(void **state) {
  (void)state;
  size_t size;
  void *elsewhere = pack_of(&size, "gfx90a", canonical("target=gfx90a"), canonical("target=gfx90a"));
  size_t other_size = size;
  void *bytes = pack_of(&size, "gfx942", canonical(ours), canonical(ours));
  fa_pack *packs[] = {open_memory(elsewhere, other_size), open_memory(bytes, size)}; /* that of another target never hits */
  fa_context_options options = canned_options(&here);
  options.packs = (const fa_pack *const *)packs;
  options.pack_count = 2;
  fa_context *context = make_context(&options);
  assert_origin(context, ours, "pack", packed);
  assert_origin(context, ours, "memory", packed);
  assert_int_equal(canned_requests(&here, "build"), 0);
  assert_origin(context, "target=gfx942 mask=none", "compiled", compiled);
  assert_int_equal(canned_requests(&here, "build"), 1);
  fa_context_destroy(context);
  fa_pack_close(packs[0]);
  fa_pack_close(packs[1]);
  fa_free(bytes);
  fa_free(elsewhere);
}

/* No compiler, no cache, compiling switched off: a pack is enough. */
static void a_pack_needs_nothing_else(void **state) {
  (void)state;
  size_t size;
  void *bytes = pack_of(&size, "gfx942", canonical(ours), canonical(ours));
  fa_pack *pack = open_memory(bytes, size);
  const fa_pack *packs[] = {pack};
  fa_context_options options = canned_options(&here);
  options.packs = packs;
  options.pack_count = 1;
  options.cache_dir = "";
  options.worker = options.toolchain_dir = "/nowhere";
  options.jit = FA_JIT_OFF;
  fa_context *context = make_context(&options);
  assert_origin(context, ours, "pack", packed);
  fa_problem problem;
  fa_plan *plan;
  assert_int_equal(fa_problem_parse(&problem, "target=gfx942 mask=window"), FA_OK);
  assert_int_equal(fa_plan_create(&plan, context, &problem), FA_ERR_NOT_PREPARED);
  fa_context_destroy(context);
  fa_pack_close(pack);
  fa_free(bytes);
}

/* The first pack of the options that has it; then those that are found. */
static void packs_have_an_order(void **state) {
  (void)state;
  char path[700], *manifest = manifest_for("gfx942", canonical(ours));
  const made_record first = {canonical(ours), manifest, object_of("first"), OBJECT_BYTES},
                    second = {canonical(ours), manifest, object_of("second"), OBJECT_BYTES};
  size_t sizes[2];
  void *bytes[] = {made_pack(&sizes[0], "gfx942", &first, 1, false), made_pack(&sizes[1], "gfx942", &second, 1, false)};
  fa_pack *packs[] = {open_memory(bytes[0], sizes[0]), open_memory(bytes[1], sizes[1])};
  fa_context_options options = canned_options(&here);
  for (int i = 0; i < 2; i++) {
    const fa_pack *order[] = {packs[i], packs[1 - i]};
    options.packs = order;
    options.pack_count = 2;
    fa_context *context = make_context(&options);
    assert_origin(context, ours, "pack", i ? "second" : "first");
    fa_context_destroy(context);
  }
  snprintf(path, sizeof path, "%s/found.fapack", here.directory);
  write_bytes(path, bytes[1], sizes[1]);
  chmod(path, 0644);
  setenv("FA_PACK_PATH", here.directory, 1);
  options.packs = (const fa_pack *const *)packs;
  options.pack_count = 1;
  fa_context *context = make_context(&options);
  assert_origin(context, ours, "pack", "first");
  fa_context_destroy(context);
  options.packs = NULL;
  options.pack_count = 0;
  context = make_context(&options);
  assert_origin(context, ours, "pack", "second");
  fa_context_destroy(context);
  chmod(path, 0666); /* nobody vouches for it now */
  context = make_context(&options);
  assert_origin(context, ours, "compiled", compiled);
  fa_context_destroy(context);
  unsetenv("FA_PACK_PATH");
  for (int i = 0; i < 2; i++) {
    fa_pack_close(packs[i]);
    fa_free(bytes[i]);
  }
  free(manifest);
}

static char logged[1024];

static void keep_log(int level, const char *text, void *user) {
  (void)user;
  if (level == 1) snprintf(logged, sizeof logged, "%s", text);
}

/* A record that is damaged, or of another problem than its row says. */
static void what_is_wrong_is_compiled(void **state) {
  (void)state;
  for (int wrong = 0; wrong < 2; wrong++) {
    size_t size;
    char *bytes = pack_of(&size, "gfx942", canonical(ours), wrong ? canonical("target=gfx942 mask=none") : canonical(ours));
    if (!wrong) bytes[size - 1] ^= 1; /* in the record */
    fa_pack *pack = open_memory(bytes, size);
    const fa_pack *packs[] = {pack};
    fa_context_options options = canned_options(&here);
    options.packs = packs;
    options.pack_count = 1;
    options.cache_dir = "";
    options.log = keep_log;
    logged[0] = 0;
    fa_context *context = make_context(&options);
    assert_origin(context, ours, "compiled", compiled);
    if (!strstr(logged, wrong ? "the kernel from pack is refused" : "is damaged")) fail_msg("\"%s\" does not say what is wrong", logged);
    assert_int_equal(canned_requests(&here, "build"), wrong + 1);
    fa_context_destroy(context);
    fa_pack_close(pack);
    fa_free(bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, canned_set_up, canned_tear_down)
    TEST(a_pack_saves_the_worker),
    TEST(a_pack_needs_nothing_else),
    TEST(packs_have_an_order),
    TEST(what_is_wrong_is_compiled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
