/* SPDX-License-Identifier: MIT
 * fa_supports: yes, unproven or no, by the axes, what the templates serve (supports.c) and the table of proven problems; nothing is compiled or started. */
#include <stdio.h>
#include <string.h>

#include "axes.h"
#include "nearest.h"
#include "proven.h"
#include "publish.h"
#include "sized.h"

static bool is_served(const fa_problem *problem, void *user) {
  (void)user;
  return problem->target[0] && fa_problem_check_ranges(problem, NULL) == FA_OK && fa_problem_check_supported(problem, NULL) == FA_OK;
}

/* The fields of a schedule: the axes that may be left to the generator. */
static bool is_schedule(const fa_axis_row *row) { return row->kind == FA_AXIS_AUTO || row->kind == FA_AXIS_NAME; }

/* The entry holds what the caller fixed himself. */
static bool agrees(const fa_proven *entry, const fa_problem *p) {
  const char *name = fa_proven_schedules[entry->schedule];
  return (p->block_m == FA_AUTO || p->block_m == entry->block_m) && (p->block_n == FA_AUTO || p->block_n == entry->block_n) &&
         (p->waves == FA_AUTO || p->waves == entry->waves) && (p->stages == FA_AUTO || p->stages == entry->stages) &&
         (strcmp(p->schedule, "auto") == 0 || strcmp(p->schedule, name) == 0);
}

/* The entry of the problem, or of the same with the schedule left open when that chose what is asked for. */
static const fa_proven *find(const fa_problem *problem) {
  fa_problem open = *problem, initial = FA_PROBLEM_INIT;
  char text[FA_PROBLEM_TEXT_BYTES];
  if (fa_problem_brief(text, sizeof text, problem, NULL)) return NULL;
  const fa_proven *entry = fa_proven_find(text);
  if (entry) return entry;
  for (size_t i = 0; i < FA_AXIS_COUNT; i++)
    if (is_schedule(&fa_axis_rows[i]))
      memcpy((char *)&open + fa_axis_rows[i].offset, (char *)&initial + fa_axis_rows[i].offset, fa_axis_rows[i].bytes);
  if (fa_problem_brief(text, sizeof text, &open, NULL)) return NULL;
  entry = fa_proven_find(text);
  return entry && agrees(entry, problem) ? entry : NULL;
}

static bool is_proven(const fa_problem *problem, void *user) { return is_served(problem, user) && find(problem); }

static void fill(fa_support_info *info, const fa_proven *e) {
  info->block_m = e->block_m;
  info->block_n = e->block_n;
  info->waves = e->waves;
  info->stages = e->stages;
  snprintf(info->schedule, sizeof info->schedule, "%s", fa_proven_schedules[e->schedule]);
  info->vgprs = e->vgprs;
  info->agprs = e->agprs;
  info->sgprs = e->sgprs;
  info->lds_bytes = 4 * e->lds_dwords;
  info->resident_waves = e->resident;
}

static void name_nearest(fa_support_info *info, fa_problem problem, fa_problem_test passes, fa_nearest_effort effort) {
  if (!fa_problem_nearest(&problem, passes, NULL, effort) || fa_problem_brief(info->nearest, sizeof info->nearest, &problem, NULL)) info->nearest[0] = 0;
}

/* refused: what reading the text had to leave out, or NULL. */
static fa_status answer(fa_support_info *out, const fa_problem *given, const fa_error *refused, fa_error *error) {
  fa_problem problem;
  fa_status status = fa_problem_take(&problem, given, error);
  if (status) return status;
  bool whole = !refused || refused->status == FA_OK;
  if (!problem.target[0] && whole) return fa_fail(error, FA_ERR_PROBLEM, "target=auto: the answer depends on the target; name it");
  fa_support_info room = {.size = sizeof room}, *info = &room;
  fa_error why = {.status = FA_OK};
  if (!whole) why = *refused;
  else if (!fa_problem_check_ranges(&problem, &why)) (void)fa_problem_check_supported(&problem, &why);
  if (why.status) {
    info->answer = FA_SUPPORT_NO;
    snprintf(info->reason, sizeof info->reason, "%.*s", (int)sizeof info->reason - 1, why.text);
    name_nearest(info, problem, is_served, FA_NEAREST_ONE);
    fa_sized_out(FA_SIZED_SUPPORT_INFO, out, info);
    return FA_OK;
  }
  const fa_proven *entry = find(&problem);
  info->answer = entry ? FA_SUPPORT_YES : FA_SUPPORT_UNPROVEN;
  if (entry) {
    fill(info, entry);
  } else {
    snprintf(info->reason, sizeof info->reason, "the templates serve it; it is none of the %zu problems that were compiled and checked for this library", fa_proven_count);
    if (fa_proven_count) name_nearest(info, problem, is_proven, FA_NEAREST_TWO);
  }
  fa_sized_out(FA_SIZED_SUPPORT_INFO, out, info);
  return FA_OK;
}

static fa_status check_info(const fa_support_info *info, const void *what, const char *name, fa_error *error) {
  if (!info || !what) return fa_fail(error, FA_ERR_ARGUMENT, "%s is NULL", info ? name : "info");
  return fa_sized_check(FA_SIZED_SUPPORT_INFO, info, error);
}

fa_status fa_supports(fa_support_info *info, const fa_problem *problem) {
  fa_error error = {.status = FA_OK};
  fa_status status = check_info(info, problem, "problem", &error);
  return fa_publish(status ? status : answer(info, problem, NULL, &error), &error);
}

fa_status fa_supports_text(fa_support_info *info, const char *text) {
  fa_error error = {.status = FA_OK}, refused = {.status = FA_OK};
  fa_problem problem;
  fa_status status = check_info(info, text, "text", &error);
  if (!status) status = fa_problem_read_near(&problem, text, &refused, &error);
  return fa_publish(status ? status : answer(info, &problem, &refused, &error), &error);
}
