/* SPDX-License-Identifier: MIT
 * fa-gen emit: the HIP C source of a problem's kernel.  fa-gen manifest: the JSON that a launch needs. */
#include "output.h"
#include "session.h"

#include <string.h>

/* As it is built: where the table's choice of a schedule spills, a lighter one is taken, and only the compiler knows.  Without one, or where none
 * is right, as it is first tried. */
static fa_status generate(fa_bundle **reply, fa_cli *cli, const fa_problem *problem, fa_error *error) {
  if (!strcmp(problem->schedule, "auto") && fa_session_generate(reply, cli, "build", problem, error) == FA_OK) return FA_OK;
  return fa_session_generate(reply, cli, "emit", problem, error);
}

/* One text section of the answer, to a file or standard output. */
static int write_section(fa_cli *cli, const char *name) {
  fa_problem problem;
  fa_error error = {0};
  fa_bundle *reply = NULL;
  fa_output *output = NULL;
  int code = fa_session_problem(&problem, cli, true);
  if (code >= 0) return code;
  fa_status status = generate(&reply, cli, &problem, &error);
  if (status != FA_OK) goto cleanup;
  const fa_section *section = fa_bundle_find(reply, name);
  if (!section || section->size == 0) {
    status = fa_fail(&error, FA_ERR_WORKER, "the worker's answer has no %s", name);
    goto cleanup;
  }
  status = fa_output_open(&output, fa_cli_value(cli, "output"), &error);
  if (status != FA_OK) goto cleanup;
  fwrite(section->data, 1, section->size, fa_output_stream(output));
  if (((const char *)section->data)[section->size - 1] != '\n') fputc('\n', fa_output_stream(output));
  status = fa_output_commit(output, &error);
cleanup:
  fa_bundle_free(reply);
  return status == FA_OK ? FA_EXIT_OK : fa_cli_fail(cli, &error);
}

int fa_command_emit(fa_cli *cli) { return write_section(cli, "source"); }

int fa_command_manifest(fa_cli *cli) { return write_section(cli, "manifest"); }
