/* SPDX-License-Identifier: MIT
 * fa-gen emit: the HIP C source of a problem's kernel.  fa-gen manifest: the JSON that a launch needs. */
#include "output.h"
#include "session.h"

/* One text section of the worker's answer to "emit", to a file or standard output. */
static int write_section(fa_cli *cli, const char *name) {
  fa_problem problem;
  fa_error error = {0};
  fa_bundle *reply = NULL;
  fa_output *output = NULL;
  int code = fa_session_problem(&problem, cli, true);
  if (code >= 0) return code;
  fa_status status = fa_session_generate(&reply, cli, "emit", &problem, &error);
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
