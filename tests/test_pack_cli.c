/* SPDX-License-Identifier: MIT
 * fa-gen pack with kernels of the real compiler: made, listed, joined, compared, taken apart, run on the emulator, and linked in. */
#include "cli_json.h"
#include "cli_run.h"
#include "made_pack.h"
#include "scratch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

static char folder[256];

/* Runs, expects the code, and words in what was printed (NULL: nothing is expected of it; err NULL: nothing on standard error). */
static void expect(const char *command, int code, const char *out, const char *err) {
  cli_check(folder, command, code, out, err ? err : CLI_NOTHING);
}

static json_t *expect_json(const char *command, int code) {
  return cli_json(folder, command, code);
}

/* Three kernels in the folder's own cache, and packs of them. */
static int set_up(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  expect("\"$FA_GEN\" build target=gfx942 head_dim=32 dtype=fp16,bf16 --cache-dir cache", 0, "compiled", NULL);
  expect("\"$FA_GEN\" build target=gfx1100 head_dim=32 dtype=fp16 --cache-dir cache", 0, "compiled", NULL);
  expect("\"$FA_GEN\" pack create target=gfx942 -o all.fapack --cache-dir cache", 0, "all.fapack: 2 records", NULL);
  expect("\"$FA_GEN\" pack create target=gfx942 dtype=fp16 -o half.fapack --cache-dir cache", 0, "1 records", NULL);
  expect("\"$FA_GEN\" pack create target=gfx942 dtype=bf16 -o brain.fapack --cache-dir cache", 0, "1 records", NULL);
  expect("\"$FA_GEN\" pack create target=gfx1100 -o other.fapack --cache-dir cache", 0, "1 records", NULL);
  expect("\"$FA_GEN\" pack create target=gfx942 -o raw.fapack --raw --cache-dir cache", 0, "2 records", NULL);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

static void shards_give_the_same_bytes(void **state) {
  (void)state;
  expect("\"$FA_GEN\" pack merge brain.fapack half.fapack -o joined.fapack && cmp joined.fapack all.fapack", 0, "joined.fapack: 2 records", NULL);
  expect("\"$FA_GEN\" pack merge half.fapack all.fapack brain.fapack -o joined.fapack && cmp joined.fapack all.fapack", 0, NULL, NULL);
  expect("\"$FA_GEN\" pack merge raw.fapack -o joined.fapack && cmp joined.fapack all.fapack", 0, NULL, NULL);
  expect("\"$FA_GEN\" pack merge --raw all.fapack -o joined.fapack && cmp joined.fapack raw.fapack", 0, NULL, NULL);
  expect("(umask 077; cd cache && LC_ALL=C TZ=Asia/Tokyo \"$FA_GEN\" pack create target=gfx942 head_dim=32 -o ../again.fapack --cache-dir .) && "
         "cmp again.fapack all.fapack", 0, NULL, NULL);
}

static void what_does_not_fit_is_not_merged(void **state) {
  (void)state;
  const made_record first = {"kernel=attention_fwd target=gfx942 head_dim_qk=8", "{}", "first", 0}, second = {first.problem, "{}", "second", 0};
  const made_record *both[] = {&first, &second};
  for (int i = 0; i < 2; i++) {
    char path[512];
    size_t size;
    void *bytes = made_pack(&size, "gfx942", both[i], 1, false);
    snprintf(path, sizeof path, "%s/%s.fapack", folder, i ? "second" : "first");
    write_bytes(path, bytes, size);
    fa_free(bytes);
  }
  expect("\"$FA_GEN\" pack merge first.fapack second.fapack -o no.fapack", 1, NULL,
         "first.fapack and second.fapack have different records of kernel=attention_fwd target=gfx942 head_dim_qk=8");
  expect("\"$FA_GEN\" pack merge all.fapack other.fapack -o no.fapack", 1, NULL, "all.fapack and other.fapack are of different targets: gfx942 and gfx1100");
  expect("\"$FA_GEN\" pack merge all.fapack first.fapack -o no.fapack", 1, NULL, "different toolchains");
  expect("ls | grep -c '^no\\.'", 1, "0", NULL); /* neither the pack nor a part of it */
  expect("\"$FA_GEN\" pack diff first.fapack second.fapack", 1, "! kernel=attention_fwd target=gfx942 head_dim_qk=8: object of 5 and 6 bytes", NULL);
}

static void packs_are_listed_and_compared(void **state) {
  (void)state;
  expect("\"$FA_GEN\" pack list all.fapack other.fapack", 0, "target=gfx942 dtype=fp16 head_dim=32", NULL);
  json_t *object = expect_json("\"$FA_GEN\" pack list --json all.fapack raw.fapack", 0), *packs = json_object_get(object, "packs");
  json_t *one = json_array_get(packs, 0);
  assert_int_equal(json_array_size(packs), 2);
  assert_int_equal(json_array_size(json_object_get(one, "list")), 2);
  assert_string_equal(json_string_value(json_object_get(one, "target")), "gfx942");
  assert_true(json_integer_value(json_object_get(one, "bytes")) < json_integer_value(json_object_get(json_array_get(packs, 1), "bytes")));
  cli_result sum = cli_shell(folder, "sha256sum all.fapack");
  assert_memory_equal(sum.out, json_string_value(json_object_get(one, "sha256")), 64);
  sum.out[64] = 0;
  char command[256];
  snprintf(command, sizeof command, "\"$FA_GEN\" pack verify all.fapack --sha256 %s", sum.out);
  expect(command, 0, "2 records verify", NULL);
  expect("\"$FA_GEN\" pack verify all.fapack --sha256 12", 4, NULL, "12 was asked for");
  cli_free(&sum);
  json_decref(object);
  expect("\"$FA_GEN\" pack diff all.fapack raw.fapack", 0, "", NULL); /* the same records */
  expect("\"$FA_GEN\" pack diff all.fapack half.fapack", 1, "- kernel=attention_fwd target=gfx942 dtype_q=bf16", NULL);
  expect("\"$FA_GEN\" pack diff half.fapack all.fapack", 1, "+ kernel=attention_fwd target=gfx942 dtype_q=bf16", NULL);
  object = expect_json("\"$FA_GEN\" pack diff --json all.fapack other.fapack", 1);
  assert_int_equal(json_array_size(json_object_get(object, "differences")), 4); /* the target, and three problems */
  json_decref(object);
}

static void damage_is_told(void **state) {
  (void)state;
  expect("cp all.fapack bad.fapack; printf '\\377' | dd of=bad.fapack bs=1 seek=$(($(stat -c %s bad.fapack) - 9)) conv=notrunc status=none; "
         "\"$FA_GEN\" pack verify bad.fapack all.fapack", 4,
         "all.fapack: 2 records verify", "is damaged");
  expect("\"$FA_GEN\" pack list bad.fapack", 0, "gfx942", NULL); /* the index is whole */
  expect("head -c 3000 all.fapack >short.fapack; \"$FA_GEN\" pack list short.fapack", 4, NULL, "short.fapack: is damaged: 3000 bytes");
  expect("\"$FA_GEN\" pack merge all.fapack bad.fapack -o no.fapack", 4, NULL, "bad.fapack: the record of kernel=");
  expect("\"$FA_GEN\" pack extract bad.fapack -o bad", 4, NULL, "bad.fapack: the record of kernel=");
  expect("\"$FA_GEN\" pack --c-array bad.fapack -o bad.c", 4, NULL, "bad.fapack: the record of kernel=");
  /* A record that verifies, and lies. */
  const made_record odd = {"kernel=attention_fwd target=gfx942 head_dim_qk=8", "{\"manifest\": 1}", "object", 0};
  char path[512];
  size_t size;
  void *bytes = made_pack(&size, "gfx942", &odd, 1, false);
  snprintf(path, sizeof path, "%s/odd.fapack", folder);
  write_bytes(path, bytes, size);
  fa_free(bytes);
  expect("\"$FA_GEN\" pack verify odd.fapack", 4, NULL, "odd.fapack: the record of kernel=attention_fwd target=gfx942 head_dim_qk=8: ");
}

static char *read_one(const char *pattern, size_t *size) {
  char command[512];
  snprintf(command, sizeof command, "cat %s >one", pattern);
  expect(command, 0, NULL, NULL);
  snprintf(command, sizeof command, "%s/one", folder);
  FILE *file = fopen(command, "rb");
  char *bytes = calloc(1, 1 << 20);
  assert_true(file && bytes);
  *size = fread(bytes, 1, (1 << 20) - 1, file);
  fclose(file);
  return bytes;
}

/* All is right but the GPU that the code is for. */
static void an_object_of_another_gpu_is_told(void **state) {
  (void)state;
  size_t size, text_size;
  expect("\"$FA_GEN\" pack extract half.fapack -o ours && \"$FA_GEN\" pack extract other.fapack -o theirs", 0, NULL, NULL);
  char *manifest = read_one("ours/*.json", &text_size), *object = read_one("theirs/*.co", &size), path[512];
  json_t *parsed = json_loads(manifest, 0, NULL);
  const made_record record = {json_string_value(json_object_get(parsed, "problem")), manifest, object, size};
  assert_non_null(record.problem);
  void *bytes = made_pack(&size, "gfx942", &record, 1, false);
  snprintf(path, sizeof path, "%s/mixed.fapack", folder);
  write_bytes(path, bytes, size);
  expect("\"$FA_GEN\" pack verify mixed.fapack", 4, NULL, "its object's machine is 0x41; that of gfx942 is 0x4c");
  json_decref(parsed);
  fa_free(bytes);
  free(manifest);
  free(object);
}

static void objects_come_out_as_they_were_built(void **state) {
  (void)state;
  expect("\"$FA_GEN\" build target=gfx942 head_dim=32 dtype=fp16,bf16 -o built", 0, "compiled", NULL);
  expect("\"$FA_GEN\" pack extract all.fapack -o out", 0, "2 objects (.co) and manifests (.json) in out", NULL);
  expect("for f in out/*.co out/*.json; do cmp $f built/${f#out/} || exit 1; done; ls out | wc -l", 0, "4", NULL);
  expect("\"$FA_GEN\" pack extract all.fapack dtype=bf16,fp32 -o some && ls some | wc -l", 0, "2", NULL);
}

/* Compiling is switched off and there is no cache; the emulator still asks comgr for the listing. */
static void a_pack_runs_without_a_compiler(void **state) {
  (void)state;
  static const char run[] = "\"$FA_GEN\" run -q \"$DATA/short_layer2_q.npy\" -k \"$DATA/short_layer2_k.npy\" -v \"$DATA/short_layer2_v.npy\" "
                            "--dtype fp16 --device emulator:gfx942 --cache-dir \"\"";
  char command[1024];
  chmod(folder, 0755);
  snprintf(command, sizeof command, "FA_JIT=0 %s", run);
  expect(command, 1, NULL, "compiling is switched off");
  snprintf(command, sizeof command, "chmod 644 all.fapack; FA_JIT=0 FA_PACK_PATH=$PWD/all.fapack %s", run);
  expect(command, 0, NULL, NULL);
}

static void a_pack_can_be_linked_in(void **state) {
  (void)state;
  expect("\"$FA_GEN\" pack --c-array all.fapack -o kernels.c", 0, "kernels.c, kernels.h: kernels, ", NULL);
  expect("cp kernels.c first.c; \"$FA_GEN\" pack --c-array raw.fapack -o kernels.c && cmp kernels.c first.c", 0, NULL, NULL); /* records are raw in any case */
  expect("printf '#include \"kernels.h\"\\n#include <stdio.h>\\nint main(void) { "
         "return fwrite(kernels, 1, kernels_bytes, stdout) != kernels_bytes; }\\n' >main.c; "
         "cc -std=c99 -Wall -Wextra -Wpedantic -Werror -o main main.c kernels.c && ./main >linked && cmp linked raw.fapack", 0, NULL, NULL);
  expect("\"$FA_GEN\" pack --c-array all.fapack -o 9-lives.c && grep -c 'const uint64_t pack_9_lives\\[\\]' 9-lives.h", 0, "1", NULL);
  expect("\"$FA_GEN\" pack --c-array all.fapack -o k.c --name my_kernels && grep -c 'my_kernels_bytes;' k.h", 0, "1", NULL);
}

static void wrong_usage(void **state) {
  (void)state;
  static const struct { const char *command, *err; int code; } rows[] = {
    { "pack", "one of create, list, verify, extract, merge, diff, or --c-array FILE is expected", 2 },
    { "pack eat", "one of create, list, verify", 2 },
    { "pack list", "list: the files are missing", 2 },
    { "pack diff all.fapack", "diff: two files are expected", 2 },
    { "pack create -o x.fapack", "target=NAME is needed, one; a pack has one target", 2 },
    { "pack create target=gfx942,gfx1100 -o x.fapack", "target=NAME is needed", 2 },
    { "pack create target=gfx942", "-o FILE is needed", 2 },
    { "pack create target=gfx942 colour=red -o x.fapack", "\"colour=red\": FIELD=VALUE[,VALUE...] of a problem is expected", 2 },
    { "pack create target=gfx90a -o x.fapack --cache-dir cache", "has no such kernel of this fa-gen and toolchain; fa-gen build makes them", 4 },
    { "pack extract all.fapack head_dim=96 -o none", "all.fapack: no kernel in this pack has the fields asked for; fa-gen pack list", 1 },
    { "pack list missing.fapack", "missing.fapack: No such file or directory", 4 },
    { "pack --c-array all.fapack", "-o NAME.c is needed", 2 },
    { "pack --c-array all.fapack -o k.txt", "-o NAME.c is needed", 2 },
    { "pack --c-array all.fapack -o k.c --name 2x", "--name 2x: not a name in C", 2 },
    { "pack merge all.fapack -o /dev/full", "/dev/full: cannot be written: No space left", 4 },
    { "pack merge all.fapack -o /nowhere/x.fapack", "/nowhere/x.fapack: cannot be written", 4 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char command[256];
    snprintf(command, sizeof command, "\"$FA_GEN\" %s", rows[i].command);
    expect(command, rows[i].code, NULL, rows[i].err);
  }
  expect("ls -A | grep -c '\\.tmp$'", 1, "0", NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shards_give_the_same_bytes),
    cmocka_unit_test(what_does_not_fit_is_not_merged),
    cmocka_unit_test(packs_are_listed_and_compared),
    cmocka_unit_test(damage_is_told),
    cmocka_unit_test(an_object_of_another_gpu_is_told),
    cmocka_unit_test(objects_come_out_as_they_were_built),
    cmocka_unit_test(a_pack_runs_without_a_compiler),
    cmocka_unit_test(a_pack_can_be_linked_in),
    cmocka_unit_test(wrong_usage),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
