/* SPDX-License-Identifier: MIT
 * Sources by the templates in this process, lines by plans. */
#include "proven_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua_host.h"
#include "problem.h"

static fa_status hash_of(char hash[17], const fa_problem *problem, fa_error *error) {
  fa_generated generated;
  char canonical[FA_PROBLEM_TEXT_BYTES];
  fa_status status = fa_problem_format(canonical, sizeof canonical, NULL, problem, error);
  if (!status) status = fa_lua_generate(&generated, &fa_templates_embedded, NULL, canonical, NULL, error);
  if (status == FA_ERR_UNSUPPORTED) { /* a refusal is a text, too: the worker falls back from it */
    fa_proven_source_hash(hash, error->text, "");
    return FA_ERR_UNSUPPORTED;
  }
  if (status) return status;
  fa_proven_source_hash(hash, generated.source, generated.options);
  fa_generated_free(&generated);
  return FA_OK;
}

fa_status proven_source(char hash[17], const char *text, const char *schedule, fa_error *error) {
  fa_problem problem;
  char first[17];
  fa_status status = fa_problem_read(&problem, text, error);
  if (status) return status;
  status = hash_of(hash, &problem, error);
  if (strncmp(schedule, "light", 5) != 0 || strcmp(problem.schedule, "auto") != 0 || (status && status != FA_ERR_UNSUPPORTED)) return status;
  snprintf(first, sizeof first, "%s", hash);
  snprintf(problem.schedule, sizeof problem.schedule, "auto-%.15s", schedule);
  status = hash_of(hash, &problem, error);
  snprintf(hash, 17, "%016llx", strtoull(first, NULL, 16) * 3 ^ strtoull(hash, NULL, 16));
  return status;
}

fa_status proven_planned(proven_plan *plan, const char *text, const char *schedule, fa_error *error) {
  fa_problem problem;
  fa_generated generated;
  char canonical[FA_PROBLEM_TEXT_BYTES];
  fa_status status = fa_problem_read(&problem, text, error);
  if (status) return status;
  if (strncmp(schedule, "light", 5) == 0 && strcmp(problem.schedule, "auto") == 0) snprintf(problem.schedule, sizeof problem.schedule, "auto-%.15s", schedule);
  status = fa_problem_format(canonical, sizeof canonical, NULL, &problem, error);
  if (!status) status = fa_lua_generate(&generated, &fa_templates_embedded, NULL, canonical, NULL, error);
  if (status) return status;
  if (sscanf(generated.plan, "{\"vgprs_at_least\":%u,\"vgprs_at_most\":%u,\"lds_bytes\":%u,\"resident_waves\":%u}", &plan->vgprs_at_least, &plan->vgprs_at_most,
             &plan->lds_bytes, &plan->resident) != 4)
    status = fa_fail(error, FA_ERR_VALIDATION, "the plan reads %s", generated.plan);
  fa_generated_free(&generated);
  return status;
}

fa_status proven_line(fa_proven_line *line, const fa_plan *plan, const fa_problem *problem, fa_error *error) {
  fa_plan_info info = {.size = sizeof info};
  memset(line, 0, sizeof *line);
  fa_status status = fa_problem_brief(line->text, sizeof line->text, problem, error);
  if (status) return status;
  if ((status = fa_plan_get_info(plan, &info))) return fa_fail(error, status, "%s", fa_last_error());
  status = fa_proven_line_fill(line, info.variant, info.resources, error);
  return status ? status : proven_source(line->source, line->text, line->schedule, error);
}
