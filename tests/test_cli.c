/* SPDX-License-Identifier: MIT
 * fa-gen: help of every subcommand, exit codes and messages, files in and out, real data on both emulated targets. */
#include "cli_json.h"
#include "cli_run.h"
#include "command.h"
#include "npy.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static char folder[256];

static int make_folder(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

/* Runs, expects the code, and words in what was printed (out may be NULL; err NULL: nothing on standard error). */
static void expect(const char *command, int code, const char *out, const char *err) {
  cli_check(folder, command, code, out, err ? err : CLI_NOTHING);
}

static json_t *expect_json(const char *command, int code) {
  return cli_json(folder, command, code);
}

/* ---- words --------------------------------------------------------------------------------------------------------- */

static void help_of_every_command(void **state) {
  (void)state;
  static const char *const commands[] = { "emit", "build", "run", "explain", "emulate", "profile", "manifest", "targets", "cache", "demo", "quarantine", "version" };
  cli_result overview = cli_shell(folder, "\"$FA_GEN\" --help");
  cli_expect(&overview, "--help", 0);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    char command[128], usage[64], listed[64];
    snprintf(command, sizeof command, "\"$FA_GEN\" %s --help", commands[i]);
    snprintf(usage, sizeof usage, "usage: fa-gen %s [options]", commands[i]);
    snprintf(listed, sizeof listed, "\n  %-10s ", commands[i]);
    expect(command, 0, usage, NULL);
    snprintf(command, sizeof command, "\"$FA_GEN\" help %s", commands[i]);
    expect(command, 0, usage, NULL);
    assert_non_null(strstr(overview.out, listed));
  }
  assert_non_null(strstr(overview.out, "exit codes: 0 done; 1 failed or wrong result; 2 wrong usage; 3 toolchain missing; 4"));
  cli_free(&overview);
  expect("\"$FA_GEN\" --version", 0, "fa-gen 0.1.0", NULL);
  expect("\"$FA_GEN\" emit -h", 0, "head_dim_qk    1..576", NULL); /* the table of axes */
}

