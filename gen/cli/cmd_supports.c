/* SPDX-License-Identifier: MIT
 * fa-gen supports: yes, unproven or no for a problem; the table of features by targets; the list of what is proven. */
#include "nearest.h"
#include "quarantine.h"
#include "proven_text.h"
#include "session.h"
#include "supports_table.h"

#include <stdlib.h>
#include <string.h>

static const char *const answers[] = { "no", "unproven", "yes" };

/* What the templates plan, where the table of the library has nothing: no compiler is needed. */
typedef struct plan {
  fa_bundle *reply;
  const char *variant;
  json_t *numbers; /* of templates/tile/occupancy.lua */
  char refused[1024]; /* quarantined on this machine: the text that dispatch gives; "": not */
} plan;

/* The templates' plan; where the schedule is theirs to choose and the first does not fit, one of the lighter ones (gen/ops.c). */
static fa_status emit(fa_bundle **reply, const fa_cli *cli, const fa_problem *problem, fa_error *error) {
  fa_problem lighter = *problem;
  fa_error other;
  fa_status status = fa_session_generate(reply, cli, "emit", problem, error);
  for (int step = 1; status == FA_ERR_UNSUPPORTED && strcmp(problem->schedule, "auto") == 0; step++) {
    snprintf(lighter.schedule, sizeof lighter.schedule, "auto-light%d", step);
    fa_status tried = fa_session_generate(reply, cli, "emit", &lighter, &other);
    if (tried == FA_OK) return FA_OK;
    if (tried != FA_ERR_UNSUPPORTED) break;
  }
  return status;
}

static bool templates_serve(const fa_problem *problem, void *user) {
  const fa_cli *cli = user;
  fa_bundle *reply = NULL;
  fa_error error;
  bool served = problem->target[0] && fa_problem_check_ranges(problem, NULL) == FA_OK && fa_problem_check_supported(problem, NULL) == FA_OK &&
                emit(&reply, cli, problem, &error) == FA_OK;
  fa_bundle_free(reply);
  return served;
}

/* The library knows the axes and what the templates have; whether a schedule fits, only they know. */
static void name_nearest(fa_support_info *info, const fa_cli *cli, const fa_problem *problem) {
  fa_problem near = *problem;
  if (!fa_problem_nearest(&near, templates_serve, (void *)cli, FA_NEAREST_COARSE) || fa_problem_brief(info->nearest, sizeof info->nearest, &near, NULL)) info->nearest[0] = 0;
}

/* A refusal by the templates makes the answer a no. */
static fa_status ask_templates(plan *p, fa_support_info *info, const fa_cli *cli, const fa_problem *problem, fa_error *error) {
  fa_status status = emit(&p->reply, cli, problem, error);
  if (status == FA_ERR_UNSUPPORTED || status == FA_ERR_PROBLEM) {
    info->answer = FA_SUPPORT_NO;
    snprintf(info->reason, sizeof info->reason, "%.*s", (int)sizeof info->reason - 1, error->text);
    name_nearest(info, cli, problem);
    return FA_OK;
  }
  if (status) return status;
  p->variant = fa_bundle_text(p->reply, "variant", "");
  p->numbers = json_loads(fa_bundle_text(p->reply, "plan", "{}"), 0, NULL);
  return FA_OK;
}

static bool has_worker(const fa_cli *cli) {
  fa_bundle *reply = NULL;
  fa_error error;
  fa_problem known = FA_PROBLEM_INIT;
  strcpy(known.target, "gfx942");
  bool there = fa_session_generate(&reply, cli, "emit", &known, &error) == FA_OK;
  fa_bundle_free(reply);
  return there;
}

/* Whether this machine's quarantine has the problem, compiled by the compiler that is there. */
static void ask_quarantine(plan *p, const fa_cli *cli, const fa_problem *problem) {
  char path[4096], text[FA_PROBLEM_TEXT];
  fa_quarantine q;
  fa_error error = {0};
  fa_toolchain *toolchain = calloc(1, sizeof *toolchain);
  if (toolchain && fa_toolchain_find(toolchain, fa_cli_value(cli, "worker"), fa_cli_value(cli, "toolchain"), &error) == FA_OK && fa_quarantine_path(path, sizeof path, NULL) &&
      fa_problem_print(text, sizeof text, NULL, problem) == FA_OK && fa_quarantine_read(&q, path, NULL, NULL, &error) == FA_OK) {
    if (fa_quarantine_check(&q, problem->target, toolchain->identity, text, &error)) snprintf(p->refused, sizeof p->refused, "%.*s", (int)sizeof p->refused - 1, error.text);
    fa_quarantine_free(&q);
  }
  free(toolchain);
}

