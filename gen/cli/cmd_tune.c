/* SPDX-License-Identifier: MIT
 * fa-gen tune: candidates for the schedule of a problem, measured and ranked; fa-gen tune merge: several results as one. */
#include "axes.h"
#include "output.h"
#include "problem.h"
#include "session.h"
#include "tune_measure.h"
#include "tuning.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CANDIDATES = 512 };

/* What is tried where the command line has no list of its own. */
static const struct { const char *name, *values; } searched[] = { { "block_n", "16,32,64,128" }, { "waves", "2,4,8" }, { "stages", "1,2" } };

typedef struct tuning_run {
  const fa_cli *cli;
  fa_context *context;
  fa_candidate *candidates;
  int count;
  fa_tune_results first;
  long seed, repeat, top;
} tuning_run;

/* ---- candidates ---------------------------------------------------------------------------------------------------- */

static const fa_axis_row *row_of(const char *name, size_t length) {
  for (size_t i = 0; i < FA_AXIS_COUNT; i++)
    if (strlen(fa_axis_rows[i].axis.name) == length && strncmp(fa_axis_rows[i].axis.name, name, length) == 0) return &fa_axis_rows[i];
  return NULL;
}

static bool is_schedule(const fa_axis_row *row) { return row->kind == FA_AXIS_AUTO || row->kind == FA_AXIS_NAME; }

static int add_candidate(tuning_run *t, const char *text) {
  if (t->count == MAX_CANDIDATES) return fa_cli_usage(t->cli, "more than %d candidates", MAX_CANDIDATES);
  fa_candidate *c = &t->candidates[t->count];
  int code = fa_session_parse(&c->problem, t->cli, text, false);
  if (code >= 0) return code;
  if (c->problem.target[0] && strcmp(c->problem.target, fa_context_target(t->context)) != 0)
    return fa_cli_usage(t->cli, "target=%s: the device is %s; leave --device out, or name a device of the target", c->problem.target, fa_context_target(t->context));
  snprintf(c->problem.target, sizeof c->problem.target, "%s", fa_context_target(t->context));
  for (int i = 0; i < t->count; i++) {
    char a[FA_PROBLEM_TEXT], b[FA_PROBLEM_TEXT];
    if (!fa_problem_print(a, sizeof a, NULL, &t->candidates[i].problem) && !fa_problem_print(b, sizeof b, NULL, &c->problem) && strcmp(a, b) == 0) return -1;
  }
  t->count++;
  return -1;
}

/* Every combination of the lists from number `at` on, behind `done`. */
static int expand(tuning_run *t, const char *done, char *const *lists, int at) {
  if (!lists[at]) return add_candidate(t, done);
  const char *values = strchr(lists[at], '=') + 1;
  int code = -1;
  while (code < 0) {
    char text[FA_PROBLEM_TEXT];
    size_t length = strcspn(values, ",");
    if (snprintf(text, sizeof text, "%s %.*s%.*s", done, (int)(strchr(lists[at], '=') + 1 - lists[at]), lists[at], (int)length, values) >= (int)sizeof text)
      return fa_cli_usage(t->cli, "the problem is longer than %d bytes", FA_PROBLEM_TEXT - 1);
    code = expand(t, text, lists, at + 1);
    if (!values[length]) break;
    values += length + 1;
  }
  return code;
}

/* The first candidate is the problem as it stands, with the generator's choice; then all combinations of the lists. */
static int make_candidates(tuning_run *t) {
  char text[FA_PROBLEM_TEXT], fixed[FA_PROBLEM_TEXT] = "", defaults[sizeof searched / sizeof *searched][64], *lists[FA_AXIS_COUNT + 4] = {0};
  int code = fa_session_text(text, t->cli), count = 0;
  if (code >= 0) return code;
  for (char *save = NULL, *field = strtok_r(text, " ", &save); field; field = strtok_r(NULL, " ", &save)) {
    const fa_axis_row *row = row_of(field, strcspn(field, "="));
    bool list = strchr(field, '=') && ((row && is_schedule(row)) || strchr(field, ','));
    if (list && count < FA_AXIS_COUNT) lists[count++] = field;
    else snprintf(fixed + strlen(fixed), sizeof fixed - strlen(fixed), " %s", field);
  }
  for (size_t i = 0; i < sizeof searched / sizeof *searched; i++) {
    bool given = false;
    for (int k = 0; k < count; k++) given = given || strncmp(lists[k], searched[i].name, strlen(searched[i].name)) == 0;
    snprintf(defaults[i], sizeof defaults[i], "%s=%s", searched[i].name, searched[i].values);
    if (!given) lists[count++] = defaults[i];
  }
  /* A list of what is no field of the schedule (gqa_pack=0,1) makes a class for each value; the first value stands in the first candidate. */
  char untuned[FA_PROBLEM_TEXT];
  snprintf(untuned, sizeof untuned, "%s", fixed);
  for (int k = 0; k < count; k++) {
    const fa_axis_row *row = row_of(lists[k], strcspn(lists[k], "="));
    if (!row || !is_schedule(row)) snprintf(untuned + strlen(untuned), sizeof untuned - strlen(untuned), " %.*s", (int)strcspn(lists[k], ","), lists[k]);
  }
  code = add_candidate(t, untuned);
  return code >= 0 ? code : expand(t, fixed, lists, 0);
}

