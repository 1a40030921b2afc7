/* SPDX-License-Identifier: MIT
 * fa-gen doctor: one machine a row, each with something missing, broken or odd; what it says of it, and the exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli_run.h"
#include "reach.h"
#include "scratch.h"

/* The stub libamdhip64 and a broken one. */
#define HIP "LD_LIBRARY_PATH=" FA_TEST_LIB "/stub_hip "
#define BAD "LD_LIBRARY_PATH=" FA_TEST_LIB "/bad_hip "
/* Looks at a machine made of files. */
#define DOCTOR "\"$FA_GEN\" doctor --root $PWD/machine "
/* Without this machine's own cache and quarantine. */
#define CLEAN "mkdir -p machine; export FA_QUARANTINE=$PWD/quarantine FA_CACHE_DIR=$PWD/cache; "
#define CARD "mkdir -p machine/sys/bus/pci/devices/0000:03:00.0; cd machine/sys/bus/pci/devices/0000:03:00.0; echo 0x1002 >vendor; echo 0x030000 >class; echo 0x744c >device; cd - >/dev/null; "
#define DRIVER "mkdir -p machine/sys/module/amdgpu; echo 6.8.5 >machine/sys/module/amdgpu/version; "
#define NODES "for n in 1 2; do mkdir -p machine/sys/class/kfd/kfd/topology/nodes/$n; echo 'gfx_target_version 90402' >machine/sys/class/kfd/kfd/topology/nodes/$n/properties; done; " \
  "mkdir -p machine/sys/class/kfd/kfd/topology/nodes/0; echo 'gfx_target_version 0' >machine/sys/class/kfd/kfd/topology/nodes/0/properties; "
#define FILES "mkdir -p machine/dev/dri; touch machine/dev/kfd machine/dev/dri/renderD128; chmod 0600 machine/dev/kfd machine/dev/dri/renderD128; "
/* Where the test runs as root: as somebody who may do nothing. */
#define NOBODY "chmod 755 .; test $(id -u) = 0 || { chmod 0 machine/dev/kfd machine/dev/dri/renderD128; setpriv() { shift 3; \"$@\"; }; }; setpriv --reuid=65534 --regid=65534 --clear-groups "

typedef struct machine {
  const char *name, *command; /* in a folder of its own */
  int code;
  const char *says[5];        /* in standard output */
  const char *never;
} machine;

