/* SPDX-License-Identifier: MIT
 * fa-gen: the table of subcommands, and the way into them. */
#include "command.h"
#include "../json_memory.h"
#include "manual.h"
#include "jobs.h"
#include "output.h"
#include "selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAST { NULL, 0, NULL, NULL }

static const fa_cli_option emit_options[] = { { "output", 'o', "FILE", "write there instead of standard output" }, LAST };

static const fa_cli_option cache_options[] = {
  { "max-size", 0, "SIZE", "prune: the oldest, until what is left has at most so many bytes (a number, with K, M or G behind it or nothing)" },
  { "older-than", 0, "DAYS", "prune: what was not used for so long" },
  { "other-toolchains", 0, NULL, "prune: what another compiler made than the one that is found here" },
  LAST
};

static const fa_cli_option build_options[] = {
  { "output", 'o', "DIR", "write NAME.co, NAME.json (manifest) and NAME.hip (source) there instead of the cache" },
  { "problems", 'f', "FILE", "read problems from a file, one a line; # starts a comment" },
  { "jobs", 'j', "N", "workers at a time (all cores)" },
  { "keep-going", 'k', NULL, "go on with the others when one fails" },
  LAST
};

static const fa_cli_option prebuild_options[] = {
  { "model", 'm', "NAME,...", "models by name, or all; --list names them" },
  { "target", 't', "NAME,...", "gfx targets, or all" },
  { "output", 'o', "DIR", "where packs (DIR/TARGET.fapack), finished kernels and logs go" },
  { "models", 0, "FILE", "further models, in the form of models.json (docs/prebuild.md)" },
  { "config", 'c', "FILE", "a model's config.json of Hugging Face" },
  { "dtype", 0, "TYPE,...", "fp16, bf16, fp32; otherwise those of the model, fp16 and bf16" },
  { "shard", 0, "I/N", "part I of N of the kernels, for several machines; fa-gen pack merge joins the packs" },
  { "list", 'l', NULL, "print what would be built, one problem a line; without --model the models" },
  { "jobs", 'j', "N", "workers at a time (all cores)" },
  { "raw", 0, NULL, "do not compress the packs' records" },
  LAST
};

static const fa_cli_option run_options[] = {
  { "q", 'q', "FILE", "queries, .npy" },
  { "k", 'k', "FILE", "keys, .npy" },
  { "v", 'v', "FILE", "values, .npy" },
  { "output", 'o', "FILE", "write O there, .npy of the kernel's type (uint16 for bf16)" },
  { "lse", 'l', "FILE", "write the logarithm of the sum there, .npy float32 of shape (batch, heads, seqlen_q)" },
  { "device", 'd', "NAME", "hip, hip:NUMBER, hip:TARGET, hip:NAME or emulator:TARGET ($FA_DEVICE, else hip where there is a GPU)" },
  { "dtype", 't', "TYPE", "fp16, bf16 or fp32, of all three; default: as the files are, O as Q" },
  { "layout", 0, "ORDER", "bshd (batch, seqlen, heads, head_dim; default) or bhsd (batch, heads, seqlen, head_dim)" },
  { "causal", 'c', NULL, "mask=causal" },
  { "with", 'w', "NAME=VALUE", "what the mask and the features ask for: window_left, window_right, chunk_size, first_tokens, softcap, dropout_p, philox_seed, philox_offset (numbers); prefix_lens, alibi_slopes, bias, bool_mask, sinks (.npy)" },
  { "scale", 's', "X", "softmax_scale (1 / sqrt(head_dim))" },
  { "no-check", 0, NULL, "do not compute the reference" },
  { "check", 0, "LIST", "what the emulator looks for: memory,init,race,sync,hazard, all or none (memory,init)" },
  LAST
};

static const fa_cli_option explain_options[] = {
  { "hot", 0, NULL, "the hot loop's counts only" },
  { "listing", 0, NULL, "the disassembly as well" },
  { "object", 0, "FILE", "count the hot loop of this code object instead of a problem's" },
  LAST
};