/* ---- ranking ------------------------------------------------------------------------------------------------------- */

static int by_measure(const void *a, const void *b) {
  const fa_candidate *x = a, *y = b;
  if (x->ran != y->ran) return x->ran ? -1 : 1;
  if (x->measure != y->measure) return x->measure < y->measure ? -1 : 1;
  return y->resident_waves - x->resident_waves;
}

static const char *schedule_text(char *out, size_t capacity, const fa_problem *v) {
  snprintf(out, capacity, "block_m=%d block_n=%d waves=%d stages=%d schedule=%s", v->block_m, v->block_n, v->waves, v->stages, v->schedule);
  return out;
}

/* The fields that make a class: all that are no schedule's. */
static fa_status class_text(char *out, size_t capacity, const fa_problem *problem, fa_error *error) {
  fa_problem open = *problem;
  char canonical[FA_PROBLEM_TEXT];
  open.block_m = open.block_n = open.waves = open.stages = FA_AUTO;
  strcpy(open.schedule, "auto");
  fa_status status = fa_problem_print(canonical, sizeof canonical, NULL, &open);
  if (status) return fa_fail(error, status, "%s", fa_last_error());
  out[0] = 0;
  for (char *save = NULL, *field = strtok_r(canonical, " ", &save); field; field = strtok_r(NULL, " ", &save)) {
    const fa_axis_row *row = row_of(field, strcspn(field, "="));
    if (row && is_schedule(row)) continue;
    snprintf(out + strlen(out), capacity - strlen(out), "%s%s", out[0] ? " " : "", field);
  }
  return FA_OK;
}

static void print_ranking(const tuning_run *t, FILE *stream) {
  const fa_candidate *best = t->candidates;
  int refused = 0;
  fprintf(stream, "%s of one launch: %s\n", best->real ? "seconds" : "no GPU: issue cycles of all waves by the emulator's counts, which know nothing of memory, caches and overlap;\ncycles",
          fa_tune_launch());
  for (int i = 0, shown = 0; i < t->count; i++) {
    const fa_candidate *c = &t->candidates[i];
    char text[160];
    refused += !c->ran;
    if (!c->ran || shown++ >= t->top) continue;
    bool open = c->problem.block_m == FA_AUTO && c->problem.block_n == FA_AUTO && c->problem.waves == FA_AUTO && c->problem.stages == FA_AUTO;
    fprintf(stream, "%12.6g  %5.3f  %2d waves on four SIMDs  %s%s%s\n", c->measure, c->measure / best->measure, c->resident_waves, schedule_text(text, sizeof text, &c->variant),
            c->problem.gqa_pack ? " gqa_pack=1" : "", open ? "  (untuned)" : "");
  }
  if (!refused) return;
  fprintf(stream, "%d of %d did not run", refused, t->count);
  if (t->top < t->count) {
    fprintf(stream, "; --top %d says why\n", t->count);
    return;
  }
  fprintf(stream, ":\n");
  for (int i = 0; i < t->count; i++)
    if (!t->candidates[i].ran) fprintf(stream, "  %s\n", t->candidates[i].trouble);
}

/* ---- the result ---------------------------------------------------------------------------------------------------- */