static void wrong_usage(void **state) {
  (void)state;
  static const struct { const char *command, *err; int code; } cases[] = {
    { "\"$FA_GEN\"", "usage: fa-gen COMMAND", 2 },
    { "\"$FA_GEN\" paint", "fa-gen: command \"paint\" is not known; fa-gen --help lists them", 2 },
    { "\"$FA_GEN\" emit --paint", "fa-gen emit: option --paint is not known", 2 },
    { "\"$FA_GEN\" emit -o", "fa-gen emit: option -o needs a value", 2 },
    { "\"$FA_GEN\" version now", "fa-gen version: \"now\": no argument expected", 2 },
    { "\"$FA_GEN\" emit head_dim=64", "fa-gen emit: the problem names no target; add target=NAME (gfx908|", 2 },
    { "\"$FA_GEN\" emit target=gfx942 block_n=81", "fa-gen emit: block_n=81: must be auto or a multiple of 16 between 16 and 256; nearest: 80 or 96", 2 },
    { "\"$FA_GEN\" emit target=gfx942 colour=red", "fa-gen emit: colour", 2 },
    { "\"$FA_GEN\" emit target=gfx942 features=paged", "features=paged: no template has paged yet", 1 },
    { "\"$FA_GEN\" emit target=gfx1010", "target=gfx1010: unknown value; known: gfx908, gfx90a", 2 },
    { "\"$FA_GEN\" run", "fa-gen run: -q, -k and -v are needed", 2 },
    { "\"$FA_GEN\" run -q a -k b -v c --layout sideways", "--layout sideways: bshd or bhsd is expected", 2 },
    { "\"$FA_GEN\" run -q a -k b -v c --scale huge", "--scale huge: a finite number is expected", 2 },
    { "\"$FA_GEN\" run -q a -k b -v c", "fa-gen run: a: No such file or directory", 4 },
    { "\"$FA_GEN\" run -q \"$DATA/short_layer2_q.npy\" -k \"$DATA/cards_layer0_k.npy\" -v \"$DATA/short_layer2_v.npy\"", "k has seqlen 206 and 12 heads, v 18 and 12", 2 },
    { "\"$FA_GEN\" build target=gfx942 -j 0", "--jobs 0: a number between 1 and 64 is expected", 2 },
    { "\"$FA_GEN\" build head_dim=64,80", "the problem names no target", 2 },
    { "\"$FA_GEN\" cache", "one of path, stat, list, verify, prune, clear is expected", 2 },
    { "\"$FA_GEN\" cache eat", "one of path, stat, list, verify, prune, clear is expected", 2 },
    { "\"$FA_GEN\" explain", "the problem names no target", 2 },
    { "\"$FA_GEN\" explain --object x.co target=gfx942", "--object FILE and a problem exclude each other", 2 },
    { "\"$FA_GEN\" explain --object missing.co", "missing.co: No such file", 4 },
    { "\"$FA_GEN\" demo --data nowhere", "nowhere/*_q.npy: no such files", 4 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect(cases[i].command, cases[i].code, NULL, cases[i].err);
}

static void missing_toolchain(void **state) {
  (void)state;
  expect("mkdir -p empty; \"$FA_GEN\" build target=gfx942 -o out --toolchain empty", 3, NULL, "fa-gen build: ");
  expect("\"$FA_GEN\" explain target=gfx942 --toolchain empty", 3, NULL, "fa-gen explain: ");
  expect("\"$FA_GEN\" emit target=gfx942 --toolchain empty", 0, "attention_fwd", NULL); /* needs no compiler */
}

/* ---- generator ----------------------------------------------------------------------------------------------------- */

static void emit_is_deterministic(void **state) {
  (void)state;
  expect("\"$FA_GEN\" emit target=gfx1100 dtype=fp16 head_dim=80 mask=causal -o one.hip", 0, NULL, NULL);
  expect("\"$FA_GEN\" emit mask=causal head_dim=80 dtype=fp16 target=gfx1100 >two.hip; cmp one.hip two.hip", 0, NULL, NULL);
  expect("\"$FA_GEN\" emit --problem 'target=gfx942 dtype=fp16 mask=causal' head_dim=80 target=gfx1100 | cmp - one.hip", 0, NULL, NULL);
  expect("LC_ALL=C.UTF-8 TMPDIR=$PWD \"$FA_GEN\" emit target=gfx1100 dtype=fp16 head_dim=80 mask=causal | cmp - one.hip", 0, NULL, NULL);
  expect("grep -c include one.hip", 1, "0", NULL);
}

static void manifest_and_targets(void **state) {
  (void)state;
  cli_result result = cli_shell(folder, "\"$FA_GEN\" manifest target=gfx942 head_dim=64");
  cli_expect(&result, "manifest", 0);
  json_t *manifest = json_loads(result.out, 0, NULL);
  assert_non_null(manifest);
  assert_string_equal(json_string_value(json_object_get(manifest, "target")), "gfx942");
  assert_true(json_array_size(json_object_get(manifest, "args")) > 20);
  json_decref(manifest);
  cli_free(&result);
  expect("\"$FA_GEN\" targets", 0, "gfx942\n", NULL);
  json_t *targets = expect_json("\"$FA_GEN\" targets --json", 0);
  assert_true(json_array_size(json_object_get(targets, "targets")) >= 5);
  assert_true(json_array_size(json_object_get(targets, "compiler_targets")) > 20);
  assert_true(json_array_size(json_object_get(targets, "axes")) == fa_axis_count());
  json_decref(targets);
}

static void explain_counts(void **state) {
  (void)state;
  expect("\"$FA_GEN\" explain target=gfx1100 head_dim=64", 0, "hot loop, counted from the object", NULL);
  json_t *object = expect_json("\"$FA_GEN\" explain target=gfx942 dtype=bf16 head_dim=128 --json --listing", 0);
  json_t *loop = json_object_get(object, "hot_loop"), *resources = json_object_get(object, "resources");
  assert_true(json_integer_value(json_object_get(json_object_get(loop, "iteration"), "matrix")) > 0);
  assert_true(json_is_true(json_object_get(loop, "load_waits_behind_last_matrix")));
  assert_int_equal(json_integer_value(json_object_get(resources, "scratch_bytes")), 0);
  assert_non_null(strstr(json_string_value(json_object_get(object, "listing")), "v_mfma_f32_32x32x8"));
  json_decref(object);
}

/* The product of lists, twice, into a folder; then an object of it inspected again. */
static void build_to_a_folder(void **state) {
  (void)state;
  json_t *object = expect_json("\"$FA_GEN\" build target=gfx942,gfx1100 dtype=fp16,bf16 head_dim=32 -o kernels -j 2 --json", 0);
  assert_int_equal(json_array_size(json_object_get(object, "built")), 4);
  assert_int_equal(json_array_size(json_object_get(object, "failed")), 0);
  json_decref(object);
  expect("ls kernels | wc -l", 0, "12", NULL);
  expect("ls kernels/*.co | wc -l", 0, "4", NULL);
  expect("mkdir again; \"$FA_GEN\" build target=gfx942,gfx1100 dtype=fp16,bf16 head_dim=32 -o again -j 1 && diff -r kernels again", 0, "compiled", NULL);
  expect("\"$FA_GEN\" explain --hot --object kernels/attention_fwd-gfx942-bf16-d32-*.co", 0, "per 64 matrix", NULL);
  expect("printf 'target=gfx942 head_dim=64,80 # two\\n\\n# none\\ntarget=gfx1100\\n' >list; \"$FA_GEN\" build -f list -o listed && ls listed/*.co | wc -l", 0, "3\n", NULL);
  expect("\"$FA_GEN\" build target=gfx942 kernel=gemm head_dim=64 dtype=bf16,fp32 -k -o partly; ls partly/*.co | wc -l", 0, "1\n", "dtype_q=fp32");
}

static void build_into_the_cache(void **state) {
  (void)state;
  expect("\"$FA_GEN\" build target=gfx942 head_dim=64 dtype=fp16 --cache-dir $PWD/cache", 0, "compiled", NULL);
  expect("\"$FA_GEN\" build target=gfx942 head_dim=64 dtype=fp16 --cache-dir $PWD/cache", 0, "disk", NULL);
  expect("\"$FA_GEN\" cache path --cache-dir $PWD/cache", 0, "/cache\n", NULL);
  expect("\"$FA_GEN\" cache list --cache-dir $PWD/cache", 0, "kernel=attention_fwd target=gfx942 dtype_q=fp16", NULL);
  expect("\"$FA_GEN\" cache verify --cache-dir $PWD/cache", 0, " 0 invalid", NULL);
  expect("find cache -name '*.fab' | while read f; do printf x | dd of=$f bs=1 seek=100 conv=notrunc 2>/dev/null; done; \"$FA_GEN\" cache verify --cache-dir $PWD/cache", 4, "INVALID", NULL);
  expect("\"$FA_GEN\" build target=gfx942 head_dim=64 dtype=fp16 --cache-dir $PWD/cache", 0, "compiled", NULL);
  json_t *object = expect_json("\"$FA_GEN\" cache stat --json --cache-dir $PWD/cache", 0);
  assert_int_equal(json_integer_value(json_object_get(object, "invalid")), 0);
  json_decref(object);
  expect("\"$FA_GEN\" cache stat --cache-dir $PWD/cache", 0, "(this one)", NULL);
  expect("FA_SYSTEM_DIR=/nowhere \"$FA_GEN\" cache stat --cache-dir $PWD/cache", 0, "/nowhere/packs  absent; only read", NULL);
  expect("FA_CACHE_MAX_SIZE=lots \"$FA_GEN\" cache stat --cache-dir $PWD/cache", 0, "at most 1073741824 bytes", "FA_CACHE_MAX_SIZE=lots is ignored");
  expect("\"$FA_GEN\" cache prune --other-toolchains --older-than 1 --cache-dir $PWD/cache", 0, "removed 0 entries", NULL);
  expect("touch -d '3 days ago' $(find cache -name '*.fab' | head -n 1); \"$FA_GEN\" cache prune --older-than 2 --cache-dir $PWD/cache", 0, "removed 1 entries", NULL);
  expect("\"$FA_GEN\" build target=gfx942 head_dim=64 dtype=fp16 --cache-dir $PWD/cache; \"$FA_GEN\" cache prune --max-size 1K --cache-dir $PWD/cache", 0, "; 0 entries, 0 bytes are left", NULL);
  expect("\"$FA_GEN\" cache prune --max-size 1X --cache-dir $PWD/cache", 2, NULL, "a number above 0 is meant");
  expect("\"$FA_GEN\" cache stat --max-size 1K --cache-dir $PWD/cache", 2, NULL, "--max-size goes with prune");
  expect("\"$FA_GEN\" cache clear --cache-dir $PWD/cache", 0, "removed", NULL);
  expect("\"$FA_GEN\" cache stat --cache-dir $PWD/cache", 0, "0 entries", NULL);
}

/* A build that fills the cache has failed when the cache kept nothing, though the library itself would go on in memory. */
static void build_needs_a_cache_that_keeps(void **state) {
  (void)state;
  expect(": >file; \"$FA_GEN\" build target=gfx942 head_dim=64 --cache-dir $PWD/file", 4, NULL, "cache cannot keep kernels");
  expect("mkdir loose; chmod 777 loose; FA_CACHE_DIR=$PWD/loose \"$FA_GEN\" build target=gfx942 head_dim=64", 4, NULL, "--cache-dir");
  expect("\"$FA_GEN\" build target=gfx942 head_dim=64 --cache-dir $PWD/full", 0, "compiled", NULL);
  expect("for d in full/v1/*/??; do rm -r $d; : >$d; done; \"$FA_GEN\" build target=gfx942 head_dim=64 --cache-dir $PWD/full", 4, NULL, "did not keep it");
  json_t *object = expect_json("\"$FA_GEN\" build target=gfx942 head_dim=64 --cache-dir $PWD/full --json 2>messages", 4);
  assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(object, "failed"), 0), "status")), "FA_ERR_IO");
  json_decref(object);
}