#define LAUNCH_OPTIONS \
  { "order", 0, "ORDER", "in which the waves of a workgroup take turns: in-order, reversed or random:SEED" }, \
  { "max-instructions", 0, "N", "stop after so many wave instructions" }, \
  { "max-seconds", 0, "N", "stop after so many seconds" }

static const fa_cli_option emulate_options[] = {
  { "arg", 'a', "NAME=VALUE", "an argument, by name or number (below); once for each" },
  { "grid", 'g', "X,Y,Z", "workgroups (1,1,1, or the manifest's)" },
  { "block", 'b', "X,Y,Z", "work items of a workgroup (1,1,1, or the manifest's)" },
  { "out", 'o', "NAME=FILE", "write the memory of an argument there, .npy; FILE:TYPE:SHAPE gives another type and shape" },
  { "kernel", 'k', "NAME", "which kernel, when the object has several" },
  { "target", 't', "NAME", "which target's object, when the file is a bundle of several" },
  { "manifest", 'm', "FILE", "argument list, grid and block from there (docs/manifest.md)" },
  { "lds", 0, "BYTES", "dynamic LDS" },
  LAUNCH_OPTIONS,
  { "check", 0, "LIST", "what the emulator looks for: memory,init,race,sync,hazard, all or none (memory,init); apart from all: clamp,align" },
  { "source", 0, "FILE", "print this source with counts beside its lines; the object needs a line table" },
  { "counters", 0, NULL, "count lanes, LDS cycles, bytes, cache lines and mnemonics as well" },
  { "list", 0, NULL, "print the kernel's arguments; run nothing" },
  { "unpack", 0, "PREFIX", "write PREFIX.co, .listing, .metadata and .lines, what fagen/emulator.h takes; run nothing" },
  { "lacks", 0, "TARGET", "print which of this target's instructions are not executed here; takes no OBJECT" },
  LAST
};

static const fa_cli_option profile_options[] = {
  { "size", 's', "NAME=N", "an integer argument of the kernel: batch, seqlen_q, seqlen_k, heads_q, heads_k ... (1, 512, 512, 1, 1)" },
  { "seed", 0, "N", "of the random inputs (1)" },
  LAUNCH_OPTIONS,
  LAST
};

static const fa_cli_option manifest_options[] = { { "output", 'o', "FILE", "write there instead of standard output" }, LAST };

static const fa_cli_option demo_options[] = { { "data", 0, "DIR", "folder of NAME_q.npy, NAME_k.npy, NAME_v.npy (those that come with fa-gen)" }, LAST };

static const fa_cli_option supports_options[] = {
  { "table", 0, NULL, "print the table of features by targets, Markdown (docs/supports.md)" },
  { "list", 0, NULL, "print the problems that are proven, one a line" },
  LAST
};

static const fa_cli_option tune_options[] = {
  { "output", 'o', "FILE", "add the best to this tuning file instead of printing it" },
  { "device", 'd', "NAME", "hip, hip:NUMBER, hip:TARGET, hip:NAME or emulator:TARGET ($FA_DEVICE, else a GPU of the target, else its emulator)" },
  { "size", 's', "NAME=N", "an integer argument of the kernel: batch, seqlen_q, seqlen_k, heads_q, heads_k ... (1, 512, 512, 1, 1)" },
  { "seed", 0, "N", "of the random inputs (1)" },
  { "repeat", 0, "N", "launches that are timed together on a GPU (20)" },
  { "top", 0, "N", "print so many of the ranking (10)" },
  LAST
};

static const fa_cli_option pack_options[] = {
  { "output", 'o', "PATH", "the pack to write (create, merge), the folder (extract), NAME.c (--c-array)" },
  { "raw", 0, NULL, "do not compress records" },
  { "sha256", 0, "HEX", "verify: what the whole file must have" },
  { "c-array", 0, "FILE", "write this pack as C source, records raw, with a header beside" },
  { "name", 0, "NAME", "of the array; default: the source's" },
  LAST
};
#define QUARANTINE_OPTION { "quarantine", 0, "FILE", "the quarantine's file ($FA_QUARANTINE, $XDG_STATE_HOME/fa-gen/quarantine or ~/.local/state/fa-gen/quarantine)" }