static const machine machines[] = {
  { "nothing", CLEAN DOCTOR, 0, { "note     gpu          card             no AMD GPU", "ok       toolchain    worker           answers", "a tiny kernel for", "ok       kernels      quarantine       empty", "0 problems" }, "PROBLEM" },
  { "wrong settings", CLEAN "touch loose; chmod 666 loose; FA_DEVICE=foo FA_QUARANTINE=$PWD/loose " DOCTOR, 1, { "PROBLEM  surroundings FA_DEVICE        foo: no device has such a name", "PROBLEM  kernels      quarantine" }, "ok       kernels      quarantine" },
  { "no root", CLEAN "\"$FA_GEN\" doctor --root /nowhere", 0, { "no AMD GPU on the PCI bus (or no /sys to look at)" }, "PROBLEM" },
  { "no driver", CLEAN CARD DOCTOR, 1, { "1 on the PCI bus: 0000:03:00.0 device 0x744c", "PROBLEM  gpu          amdgpu           the kernel driver is not loaded", "-> modprobe amdgpu", "PROBLEM  gpu          /dev/kfd         is not there", "PROBLEM  gpu          HIP" }, NULL },
  { "no permission", CLEAN CARD DRIVER NODES FILES NOBODY DOCTOR, 1, { "amdgpu           loaded: 6.8.5", "compute nodes    2: gfx942, gfx942", "PROBLEM  gpu          /dev/kfd         mode", "this user may not read and write it", "usermod -a -G" }, NULL },
  { "permitted", CLEAN CARD DRIVER NODES FILES HIP DOCTOR, 0, { "/dev/kfd         mode 0600", "may be read and written", "libamdhip64.so.6, build-id ", "hip:0            ", "the kernel driver has 2, HIP sees 1" }, "PROBLEM" },
  { "no templates", CLEAN HIP "FAGEN_STUB_TARGET=gfx906 " DOCTOR, 1, { "PROBLEM  gpu          hip:0", "no templates for gfx906", "docs/add_a_target.md" }, NULL },
  { "served", CLEAN HIP "FAGEN_STUB_TARGET=gfx942,gfx1100 " DOCTOR, 0, { "HIP 6.4.43484", "gfx942, 1.0 GiB; templates serve gfx942", "gfx1100, 2.0 GiB; templates serve gfx1100; fa-gen selftest --device hip:1 tests it" }, "PROBLEM" },
  { "old HIP", CLEAN "LD_LIBRARY_PATH=" FA_TEST_LIB "/stub_hip5 " DOCTOR, 0, { "libamdhip64.so.5", "it lacks hipGetLastError, hipDeviceGetPCIBusId, hipStreamIsCapturing" }, "PROBLEM" },
  { "HIP crashes", CLEAN BAD "BAD_HIP=crash " DOCTOR, 1, { "PROBLEM  gpu          HIP              the HIP runtime ended the process that asked it, by signal 11", "rocminfo" }, NULL },
  { "HIP hangs", CLEAN BAD "BAD_HIP=hang " DOCTOR "--seconds 2", 1, { "the HIP runtime did not answer within 2 seconds" }, NULL },
  { "HIP damaged", CLEAN CARD DRIVER FILES BAD DOCTOR, 1, { "PROBLEM  gpu          HIP              device hip: libamdhip64 has no hip", "is damaged, or not of HIP 5, 6 or 7" }, NULL },
  { "two HIPs", CLEAN "mkdir -p machine/opt/rocm-6.0/lib machine/opt/rocm-6.0/.info; echo 6.0.2-115 >machine/opt/rocm-6.0/.info/version; echo junk >machine/opt/rocm-6.0/lib/libamdhip64.so.6; " HIP DOCTOR, 0, { "note     gpu          another HIP", "machine/opt/rocm-6.0/lib/libamdhip64.so.6, which is no library that can be read", "two HIP stacks in one process", "ok       gpu          ROCm             6.0.2-115 in " }, "PROBLEM" },
  { "no compiler", CLEAN "mkdir empty; " DOCTOR "--toolchain empty", 1, { "PROBLEM  toolchain    compiler", "fa-gen toolchain fetch", "1 problems" }, NULL },
  { "packs alone", CLEAN "mkdir empty; FA_JIT=0 FA_TOOLCHAIN=$PWD/empty " DOCTOR, 0, { "compiling is switched off", "note     toolchain    compiler" }, "PROBLEM" },
  { "no worker", CLEAN "FA_WORKER=$PWD/missing " DOCTOR, 1, { "PROBLEM  toolchain    worker", "missing (from FA_WORKER) is not an executable file" }, NULL },
  { "another's worker", CLEAN "FA_WORKER=/bin/true " DOCTOR, 1, { "PROBLEM  toolchain    worker" }, NULL },
  { "open cache", CLEAN "mkdir -m 0777 cache; " DOCTOR, 1, { "PROBLEM  kernels      cache", "is writable by group or others; kernels are kept in memory only" }, NULL },
  { "cache is a file", CLEAN "touch cache; " DOCTOR, 1, { "PROBLEM  kernels      cache" }, NULL },
  { "no cache wanted", CLEAN "FA_CACHE=memory " DOCTOR, 0, { "note     kernels      cache            in memory only" }, "PROBLEM" },
  { "bad entry", CLEAN "\"$FA_GEN\" build target=gfx942 dtype=fp16 head_dim=32 >/dev/null && truncate -s 100 $(find cache -name '*.fab' | head -n1) && " DOCTOR, 0, { "note     kernels      entries", "1 not valid", "fa-gen cache verify" }, "PROBLEM" },
  { "a pack", CLEAN "mkdir packs; \"$FA_GEN\" build target=gfx942 dtype=fp16 head_dim=32 >/dev/null && \"$FA_GEN\" pack create target=gfx942 dtype=fp16 head_dim=32 -o packs/a.fapack >/dev/null; FA_PACK_PATH=$PWD/packs " DOCTOR, 0, { "ok       kernels      FA_PACK_PATH     1 packs, 1 kernels in ", "gfx942 1" }, "PROBLEM" },
  { "a pack of all", CLEAN "mkdir packs; touch packs/a.fapack; chmod 666 packs/a.fapack; FA_PACK_PATH=$PWD/packs " DOCTOR, 0, { "note     kernels      packs", "writable by", "no pack that may be used in" }, "PROBLEM" },
  { "open machine's folder", CLEAN "mkdir -m 0777 shared; FA_SYSTEM_DIR=$PWD/shared " DOCTOR, 1, { "PROBLEM  kernels      machine's folder", "mode 0777, is not believed" }, NULL },
  { "no machine's folder", CLEAN "FA_SYSTEM_DIR=$PWD/gone " DOCTOR, 1, { "PROBLEM  kernels      machine's folder", "gone: No such file" }, NULL },
  { "quarantined", CLEAN "echo '2026-01-02 | gfx942 | one-hot | t | kernel=a' >quarantine; " DOCTOR, 0, { "note     kernels      quarantine       1 kernels are refused by", "it failed one-hot" }, "PROBLEM" },
  { "bad quarantine", CLEAN "echo '?' >quarantine; " DOCTOR, 1, { "PROBLEM  kernels      quarantine", "line 1 is not understood" }, NULL },
  { "environment", CLEAN "HSA_OVERRIDE_GFX_VERSION=11.0.0 FA_CASHE=ro HIP_VISIBLE_DEVICES=1 AMD_COMGR_CACHE=1 FA_LOG=0 " DOCTOR, 0, { "note     surroundings HSA_OVERRIDE_GFX_VERSION 11.0.0: the driver says another target", "note     surroundings FA_CASHE", "ro: nothing reads it", "HIP_VISIBLE_DEVICES 1: chooses", "ok       surroundings FA_LOG" }, "PROBLEM" },
  { "settings", CLEAN "FA_CACHE_MAX_SIZE=much " DOCTOR, 0, { "note     toolchain    settings", "FA_CACHE_MAX_SIZE" }, "PROBLEM" },
  { "no TMPDIR", CLEAN "unset XDG_RUNTIME_DIR; TMPDIR=/nowhere " DOCTOR, 0, { "/nowhere (TMPDIR) cannot be written; the next is tried", "ok       surroundings temporary        /tmp" }, "PROBLEM" },
  { "limits", CLEAN "ulimit -f 1000; ulimit -n 24; " DOCTOR, 1, { "PROBLEM  surroundings limit            file size: 512000", "PROBLEM  surroundings limit            open files: 24", "-> ulimit -n unlimited" }, NULL },
  { "locale", CLEAN "LC_ALL=xx_YY.UTF-8 " DOCTOR, 0, { "one that is not installed; nothing here depends on it" }, "PROBLEM" },
  { "bare", CLEAN "exec <&- 2>&-; env -i $(test $(id -u) = 0 && echo setpriv --reuid=12345 --clear-groups) " DOCTOR, 1, { "PROBLEM  kernels      cache            in memory only: no FA_CACHE_DIR, XDG_CACHE_HOME or HOME" }, NULL },
};