/* ---- outputs ------------------------------------------------------------------------------------------------------- */

static void outputs_appear_whole_or_not(void **state) {
  (void)state;
  expect("\"$FA_GEN\" emit target=gfx942 -o none/k.hip", 4, NULL, "none/k.hip: cannot be written: No such file");
  expect("mkdir there; \"$FA_GEN\" emit target=gfx942 -o there", 4, NULL, "there: is a folder");
  expect("echo old >old.hip; \"$FA_GEN\" emit target=gfx942 head_dim=1000 -o old.hip; cat old.hip", 0, "old", "head_dim_qk=1000");
  expect("\"$FA_GEN\" emit target=gfx942 -o /dev/null && test -c /dev/null", 0, NULL, NULL);
  expect("\"$FA_GEN\" emit target=gfx942 >/dev/full", 4, NULL, "standard output: No space left on device");
  expect("\"$FA_GEN\" emit target=gfx942 | head -n 1", 0, "attention_fwd", NULL);
  expect("ls *.tmp", 2, NULL, "No such file");
  expect("\"$FA_GEN\" emit target=gfx942 -o /proc/k.hip", 4, NULL, "/proc/k.hip: cannot be written"); /* not even by root */
  expect("\"$FA_GEN\" build target=gfx942 -o /proc/kernels", 4, NULL, "/proc/kernels: cannot be made");
  if (geteuid() != 0) {
    expect("mkdir locked; chmod 500 locked; \"$FA_GEN\" emit target=gfx942 -o locked/k.hip", 4, NULL, "Permission denied");
    expect("\"$FA_GEN\" build target=gfx942 -o locked", 4, NULL, "Permission denied");
  } else {
    print_message("as root every folder can be written: the read-only case is not run\n");
  }
  /* a file limit of 4 KiB stands for a full disk */
  expect("(trap '' XFSZ; ulimit -f 4; \"$FA_GEN\" emit target=gfx942 -o big.hip); code=$?; test ! -e big.hip && ls *.tmp; exit $code", 4, NULL, "big.hip: cannot be written");
}