static const fa_cli_option doctor_options[] = {
  { "root", 0, "DIR", "look for devices and the kernel's files (/dev, /sys, /opt ...) below DIR" },
  QUARANTINE_OPTION,
  LAST
};

static const fa_cli_option selftest_options[] = {
  { "device", 'd', "NAME", "hip, hip:NUMBER, hip:TARGET, hip:NAME or emulator:TARGET ($FA_DEVICE, else hip)" },
  { "pack", 0, "FILE", "test what is in this pack; may be given more than once" },
  { "model", 'm', "NAME,...", "test what these models need (fa-gen prebuild --list names them)" },
  { "models", 0, "FILE", "further models, in the form of models.json (docs/prebuild.md)" },
  { "config", 'c', "FILE", "test what the model of this config.json of Hugging Face needs" },
  { "quick", 0, NULL, "fewer tests" },
  { "report", 'r', "FILE", "write a report, JSON: device, driver, toolchain and every result; no names of machine, user or folders" },
  { "limit", 0, "N", "seconds that one test may take before its kernel counts as hung (300)" },
  { "seed", 0, "N", "of the random inputs (1)" },
  QUARANTINE_OPTION,
  { "no-quarantine", 0, NULL, "change no quarantine" },
  LAST
};

static const fa_cli_option quarantine_options[] = { QUARANTINE_OPTION, LAST };

static const fa_cli_option toolchain_options[] = {
  { "dir", 0, "DIR", "fetch: put it there ($XDG_DATA_HOME/fa-gen/toolchain, else ~/.local/share/fa-gen/toolchain)" },
  LAST
};

#define FIELDS "[FIELD=VALUE ...]"