static json_t *info_json(const fa_support_info *info, const plan *p) {
  json_t *object = json_pack("{s:i,s:s}", "schema", 1, "answer", answers[info->answer]);
  if (info->reason[0]) json_object_set_new(object, "reason", json_string(info->reason));
  if (info->nearest[0]) json_object_set_new(object, "nearest", json_string(info->nearest));
  if (info->answer == FA_SUPPORT_YES)
    json_object_set_new(object, "compiled",
                        json_pack("{s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "schedule", info->schedule, "block_m", info->block_m, "block_n", info->block_n, "waves", info->waves,
                                  "stages", info->stages, "vgprs", info->vgprs, "agprs", info->agprs, "sgprs", info->sgprs, "lds_bytes", info->lds_bytes, "resident_waves",
                                  info->resident_waves));
  if (p->refused[0]) json_object_set_new(object, "quarantined", json_string(p->refused));
  if (p->variant) json_object_set_new(object, "variant", json_string(p->variant));
  if (p->numbers) json_object_set(object, "planned", p->numbers);
  return object;
}

static const char *field_of(char *out, size_t capacity, const char *variant, const char *name) {
  const char *at = strstr(variant, name);
  size_t length = at ? strcspn(at + strlen(name), " ") : 0;
  snprintf(out, capacity, "%.*s", (int)length, at ? at + strlen(name) : "");
  return out;
}

static int planned(const plan *p, const char *name) { return (int)json_integer_value(json_object_get(p->numbers, name)); }

static void print_info(const fa_support_info *info, const plan *p) {
  char m[16], n[16], w[16], b[16], s[32];
  printf("%s%s%s\n", answers[info->answer], info->reason[0] ? ": " : "", info->reason);
  if (info->nearest[0]) printf("%s %s\n", info->answer == FA_SUPPORT_NO ? "nearest that works:" : "nearest that is proven:", info->nearest);
  if (p->refused[0]) printf("but on this machine %s\n", p->refused);
  if (info->answer == FA_SUPPORT_YES) {
    printf("schedule   %s, %d queries x %d keys, %d waves, buffers: %d\n", info->schedule, info->block_m, info->block_n, info->waves, info->stages);
    printf("registers  %d vector (%d of them for accumulation), %d scalar\nLDS        %d bytes\noccupancy  %d waves on four SIMDs\n", info->vgprs, info->agprs, info->sgprs,
           info->lds_bytes, info->resident_waves);
  } else if (p->numbers && info->answer == FA_SUPPORT_UNPROVEN) {
    printf("schedule   %s, %s queries x %s keys, %s waves, buffers: %s\n", field_of(s, sizeof s, p->variant, " schedule="), field_of(m, sizeof m, p->variant, " block_m="),
           field_of(n, sizeof n, p->variant, " block_n="), field_of(w, sizeof w, p->variant, " waves="), field_of(b, sizeof b, p->variant, " stages="));
    printf("registers  planned: at least %d vector, at most %d\nLDS        %d bytes\noccupancy  planned: %d waves on four SIMDs\n", planned(p, "vgprs_at_least"), planned(p, "vgprs_at_most"),
           planned(p, "lds_bytes"), planned(p, "resident_waves"));
  }
}

static int list_proven(const fa_cli *cli) {
  if (cli->argc > 0 || fa_cli_value(cli, "problem")) return fa_cli_usage(cli, "--list and a problem exclude each other");
  for (const char *const *text = fa_proven_text; *text; text++) puts(*text);
  return FA_EXIT_OK;
}

int fa_command_supports(fa_cli *cli) {
  char text[FA_PROBLEM_TEXT];
  fa_support_info info = { .size = sizeof info };
  fa_error error = {0};
  fa_problem problem;
  plan p = {0};
  if (fa_cli_value(cli, "table")) return fa_supports_table(cli);
  if (fa_cli_value(cli, "list")) return list_proven(cli);
  int code = fa_session_text(text, cli);
  if (code >= 0) return code;
  fa_status status = fa_supports_text(&info, text);
  if (status) return fa_cli_fail_last(cli, status);
  if (info.answer != FA_SUPPORT_NO && fa_cli_value(cli, "functions")) { /* the text is in order: now with the functions in it */
    if ((code = fa_session_parse(&problem, cli, text, true)) >= 0) return code;
    if ((status = fa_supports(&info, &problem))) return fa_cli_fail_last(cli, status);
  } else if (info.answer != FA_SUPPORT_NO) {
    (void)fa_problem_read(&problem, text, NULL);
  }
  if (info.answer != FA_SUPPORT_NO) ask_quarantine(&p, cli, &problem);
  if (info.answer == FA_SUPPORT_UNPROVEN) {
    status = ask_templates(&p, &info, cli, &problem, &error);
    if (status == FA_ERR_TOOLCHAIN) status = FA_OK; /* no worker here: the library's answer stands alone */
  }
  if (info.answer == FA_SUPPORT_NO && !p.reply && fa_problem_read(&problem, info.nearest, NULL) == FA_OK && has_worker(cli)) name_nearest(&info, cli, &problem);
  code = info.answer == FA_SUPPORT_NO ? FA_EXIT_FAILED : FA_EXIT_OK;
  if (status) {
    code = fa_cli_fail(cli, &error);
  } else if (fa_cli_value(cli, "json")) {
    int printed = fa_session_json(cli, info_json(&info, &p));
    if (printed) code = printed;
  } else {
    print_info(&info, &p);
  }
  json_decref(p.numbers);
  fa_bundle_free(p.reply);
  return code;
}