/* An interrupted build leaves no half file and ends with 130. */
static void interrupt(void **state) {
  (void)state;
  expect("mkdir stopped; timeout -s INT -k 20 0.5 \"$FA_GEN\" build target=gfx942,gfx1100 dtype=fp16,bf16 head_dim=32,64,80,96,128 mask=none,causal -o stopped -j 1 >log; "
         "code=$?; ls stopped | grep tmp; test $code -eq 130 -o $code -eq 124 -o $code -eq 0",
         0, NULL, NULL);
}

/* ---- run ----------------------------------------------------------------------------------------------------------- */

#define SHORT "-q \"$DATA/short_layer2_q.npy\" -k \"$DATA/short_layer2_k.npy\" -v \"$DATA/short_layer2_v.npy\""

static void run_real_data(void **state) {
  (void)state;
  static const char *const devices[] = { "emulator:gfx942", "emulator:gfx1100" };
  for (size_t i = 0; i < 2; i++) {
    char command[512];
    snprintf(command, sizeof command, "\"$FA_GEN\" run " SHORT " -o o.npy --lse lse.npy --device %s --json", devices[i]);
    json_t *object = expect_json(command, 0), *check = json_object_get(object, "check");
    assert_true(json_is_true(json_object_get(check, "ok")));
    assert_true(json_real_value(json_object_get(check, "max_error")) <= json_real_value(json_object_get(check, "max_error_allowed")));
    assert_true(json_integer_value(json_object_get(json_object_get(object, "wave_instructions"), "matrix")) > 0);
    json_decref(object);
    char path[320];
    fa_npy o, lse;
    snprintf(path, sizeof path, "%s/o.npy", folder);
    assert_int_equal(fa_npy_read(&o, path, NULL), FA_OK);
    snprintf(path, sizeof path, "%s/lse.npy", folder);
    assert_int_equal(fa_npy_read(&lse, path, NULL), FA_OK);
    assert_true(o.type == FA_NPY_FLOAT16 && o.rank == 4 && o.shape[1] == 18 && o.shape[2] == 12 && o.shape[3] == 32);
    assert_true(lse.type == FA_NPY_FLOAT32 && lse.rank == 3 && lse.shape[1] == 12 && lse.shape[2] == 18);
    fa_npy_free(&o);
    fa_npy_free(&lse);
    snprintf(command, sizeof command, "\"$FA_GEN\" run " SHORT " --causal --dtype bf16 --scale -0.2 --device %s -o b.npy", devices[i]);
    expect(command, 0, ": right", NULL);
    snprintf(command, sizeof command, "\"$FA_GEN\" run -q b.npy -k b.npy -v b.npy --device %s mask=causal", devices[i]); /* uint16: bf16 */
    expect(command, 0, "dtype_q=bf16", NULL);
  }
  /* float32 files stay what they are, and Q in fp32 goes with K and V in fp16 */
  expect("\"$FA_GEN\" run " SHORT " --dtype fp32 --device emulator:gfx942 -o f.npy && \"$FA_GEN\" run -q f.npy -k f.npy -v f.npy --device emulator:gfx1100", 0,
         "dtype_q=fp32 dtype_kv=fp32 dtype_o=fp32", NULL);
  expect("\"$FA_GEN\" run -q f.npy -k \"$DATA/short_layer2_k.npy\" -v \"$DATA/short_layer2_v.npy\" --device emulator:gfx1201 -o m.npy && \"$FA_GEN\" run -q m.npy -k m.npy -v m.npy --device emulator:gfx942", 0,
         "dtype_q=fp32 dtype_kv=fp16 dtype_o=fp32", NULL);
  expect("\"$FA_GEN\" run -q f.npy -k f.npy -v \"$DATA/short_layer2_v.npy\" --device emulator:gfx942 -o w.npy", 2, NULL, "k and v are of different types");
  expect("\"$FA_GEN\" run -q f.npy -k f.npy -v \"$DATA/short_layer2_v.npy\" --device emulator:gfx942 dtype_kv=bf16 dtype_o=fp16 -o h.npy", 0, "dtype_q=fp32 dtype_kv=bf16 dtype_o=fp16", NULL);
}