const fa_command fa_commands[] = {
  { "emit", "Prints the HIP C source of a kernel.", FIELDS, emit_options, FA_CLI_PROBLEM | FA_CLI_TUNING | FA_CLI_TOOLCHAIN,
    "Needs no compiler. The same problem gives the same bytes.\nexample: fa-gen emit target=gfx942 dtype=bf16 head_dim=128 mask=causal -o kernel.hip\n", fa_command_emit },
  { "build", "Compiles kernels into the cache or a folder.", FIELDS, build_options,
    FA_CLI_PROBLEM | FA_CLI_TUNING | FA_CLI_TOOLCHAIN | FA_CLI_CACHE | FA_CLI_JSON,
    "A field may list values with commas: every combination is built. --problem may be given more than once.\n"
    "example: fa-gen build target=gfx942,gfx1100 dtype=fp16,bf16 head_dim=64,128 -o kernels -j 2\n", fa_command_build },
  { "prebuild", "Builds all kernels that models need, one pack a target.", NULL, prebuild_options, FA_CLI_TUNING | FA_CLI_TOOLCHAIN | FA_CLI_JSON,
    "Every kernel is kept in DIR when it is done: the same command again builds what is missing. Same models, targets and compiler, same bytes: docs/prebuild.md.\n"
    "example: fa-gen prebuild --model llama-3-8b,mistral-7b,phi-2 --target gfx942,gfx1100 -o packs\n", fa_command_prebuild },
  { "run", "Runs attention over .npy files and compares the result with double precision.", FIELDS, run_options,
    FA_CLI_PROBLEM | FA_CLI_TUNING | FA_CLI_TOOLCHAIN | FA_CLI_CACHE | FA_CLI_THREADS | FA_CLI_JSON,
    "Arrays are float16, float32, or uint16 (the bits of bf16), C order; three dimensions are taken as batch 1. Exit code 1 when the error is above its bound.\n"
    "example: fa-gen run -q q.npy -k k.npy -v v.npy -o o.npy --lse lse.npy --causal --device emulator:gfx942\n", fa_command_run },
  { "explain", "Prints how a kernel works and what its hot loop executes.", FIELDS, explain_options, FA_CLI_PROBLEM | FA_CLI_TUNING | FA_CLI_TOOLCHAIN | FA_CLI_JSON,
    "Schedule, layouts and LDS map come from the generator; registers, spills and the counts from the compiled object.\n"
    "example: fa-gen explain target=gfx1100 dtype=bf16 head_dim=64\n", fa_command_explain },
  { "emulate", "Runs anyone's code object on the emulator.", "OBJECT", emulate_options, FA_CLI_TOOLCHAIN | FA_CLI_THREADS | FA_CLI_JSON,
    "OBJECT is a code object, an offload bundle, or a host program with bundles inside. Values: FILE.npy; zeros:BYTES or zeros:TYPE:SHAPE; empty: and freed: like zeros:; null; a number as\n"
    "i8: i16: i32: i64: u8: ... f16: bf16: f32: f64:; a struct as bytes:HEX. Exit code 1 when the kernel did something wrong: the report says what and where.\n"
    "example: fa-gen emulate add.co -a a=a.npy -a b=b.npy -a c=zeros:f32:1000 -a n=i32:1000 -g 4 -b 256 -o c=c.npy\n", fa_command_emulate },
  { "profile", "Prints a kernel's HIP C with executed instructions beside each line.", FIELDS, profile_options,
    FA_CLI_PROBLEM | FA_CLI_TUNING | FA_CLI_TOOLCHAIN | FA_CLI_THREADS | FA_CLI_JSON,
    "Compiles the kernel once more with a line table (its code stays the same) and runs it on the emulator over random inputs. An instruction counts for its\n"
    "line and for the lines that its function was inlined into. Foreign kernels: fa-gen emulate --source FILE.\n"
    "example: fa-gen profile target=gfx942 dtype=bf16 head_dim=128 -s seqlen_q=512 -s seqlen_k=1024\n", fa_command_profile },
  { "manifest", "Prints what is needed to launch the kernel without this library, as JSON.", FIELDS, manifest_options,
    FA_CLI_PROBLEM | FA_CLI_TUNING | FA_CLI_TOOLCHAIN, "docs/manifest.md describes it. Needs no compiler.\n", fa_command_manifest },
  { "supports", "Says whether a problem is served: yes (compiled and checked), unproven, or no with what is nearest.", FIELDS, supports_options,
    FA_CLI_PROBLEM | FA_CLI_TOOLCHAIN | FA_CLI_JSON, "Compiles nothing. Exit code 1 for a no.\nexample: fa-gen supports target=gfx1100 head_dim=72 mask=window features=softcap\n",
    fa_command_supports },
  { "tune", "Ranks schedules for a problem: by time on a GPU, else by the emulator's counts.", "FIELD=VALUE[,VALUE...] ... | merge FILE ...", tune_options,
    FA_CLI_PROBLEM | FA_CLI_TOOLCHAIN | FA_CLI_CACHE | FA_CLI_THREADS,
    "Tried are all combinations of the lists that fields of the schedule have; without one of its own: block_n=16,32,64,128 waves=2,4,8 stages=1,2. A candidate whose\n"
    "result differs from the first one's is refused. The best goes to a tuning file, a line a problem class; build, emit, run and others take it by --tuning, libfagen by\n"
    "fa_context_options.tuning_file or FA_TUNING. merge joins files: a GPU's time goes before a count, of two of one launch the smaller, else the later file's.\n"
    "example: fa-gen tune target=gfx1100 head_dim=64 waves=4,8 block_n=32,64 stages=1 -o gfx1100.tune\n", fa_command_tune },
  { "targets", "Lists the targets that can be compiled for.", NULL, NULL, FA_CLI_TOOLCHAIN | FA_CLI_JSON, NULL, fa_command_targets },
  { "cache", "Shows, checks, prunes or empties the cache of compiled kernels.", "path|stat|list|verify|prune|clear", cache_options, FA_CLI_CACHE | FA_CLI_JSON,
    "path: its folder; stat: entries and bytes by target and toolchain, and where else kernels are looked for; list: every entry; verify: reads each to the last byte,\n"
    "exit code 4 when one is bad; prune: removes what is invalid or what an option names, without options down to the cache's bound; clear: removes all entries.\n"
    "docs/cache.md tells how the cache works.\n", fa_command_cache },
  { "pack", "Makes, lists, checks, joins and compares packs: many kernels in one file.",
    "create target=NAME [FIELD=VALUE,... ...] | list FILE ... | verify FILE ... | extract FILE [FIELD=VALUE,... ...] | merge FILE ... | diff FILE FILE", pack_options,
    FA_CLI_TOOLCHAIN | FA_CLI_CACHE | FA_CLI_JSON,
    "create: takes kernels out of the cache; list: what is there; verify: reads each record to the last byte, exit code 4 when one is bad; extract: NAME.co and NAME.json of\n"
    "each kernel; merge: joins packs, different records of one problem are an error; diff: exit code 1 when problems (- only in the first, + only in the second) or records\n"
    "(!) differ.  docs/packs.md has the format.\nexample: fa-gen pack create target=gfx942 head_dim=64,128 -o mine.fapack\n", fa_command_pack },
  { "doctor", "Says what is on this machine - GPU, driver, HIP, compiler, cache, packs, environment - and what to do.", NULL, doctor_options,
    FA_CLI_TOOLCHAIN | FA_CLI_CACHE | FA_CLI_JSON,
    "Rows are ok, note, or PROBLEM with what to do about it. Exit code 1 where there is a problem. A machine without a GPU, or one that packs come to, is none.\n", fa_command_doctor },
  { "selftest", "Tests kernels on a device: GPU or emulator; quarantines those that are wrong.", FIELDS, selftest_options,
    FA_CLI_PROBLEM | FA_CLI_TUNING | FA_CLI_TOOLCHAIN | FA_CLI_CACHE | FA_CLI_THREADS | FA_CLI_JSON, FA_SELFTEST_DETAILS, fa_command_selftest },
  { "quarantine", "Lists or lets go the kernels that failed selftest on this machine, which the library refuses.", "list | path | remove NUMBER|TEXT|TARGET|all ...", quarantine_options, FA_CLI_JSON,
    "A number is that of the list; a text is any part of a problem. docs/first_contact.md\nexample: fa-gen quarantine remove gfx1100\n", fa_command_quarantine },
  { "demo", "Runs generated kernels over tensors of real layers on the emulated targets.", NULL, demo_options,
    FA_CLI_TOOLCHAIN | FA_CLI_CACHE | FA_CLI_THREADS | FA_CLI_JSON, "Exit code 1 when an error is above its bound.\n", fa_command_demo },
  { "toolchain", "Fetches the compiler where there is no ROCm, says which one is used, checks it.", "fetch|where|verify", toolchain_options, FA_CLI_TOOLCHAIN | FA_CLI_JSON,
    "fetch: hiprtc, comgr and LLVM from Debian testing, without root and beside the system, signatures verified; needs apt-get, bash and 800 MB for a while;\n"
    "interrupted, it is completed by the next. where: each place that was looked into, and why. verify: files against what was fetched (exit code 4 when one\n"
    "differs), and a kernel compiled. docs/worker.md\nexample: fa-gen toolchain where\n", fa_command_toolchain },
  { "version", "Prints the version and the toolchain's identity.", NULL, NULL, FA_CLI_TOOLCHAIN | FA_CLI_JSON, NULL, fa_command_version },
  { NULL, NULL, NULL, NULL, 0, NULL, NULL }
};

