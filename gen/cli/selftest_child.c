/* SPDX-License-Identifier: MIT
 * Selftest's own process for a device: see selftest_child.h. */
#include "selftest_child.h"

#include "context.h"
#include "pack.h"
#include "plan.h"
#include "prebuild.h"
#include "problem.h"
#include "selftest.h"
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MAX_PROBLEMS = 4096, MAX_PACKS = 16 };

typedef struct child {
  fa_cli *cli;
  int channel;
  fa_context *context;
  fa_pack *packs[MAX_PACKS];
  size_t pack_count;
  fa_problem *problems;
  int count;
} child;

/* ---- what is told -------------------------------------------------------------------------------------------------- */

/* Frees the object.  A parent that is gone ends the child. */
static void tell(const child *c, json_t *object) {
  char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
  size_t size = text ? strlen(text) : 0;
  json_decref(object);
  if (!text) _exit(FA_EXIT_FAILED);
  text[size++] = '\n';
  for (size_t done = 0; done < size;) {
    ssize_t put = write(c->channel, text + done, size - done);
    if (put < 0 && errno != EINTR) _exit(FA_EXIT_FAILED);
    if (put > 0) done += (size_t)put;
  }
  free(text);
}

static _Noreturn void fatal(const child *c, int code, const char *text) {
  tell(c, json_pack("{s:s,s:i,s:s}", "event", "fatal", "code", code, "text", text));
  _exit(code);
}

static void tell_test(const fa_selftest_result *r, void *user) {
  tell(user, json_pack("{s:s,s:s,s:b,s:i,s:o,s:o,s:s}", "event", "test", "test", r->test, "ok", (int)r->ok, "launches", r->launches, "max_error",
                       fa_session_real(r->error),
                       "max_error_allowed", fa_session_real(r->allowed), "reason", r->reason));
}

static void tell_end(const child *c, const char *result, const char *reason) {
  tell(c, json_pack("{s:s,s:s,s:s}", "event", "end", "result", result, "reason", reason));
}

/* ---- which variants ------------------------------------------------------------------------------------------------ */

static int add_problem(void *user, const char *text) {
  child *c = user;
  if (c->count == MAX_PROBLEMS) return fa_cli_usage(c->cli, "more than %d problems", MAX_PROBLEMS);
  fa_problem *p = &c->problems[c->count];
  int code = fa_session_parse(p, c->cli, text, false);
  if (code >= 0) return code;
  if (!p->target[0]) snprintf(p->target, sizeof p->target, "%s", fa_context_target(c->context));
  if (strcmp(p->target, fa_context_target(c->context)) != 0)
    return fa_cli_usage(c->cli, "target=%s: the device is a %s; leave the target out, or name another device", p->target, fa_context_target(c->context));
  c->count++;
  return -1;
}

/* Those for this device; a pack of another target has none. */
static int add_packs(child *c) {
  for (size_t i = 0; i < c->pack_count; i++) {
    const fa_pack_header *head = fa_pack_head(c->packs[i]);
    for (size_t k = 0; k < head->records && strcmp(head->target, fa_context_target(c->context)) == 0; k++) {
      int code = add_problem(c, fa_pack_at(c->packs[i], k).problem);
      if (code >= 0) return code;
    }
  }
  return c->count ? -1 : fa_cli_usage(c->cli, "--pack: no kernel in it is for %s", fa_context_target(c->context));
}

static int add_fields(child *c) {
  const char *text;
  int code = -1, given = 0;
  for (; code < 0 && (text = fa_cli_value_at(c->cli, "problem", given)); given++) code = fa_session_combinations(c->cli, text, add_problem, c);
  if (code >= 0 || given) return code;
  return fa_session_combinations(c->cli, c->cli->argc ? "" : "dtype=fp16,bf16 head_dim=64,128 mask=none,causal", add_problem, c);
}

/* What models need on this device, by the rule of prebuild. */
static int add_models(child *c) {
  fa_prebuild *p = calloc(1, sizeof *p);
  int code = FA_EXIT_FAILED;
  bool room = true;
  if (!p) return code;
  p->cli = c->cli;
  code = fa_prebuild_choose_models(p);
  for (int i = 0; code < 0 && i < p->chosen_count && room; i++)
    room = fa_model_problems(c->problems, &c->count, MAX_PROBLEMS, &p->chosen[i], fa_context_target(c->context), 0);
  fa_models_free(&p->known);
  free(p);
  return code < 0 && !room ? fa_cli_usage(c->cli, "more than %d problems", MAX_PROBLEMS) : code;
}