static void run(const machine *m) {
  char folder[256];
  scratch_make(folder, sizeof folder);
  setenv("XDG_RUNTIME_DIR", folder, 1);
  cli_result result = cli_shell(folder, m->command);
  if (result.code != m->code) fail_msg("%s: exit code %d, must be %d\n%s\n%s", m->name, result.code, m->code, result.out, result.err);
  for (int i = 0; i < 5 && m->says[i]; i++)
    if (!strstr(result.out, m->says[i])) fail_msg("%s: there is no \"%s\":\n%s\n%s", m->name, m->says[i], result.out, result.err);
  if (m->never && strstr(result.out, m->never)) fail_msg("%s: there is a \"%s\":\n%s", m->name, m->never, result.out);
  cli_free(&result);
  scratch_remove(folder);
}

static void each_machine_is_told_what_it_lacks(void **state) {
  (void)state;
  bool reach = geteuid() != 0 || reach_by_others(FA_TEST_BIN "/");
  for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
    if (geteuid() != 0 && strcmp(machines[i].name, "bare") == 0) continue;
    if (reach || !strstr(machines[i].command, "setpriv")) run(&machines[i]);
    else print_message("left out, as another user cannot run fa-gen here: %s\n", machines[i].name);
  }
}

static void the_same_as_json(void **state) {
  (void)state;
  char folder[256];
  scratch_make(folder, sizeof folder);
  cli_result result = cli_shell(folder, CLEAN CARD DOCTOR "--json");
  cli_expect(&result, "doctor --json", 1);
  json_t *report = json_loads(result.out, 0, NULL), *rows = json_object_get(report, "rows"), *row;
  size_t i;
  json_int_t problems = 0;
  json_array_foreach(rows, i, row) {
    const char *state_text = json_string_value(json_object_get(row, "state"));
    problems += strcmp(state_text, "problem") == 0;
    if (strcmp(state_text, "problem") == 0) assert_true(json_is_string(json_object_get(row, "remedy"))); /* nobody is left alone with one */
  }
  assert_true(json_array_size(rows) > 8);
  assert_int_equal(json_integer_value(json_object_get(report, "problems")), problems);
  assert_true(problems >= 3);
  json_decref(report);
  cli_free(&result);
  scratch_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(each_machine_is_told_what_it_lacks), cmocka_unit_test(the_same_as_json) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