static void print_overview(FILE *stream) {
  fprintf(stream, "usage: fa-gen COMMAND [options] [arguments]\n"
                  "Generates, compiles and runs exact attention kernels for AMD GPUs, on a GPU or on an emulated one.\n\ncommands:\n");
  for (const fa_command *command = fa_commands; command->name; command++) fprintf(stream, "  %-10s %s\n", command->name, command->summary);
  fprintf(stream, "\nfa-gen COMMAND --help describes each; fa-gen --completion bash|zsh|fish prints a completion for that shell.\nexit codes:");
  for (const fa_cli_exit *row = fa_cli_exits; row->meaning; row++) fprintf(stream, "%s %d %s", row == fa_cli_exits ? "" : ";", row->code, row->meaning);
  fputc('\n', stream);
}

/* Leaves nothing half written.  Only async-signal-safe calls. */
static void interrupted(int number) {
  fa_output_remove_unfinished();
  fa_jobs_interrupted();
  if (number == SIGINT) _exit(FA_EXIT_INTERRUPTED);
  signal(number, SIG_DFL);
  raise(number);
}

static void catch_signals(void) {
  static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
  struct sigaction action = { .sa_handler = interrupted, .sa_flags = SA_NODEFER };
  sigemptyset(&action.sa_mask);
  signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error of the write */
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}