static void run_refuses(void **state) {
  (void)state;
  expect("head -c 5000 \"$DATA/short_layer2_q.npy\" >cut.npy; \"$FA_GEN\" run -q cut.npy -k cut.npy -v cut.npy --device emulator:gfx942", 4, NULL,
         "cut.npy: 4872 bytes of data, the shape needs 13824");
  expect("echo text >text.npy; \"$FA_GEN\" run -q text.npy -k text.npy -v text.npy", 4, NULL, "text.npy: not a .npy file");
  /* masks and features */
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 mask=window features=softcap -w window_left=5 -w softcap=20", 0, ": right", NULL);
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 mask=chunked -w chunk_size=0", 2, NULL, "chunk_size=0: must be >= 1");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 features=dropout --with dropout_p=0.25 --with philox_seed=18446744073709551615", 0, ": right", NULL);
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 features=dropout", 2, NULL, "the problem asks for dropout_p: give --with dropout_p=X");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 features=dropout --with dropout_p=1", 2, NULL, "dropout_p=1: must be at least 0 and below 1");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 features=dropout --with dropout_p=0.5 --with philox_seed=-1", 2, NULL, "--with philox_seed=-1: an integer of 0 to");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 features=dropout --with dropout_p=0.5 --with dropout_mask=x.npy", 2, NULL, "--with dropout_mask=x.npy: no argument has this name here; names: window_left");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 mask=chunked", 2, NULL, "the problem asks for chunk_size: give --with chunk_size=N");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 features=softcap -w softcap=0", 2, NULL, "softcap=0: must be above 0");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 features=alibi -w alibi_slopes=\"$DATA/short_layer2_q.npy\"", 2, NULL, "alibi_slopes: the shape must be (heads_q)");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 features=bias -w bias=\"$DATA/short_layer2_q.npy\"", 2, NULL, "bias: dimension ");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 -w softcap=3", 2, NULL, "the problem's mask and features do not use it");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 -w softcup=3", 2, NULL, "names: window_left, ");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx999", 1, NULL, "gfx999");
  expect("\"$FA_GEN\" run " SHORT " --device toaster", 1, NULL, "toaster");
  expect("\"$FA_GEN\" run " SHORT " --device emulator:gfx942 -o none/o.npy", 4, NULL, "none/o.npy: cannot be written");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(help_of_every_command), cmocka_unit_test(wrong_usage),          cmocka_unit_test(missing_toolchain),
    cmocka_unit_test(emit_is_deterministic), cmocka_unit_test(manifest_and_targets), cmocka_unit_test(explain_counts),
    cmocka_unit_test(build_to_a_folder),     cmocka_unit_test(build_into_the_cache), cmocka_unit_test(build_needs_a_cache_that_keeps), cmocka_unit_test(outputs_appear_whole_or_not),
    cmocka_unit_test(interrupt),             cmocka_unit_test(run_real_data),        cmocka_unit_test(run_refuses),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