/* The best candidate of each class goes into the file of --output (which keeps its other lines), or to standard output. */
static fa_status write_result(const tuning_run *t, fa_error *error) {
  const char *path = fa_cli_value(t->cli, "output");
  fa_tuning tuning = {0};
  fa_output *output = NULL;
  FILE *there = path ? fopen(path, "re") : NULL;
  fa_status status = there ? fa_tuning_read(&tuning, path, error) : FA_OK;
  if (there) fclose(there);
  for (int i = t->count - 1; i >= 0 && !status; i--) { /* the best last: it replaces the others of its class */
    const fa_candidate *c = &t->candidates[i];
    char text[900], schedule[160], class_of[512];
    fa_tuning_line line;
    if (!c->ran || (status = class_text(class_of, sizeof class_of, &c->problem, error))) continue;
    snprintf(text, sizeof text, "%s | %s | %s %.6g for %s", class_of, schedule_text(schedule, sizeof schedule, &c->variant), c->real ? "seconds" : "cycles", c->measure, fa_tune_launch());
    status = fa_tuning_line_read(&line, text, error);
    if (!status) status = fa_tuning_put(&tuning, &line, error);
  }
  if (!status) status = fa_output_open(&output, path, error);
  if (!status) status = fa_tuning_write(&tuning, fa_output_stream(output), error);
  if (!status) status = fa_output_commit(output, error);
  fa_tuning_free(&tuning);
  return status;
}

static int merge(const fa_cli *cli) {
  fa_error error = {0};
  fa_tuning all = {0};
  fa_output *output = NULL;
  fa_status status = FA_OK;
  if (cli->argc < 2) return fa_cli_usage(cli, "merge: no file is named");
  for (int i = 1; i < cli->argc && !status; i++) {
    fa_tuning one;
    status = fa_tuning_read(&one, cli->argv[i], &error);
    for (size_t n = 0; !status && n < one.count; n++) status = fa_tuning_put(&all, &one.lines[n], &error);
    if (!status) fa_tuning_free(&one);
  }
  if (!status) status = fa_output_open(&output, fa_cli_value(cli, "output"), &error);
  if (!status) status = fa_tuning_write(&all, fa_output_stream(output), &error);
  if (!status) status = fa_output_commit(output, &error);
  fa_tuning_free(&all);
  return status ? fa_cli_fail(cli, &error) : FA_EXIT_OK;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

/* Where to measure: --device; else a GPU where there is one; else the emulator of the problem's target. */
static int open_device(tuning_run *t) {
  const char *device = fa_cli_value(t->cli, "device");
  char text[FA_PROBLEM_TEXT], emulated[64];
  int code = fa_session_text(text, t->cli);
  if (code >= 0) return code;
  if (!device) device = secure_getenv("FA_DEVICE");
  char *target = strstr(text, "target=");
  if (!device && target) {
    fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
    fa_context *gpu;
    options.device = "hip";
    options.tuning_file = "";
    if (fa_context_create(&gpu, &options) == FA_OK) {
      if (strncmp(fa_context_target(gpu), target + 7, strlen(fa_context_target(gpu))) == 0) device = "hip";
      fa_context_destroy(gpu);
    }
    snprintf(emulated, sizeof emulated, "emulator:%.*s", (int)strcspn(target + 7, " "), target + 7);
    if (!device) device = emulated;
  }
  if (!device) return fa_cli_usage(t->cli, "neither --device nor a target is named");
  return fa_session_context(&t->context, t->cli, device);
}

static int measure_all(tuning_run *t, fa_error *error) {
  for (int i = 0; i < t->count; i++) {
    fa_status status = fa_tune_measure(&t->candidates[i], &t->first, t->context, t->cli, t->seed, t->repeat, error);
    if (status) return fa_cli_fail(t->cli, error);
    if (i == 0 && !t->candidates[0].ran && t->candidates[0].trouble[0]) return fa_cli_usage(t->cli, "the problem itself: %s", t->candidates[0].trouble);
  }
  return -1;
}

int fa_command_tune(fa_cli *cli) {
  tuning_run t = { .cli = cli };
  fa_error error = {0};
  if (cli->argc > 0 && strcmp(cli->argv[0], "merge") == 0) return merge(cli);
  if (!fa_cli_integer(&t.seed, cli, "seed", 0, INT32_MAX, 1) || !fa_cli_integer(&t.repeat, cli, "repeat", 1, 100000, 20) ||
      !fa_cli_integer(&t.top, cli, "top", 1, MAX_CANDIDATES, 10))
    return FA_EXIT_USAGE;
  t.candidates = calloc(MAX_CANDIDATES, sizeof *t.candidates);
  if (!t.candidates) return FA_EXIT_FAILED;
  int code = open_device(&t);
  if (code < 0) code = make_candidates(&t);
  if (code < 0) code = measure_all(&t, &error);
  if (code < 0) {
    qsort(t.candidates, (size_t)t.count, sizeof *t.candidates, by_measure);
    print_ranking(&t, fa_cli_value(cli, "output") ? stdout : stderr);
    code = write_result(&t, &error) ? fa_cli_fail(cli, &error) : FA_EXIT_OK;
  }
  free(t.first.o);
  fa_context_destroy(t.context);
  free(t.candidates);
  return code;
}