static void open_packs(child *c) {
  char trouble[FA_PACK_TROUBLE_BYTES];
  const char *path;
  for (; (path = fa_cli_value_at(c->cli, "pack", (int)c->pack_count)); c->pack_count++) {
    if (c->pack_count == MAX_PACKS) fatal(c, FA_EXIT_USAGE, "more than 16 packs");
    if ((c->packs[c->pack_count] = fa_pack_open_at(path, FA_PACK_VERIFY, trouble, sizeof trouble))) continue;
    char text[sizeof trouble + 4096];
    snprintf(text, sizeof text, "%.4000s: %s", path, trouble);
    fatal(c, FA_EXIT_IO, text);
  }
}

/* ---- testing ------------------------------------------------------------------------------------------------------- */

/* What is quarantined is tested all the same, and what is in a pack is taken from there alone. */
static void open_context(child *c) {
  fa_context_options options;
  if (!fa_session_options(&options, c->cli, fa_cli_value(c->cli, "device"))) fatal(c, FA_EXIT_USAGE, "");
  options.quarantine_file = "";
  options.packs = (const fa_pack *const *)c->packs;
  options.pack_count = c->pack_count;
  if (c->pack_count) options.jit = FA_JIT_OFF, options.cache_dir = "", options.system_dir = "";
  fa_error error = { .status = FA_OK };
  fa_status status = fa_session_open(&c->context, &options, &error);
  if (status) fatal(c, fa_cli_exit_code(status), error.text);
}

static fa_status run_variant(child *c, const fa_plan *plan) {
  fa_plan_info info = { .size = sizeof info };
  fa_selftest test = { .context = c->context, .plan = plan, .quick = fa_cli_value(c->cli, "quick"), .said = tell_test, .user = c };
  fa_error error = { .status = FA_OK };
  long seed = 0;
  if (!fa_cli_integer(&seed, c->cli, "seed", 0, 1000000000, 1)) fatal(c, FA_EXIT_USAGE, "");
  test.seed = (uint64_t)seed;
  (void)fa_plan_get_info(plan, &info);
  const fa_record *record = fa_plan_current(plan)->loaded->record;
  tell(c, json_pack("{s:s,s:s,s:s,s:s,s:s}", "event", "plan", "problem", record->manifest->problem, "variant", info.variant, "toolchain", record->toolchain,
                    "origin", info.origin));
  if (fa_problem_parse(&test.problem, info.variant)) {
    tell_end(c, "failed", fa_last_error());
    return FA_OK;
  }
  fa_status status = fa_selftest_variant(&test, &error);
  tell_end(c, status == FA_ERR_UNSUPPORTED ? "untested" : status == FA_ERR_DEVICE ? "wrong" : status ? "failed" : "tested", status ? error.text : "");
  return status;
}

static void test_one(child *c, int index) {
  char brief[FA_PROBLEM_TEXT];
  fa_plan *plan;
  fa_error error = {.text = "?"};
  if (fa_problem_brief(brief, sizeof brief, &c->problems[index], &error)) snprintf(brief, sizeof brief, "%.200s", error.text);
  tell(c, json_pack("{s:s,s:i,s:s}", "event", "begin", "index", index, "problem", brief));
  fa_status status = fa_plan_create(&plan, c->context, &c->problems[index]);
  if (status) {
    tell_end(c, "refused", fa_last_error());
    return;
  }
  status = run_variant(c, plan);
  if (status == FA_ERR_DEVICE) _exit(FA_EXIT_FAILED); /* a device that has refused a launch is not asked again by this process */
  fa_plan_destroy(plan);
}

void fa_selftest_child(fa_cli *cli, int start, int channel) {
  child c = { .cli = cli, .channel = channel };
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  open_packs(&c);
  open_context(&c);
  c.problems = calloc(MAX_PROBLEMS, sizeof *c.problems);
  if (!c.problems) fatal(&c, FA_EXIT_FAILED, "no memory for the list of problems");
  bool models = fa_cli_value(cli, "model") || fa_cli_value(cli, "config");
  int code = c.pack_count ? add_packs(&c) : models ? add_models(&c) : add_fields(&c);
  if (code >= 0) fatal(&c, code, ""); /* it was reported */
  tell(&c, json_pack("{s:s,s:s,s:s,s:s,s:i}", "event", "hello", "target", fa_context_target(c.context), "toolchain", c.context->toolchain.identity, "templates",
                     c.context->templates, "count", c.count));
  for (int i = start; i < c.count; i++) test_one(&c, i);
  fa_context_destroy(c.context);
  for (size_t i = 0; i < c.pack_count; i++) fa_pack_close(c.packs[i]);
  free(c.problems);
  tell(&c, json_pack("{s:s}", "event", "done"));
  _exit(FA_EXIT_OK);
}
