/* SPDX-License-Identifier: MIT
 * fa-gen toolchain: brings the compiler to a machine without ROCm, says which one is used and why, and checks it. */
#include "session.h"
#include "share.h"
#include "toolchain_files.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int io_trouble(const fa_cli *cli, const char *what, const char *why) {
  fa_error error = { .status = FA_ERR_IO };
  snprintf(error.text, sizeof error.text, "%.1500s: %.500s", what, why);
  return fa_cli_fail(cli, &error);
}

/* ---- fetch ---- */

/* The set-up that build.sh runs, too: it recognises what is there, and completes what was interrupted. */
static int run_script(const fa_cli *cli, const char *script, const char *directory) {
  int state;
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) return io_trouble(cli, "a process for bash", strerror(errno));
  if (child == 0) {
    execlp("bash", "bash", script, directory, (char *)NULL);
    fprintf(stderr, "fa-gen toolchain: bash: %s\n", strerror(errno));
    _exit(127);
  }
  while (waitpid(child, &state, 0) < 0)
    if (errno != EINTR) return io_trouble(cli, "waiting for bash", strerror(errno));
  return WIFEXITED(state) && WEXITSTATUS(state) == 0 ? FA_EXIT_OK : FA_EXIT_TOOLCHAIN;
}

/* Its place, and a word when something else would be used. */
static int tell_fetched(const fa_cli *cli, const char *directory) {
  fa_toolchain *fetched = calloc(2, sizeof *fetched), *used = fetched + 1;
  const char *worker = fa_cli_value(cli, "worker");
  if (!fetched) return FA_EXIT_FAILED;
  if (fa_toolchain_find(fetched, worker, directory, NULL) == FA_OK) { /* else a ROCm is here, and the script has said that it needs nothing */
    printf("%s\n", directory);
    if (fa_toolchain_find(used, worker, NULL, NULL) != FA_OK || strcmp(used->identity, fetched->identity) != 0)
      fprintf(stderr, "fa-gen toolchain: this one is not what is used (fa-gen toolchain where says what is); FA_TOOLCHAIN=%s names it\n", directory);
  }
  free(fetched);
  return FA_EXIT_OK;
}

static int fetch(fa_cli *cli) {
  char script[FA_PLACE_BYTES], place[FA_PLACE_BYTES];
  const char *directory = fa_cli_value(cli, "dir");
  if (!directory && !fa_toolchain_user_place(place)) return fa_cli_usage(cli, "neither XDG_DATA_HOME nor HOME says where; give --dir DIR");
  if (!fa_cli_share(script, cli, "setup.sh")) return FA_EXIT_IO;
  if (!directory) directory = place;
  int code = run_script(cli, script, directory);
  return code ? code : tell_fetched(cli, directory);
}

/* ---- where ---- */

typedef struct listing {
  json_t *rows; /* with --json */
} listing;

static void list_place(void *user, const char *why, const char *directory, bool found) {
  listing *l = user;
  if (l->rows) json_array_append_new(l->rows, json_pack("{s:s,s:s,s:b}", "directory", directory, "why", why, "found", found));
  else printf("%-9s %s (%s)\n", found ? "used" : "not in", directory, why);
}

static int where(fa_cli *cli) {
  listing l = { .rows = fa_cli_value(cli, "json") ? json_array() : NULL };
  fa_error error = { .status = FA_OK };
  fa_toolchain *toolchain = calloc(1, sizeof *toolchain);
  int code = FA_EXIT_OK;
  if (!toolchain) return FA_EXIT_FAILED;
  fa_status status = fa_toolchain_search(toolchain, fa_cli_value(cli, "worker"), fa_cli_value(cli, "toolchain"), list_place, &l, &error);
  if (l.rows)
    code = fa_session_json(cli, json_pack("{s:i,s:o,s:s,s:s,s:s,s:s,s:s}", "schema", 1, "places", l.rows, "worker", toolchain->worker, "hiprtc", toolchain->hiprtc,
                                          "comgr", toolchain->comgr, "loader", toolchain->loader, "identity", toolchain->identity));
  else if (!status)
    printf("worker    %s\nhiprtc    %s\ncomgr     %s\nloader    %s\nidentity  %s\n", toolchain->worker, toolchain->hiprtc, toolchain->comgr,
           *toolchain->loader ? toolchain->loader : "the system's", toolchain->identity);
  if (status) code = fa_cli_fail(cli, &error);
  free(toolchain);
  return code;
}

/* ---- verify ---- */

/* Compiles a kernel as small as can be, which also compares what is loaded with what was found. */
static fa_status compile_tiny(size_t *bytes, double *seconds, const fa_toolchain *toolchain, fa_error *error) {
  static const char source[] = "extern \"C\" __attribute__((global)) void tiny(float *x) { x[0] = 1; }\n", target[] = "gfx942";
  const fa_section request[] = { { "op", "compile", 7 }, { "source", source, sizeof source - 1 }, { "target", target, sizeof target - 1 } };
  struct timespec before, after;
  fa_bundle *reply;
  clock_gettime(CLOCK_MONOTONIC, &before);
  fa_status status = fa_worker_call(&reply, toolchain, NULL, request, sizeof request / sizeof *request, error);
  clock_gettime(CLOCK_MONOTONIC, &after);
  const fa_section *object = fa_bundle_find(reply, "object");
  *bytes = object ? object->size : 0;
  *seconds = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
  fa_bundle_free(reply);
  return status;
}

static int verify(fa_cli *cli) {
  fa_error error = { .status = FA_OK };
  fa_toolchain *toolchain = calloc(1, sizeof *toolchain);
  fa_toolchain_check check = { 0 };
  size_t bytes = 0;
  double seconds = 0;
  if (!toolchain) return FA_EXIT_FAILED;
  fa_status status = fa_toolchain_find(toolchain, fa_cli_value(cli, "worker"), fa_cli_value(cli, "toolchain"), &error);
  if (!status) status = fa_toolchain_check_files(&check, toolchain, &error);
  if (!status) status = compile_tiny(&bytes, &seconds, toolchain, &error);
  int code = status ? fa_cli_fail(cli, &error) : FA_EXIT_OK;
  if (status == FA_ERR_VALIDATION) code = FA_EXIT_IO;
  if (fa_cli_value(cli, "json")) {
    int printed = fa_session_json(cli, json_pack("{s:i,s:b,s:s,s:b,s:I,s:I,s:f}", "schema", 1, "sound", !status, "identity", toolchain->identity, "recorded",
                                                 check.recorded, "files", (json_int_t)check.files, "object_bytes", (json_int_t)bytes, "seconds", seconds));
    if (!code) code = printed;
  } else if (!status) {
    if (check.recorded) printf("files     %zu, as they were fetched\n", check.files);
    else printf("files     not recorded: this compiler was not fetched by fa-gen\n");
    printf("identity  %s\ncompiles  %zu bytes for gfx942 in %.2f s\n", toolchain->identity, bytes, seconds);
  }
  free(toolchain);
  return code;
}

int fa_command_toolchain(fa_cli *cli) {
  static const struct {
    const char *name;
    int (*run)(fa_cli *cli);
  } actions[] = { { "fetch", fetch }, { "where", where }, { "verify", verify } };
  for (size_t i = 0; cli->argc == 1 && i < sizeof actions / sizeof *actions; i++)
    if (strcmp(actions[i].name, cli->argv[0]) == 0) return actions[i].run(cli);
  return fa_cli_usage(cli, "one of fetch, where, verify is expected");
}
