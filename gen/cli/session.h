/* SPDX-License-Identifier: MIT
 * What several subcommands do: read the problem, call the worker, open a context, print JSON, draw progress. */
#ifndef FAGEN_SESSION_H
#define FAGEN_SESSION_H

#include "bundle.h"
#include "command.h"
#include "worker_client.h"

#include <jansson.h>

/* Longest problem text that the command line takes. */
enum { FA_PROBLEM_TEXT = 2048 };

/* The problem of --problem and the FIELD=VALUE arguments, validated.  target_needed: an absent target is an error that lists them.
 * Returns -1 to go on, else the exit code. */
int fa_session_problem(fa_problem *problem, const fa_cli *cli, bool target_needed);
/* The text of it, not read. */
int fa_session_text(char text[FA_PROBLEM_TEXT], const fa_cli *cli);
/* fa_session_problem from text. */
int fa_session_parse(fa_problem *problem, const fa_cli *cli, const char *text, bool target_needed);

/* One request to the worker by the command line's options; inputs: sections besides "op" and "templates_dir".  The caller frees *reply. */
fa_status fa_session_call(fa_bundle **reply, const fa_cli *cli, const char *op, const fa_section *inputs, size_t count, fa_error *error);
/* op with the problem as its input. */
fa_status fa_session_generate(fa_bundle **reply, const fa_cli *cli, const char *op, const fa_problem *problem, fa_error *error);
/* One problem's text; returns -1 to go on, else the exit code. */
typedef int (*fa_session_add)(void *user, const char *text);
/* Every combination of the lists (FIELD=VALUE,VALUE) in `base` and the command line's arguments. */
int fa_session_combinations(const fa_cli *cli, const char *base, fa_session_add add, void *user);

/* The options of such a context.  False: reported as a usage error. */
bool fa_session_options(fa_context_options *options, const fa_cli *cli, const char *device);
/* Digest of the templates: those of --templates, else the built-in ones.  Returns -1 to go on, else the exit code. */
int fa_session_templates(char digest[65], const fa_cli *cli);
/* A context, its device current on this thread. */
fa_status fa_session_open(fa_context **context, const fa_context_options *options, fa_error *error);
/* A context by the command line's options on that device (NULL: the library's choice).  Returns -1, or the exit code. */
int fa_session_context(fa_context **context, const fa_cli *cli, const char *device);

/* --check LIST: "memory,race", all or none, as FA_CHECK_... bits; memory and init without it.  False: it was reported as a usage error. */
bool fa_session_checks(unsigned *checks, const fa_cli *cli);
/* Writes the object and a newline to standard output; frees it. */
int fa_session_json(const fa_cli *cli, json_t *object);
/* The number, or null when it is not finite (JSON has no infinity). */
json_t *fa_session_real(double value);
/* JSON object of the counters of a launch. */
json_t *fa_session_counters(const fa_counters *counters);
/* " schedule light1: what the schedules' table chooses does not fit (docs/supports.md)" for such a variant, else "". */
void fa_session_lighter(char *text, size_t capacity, const char *variant);
/* Short name of a variant for tables and file names: "attention_fwd-gfx942-bf16-d128-causal-varlen". */
void fa_session_name(char *name, size_t capacity, const fa_problem *problem);
/* The same with a hash of the whole problem behind: what files of it are called. */
void fa_session_file_name(char *name, size_t capacity, const fa_problem *problem);

#endif