static const fa_command *find_command(const char *name) {
  for (const fa_command *command = fa_commands; command->name; command++)
    if (strcmp(command->name, name) == 0) return command;
  return NULL;
}

/* fa-gen --completion SHELL; fa-gen --man [COMMAND], for the build. */
static int print_manual(const char *what, const char *name) {
  bool done = false;
  if (strcmp(what, "--completion") == 0) {
    done = name && fa_manual_completion(stdout, name);
    if (!done) fprintf(stderr, "fa-gen: --completion: bash, zsh or fish is expected\n");
  } else {
    const fa_command *command = name ? find_command(name) : NULL;
    done = !name || command;
    if (done) fa_manual_page(stdout, command);
    else fprintf(stderr, "fa-gen: command \"%s\" is not known; fa-gen --help lists them\n", name);
  }
  return !done ? FA_EXIT_USAGE : fflush(stdout) == 0 && !ferror(stdout) ? FA_EXIT_OK : FA_EXIT_IO;
}

/* A file that we open must not become standard error.  What stands in for a closed descriptor refuses what is done with it, as a closed one does. */
static void keep_standard(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

void fa_json_memory_end(void) {
  static const char text[] = "fa-gen: out of memory\n";
  if (write(2, text, sizeof text - 1) < 0) {} /* nobody else to tell */
  fa_output_remove_unfinished();
  _exit(FA_EXIT_FAILED);
}

int main(int argc, char **argv) {
  keep_standard();
  fa_json_memory_or_end();
  catch_signals();
  const char *name = argc > 1 ? argv[1] : "";
  bool help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
  if (help && argc > 2 && argv[2][0] != '-') {
    name = argv[2];
  } else if (help) {
    print_overview(stdout);
    return FA_EXIT_OK;
  }
  if (strcmp(name, "--version") == 0) name = "version";
  if (strcmp(name, "--man") == 0 || strcmp(name, "--completion") == 0) return print_manual(name, argc > 2 ? argv[2] : NULL);
  const fa_command *command = find_command(name);
  if (!command) {
    if (!name[0]) print_overview(stderr);
    else fprintf(stderr, "fa-gen: command \"%s\" is not known; fa-gen --help lists them\n", name);
    return FA_EXIT_USAGE;
  }
  if (help) {
    fa_cli_help(stdout, command);
    return FA_EXIT_OK;
  }
  fa_cli *cli = calloc(1, sizeof *cli);
  if (!cli) {
    fprintf(stderr, "fa-gen: out of memory\n");
    return FA_EXIT_FAILED;
  }
  int code = fa_cli_parse(cli, command, argc - 1, argv + 1);
  if (code < 0) code = command->run(cli);
  free(cli);
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == FA_EXIT_OK) {
    fprintf(stderr, "fa-gen %s: standard output cannot be written: %s\n", command->name, strerror(errno));
    code = FA_EXIT_IO;
  }
  return code;
}
