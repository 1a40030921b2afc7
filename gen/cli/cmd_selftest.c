/* SPDX-License-Identifier: MIT
 * fa-gen selftest: are this device's results right?  Runs the tests of selftest.h on each variant, in a process of its own; prints a table, writes
 * a report, and quarantines what is wrong. */
#include "output.h"
#include "probe.h"
#include "quarantine_edit.h"
#include "selftest.h"
#include "selftest_child.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1 << 16, KILL_SECONDS = 20 };

typedef struct selftest {
  fa_cli *cli;
  const char *device;
  char target[16], toolchain[512], templates[80], day[16];
  int count; /* variants; -1: not known yet */
  long limit; /* seconds that one test may take */
  json_t *variants; /* what the report says of each */
  json_t *row;      /* the one under way; NULL: none */
  int index;        /* of it */
  double began;
  int right, wrong, other;
  char quarantine[4096]; /* "": none */
  int quarantined, lifted, held;
  int code; /* to end with; -1: none yet */
} selftest;

/* The end of one child. */
typedef enum ending { DONE, DIED, HUNG, FATAL } ending;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* ---- quarantine ---------------------------------------------------------------------------------------------------- */

static const char ON_EMULATOR[] = " (emulator)"; /* behind the test's name */

static bool ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

typedef enum standing { FREE, THERE, THERE_FROM_CARD } standing;

static standing standing_of(const selftest *s, const char *toolchain, const char *problem) {
  fa_quarantine q;
  standing found = FREE;
  if (!s->quarantine[0] || fa_quarantine_read(&q, s->quarantine, NULL, NULL, NULL)) return FREE;
  for (size_t i = 0; i < q.count; i++) {
    const fa_quarantine_entry *e = &q.entries[i];
    if (strcmp(e->target, s->target) != 0 || strcmp(e->toolchain, toolchain) != 0 || strcmp(e->problem, problem) != 0) continue;
    if (found != THERE_FROM_CARD) found = ends_with(e->test, ON_EMULATOR) ? THERE : THERE_FROM_CARD;
  }
  fa_quarantine_free(&q);
  return found;
}

static bool same(const fa_quarantine_entry *entry, void *user) {
  const fa_quarantine_entry *wanted = user;
  return strcmp(entry->target, wanted->target) == 0 && strcmp(entry->toolchain, wanted->toolchain) == 0 && strcmp(entry->problem, wanted->problem) == 0;
}

/* Puts the variant in, or takes it out where all is right.  test: what failed, NULL: nothing.  What failed on a card stays whatever the emulator says of
 * it, and what all tests found is not lifted by some of them. */
static void settle(selftest *s, const char *test) {
  bool emulated = s->device && strncmp(s->device, "emulator:", 9) == 0;
  char name[64];
  snprintf(name, sizeof name, "%s%s", test ? test : "", emulated ? ON_EMULATOR : "");
  fa_quarantine_entry entry = { s->day, s->target, name, text_of(s->row, "toolchain"), text_of(s->row, "problem") };
  fa_quarantine_change change = { .add = test ? &entry : NULL, .drop = test ? NULL : same, .user = &entry };
  fa_error error = { .status = FA_OK };
  bool known = json_object_get(s->row, "toolchain") != NULL; /* before the kernel is there nobody knows whose it is */
  if (!s->quarantine[0] || !known) return;
  standing before = standing_of(s, entry.toolchain, entry.problem);
  bool held = before == THERE_FROM_CARD && emulated;
  if (before != FREE && (held || (!test && fa_cli_value(s->cli, "quick")))) {
    s->held++;
    json_object_set_new(s->row, "held", json_true());
    return;
  }
  if (!test && before == FREE) return;
  if (fa_quarantine_edit(NULL, s->quarantine, &change, &error)) {
    (void)fa_cli_fail(s->cli, &error);
    s->code = FA_EXIT_IO;
    return;
  }
  if (test) s->quarantined++;
  else s->lifted++;
  json_object_set_new(s->row, test ? "quarantined" : "lifted", json_true());
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

static void print_head(const selftest *s) {
  printf("%s, target %s: %d variants, %zu tests each\n", s->device ? s->device : "default device", s->target, s->count,
         fa_selftest_count(fa_cli_value(s->cli, "quick")));
  printf("%5s %6s %10s %10s  %-8s %s\n", "tests", "right", "max error", "allowed", "result", "problem");
  fflush(stdout);
}

/* Ends the row: counts it, prints it, and takes the consequence. */
static void end_row(selftest *s, const char *result, const char *reason) {
  json_t *tests = json_object_get(s->row, "tests"), *test, *worst = NULL;
  const char *failing = NULL;
  size_t i, good = 0;
  double ratio = -1;
  json_array_foreach(tests, i, test) {
    bool ok = json_is_true(json_object_get(test, "ok"));
    good += ok;
    if (!ok && !failing) failing = text_of(test, "test"), worst = test, reason = *reason ? reason : text_of(test, "reason");
    double error = json_number_value(json_object_get(test, "max_error")), allowed = json_number_value(json_object_get(test, "max_error_allowed"));
    if (!failing && allowed > 0 && error / allowed > ratio) worst = test, ratio = error / allowed;
  }
  if (strcmp(result, "tested") == 0) result = failing ? "wrong" : "right";
  bool right = strcmp(result, "right") == 0, wrong = failing || strcmp(result, "wrong") == 0 || strcmp(result, "hung") == 0 || strcmp(result, "crashed") == 0;
  s->right += right;
  s->wrong += wrong;
  s->other += !right && !wrong;
  json_object_set_new(s->row, "result", json_string(result));
  json_object_set_new(s->row, "reason", json_string(reason));
  json_object_set_new(s->row, "seconds", json_real(now() - s->began));
  if (right || wrong) settle(s, right ? NULL : failing ? failing : result);
  if (!fa_cli_value(s->cli, "json")) {
    printf("%5zu %6zu %10.2e %10.2e  %-8s %s%s\n", json_array_size(tests), good, json_number_value(json_object_get(worst, "max_error")),
           json_number_value(json_object_get(worst, "max_error_allowed")), result, text_of(s->row, "brief"),
           json_object_get(s->row, "quarantined") ? "  [quarantined]" : "");
    if (!right) printf("%36s%s%s%s\n", "", failing ? failing : "", failing ? ": " : "", reason);
    fflush(stdout);
  }
  json_array_append_new(s->variants, s->row);
  s->row = NULL;
}

/* ---- what the child tells ------------------------------------------------------------------------------------------ */

static bool take_event(selftest *s, const json_t *event) {
  const char *name = text_of(event, "event");
  if (strcmp(name, "hello") == 0) {
    bool first = s->count < 0;
    s->count = (int)json_integer_value(json_object_get(event, "count"));
    snprintf(s->target, sizeof s->target, "%s", text_of(event, "target"));
    snprintf(s->toolchain, sizeof s->toolchain, "%s", text_of(event, "toolchain"));
    snprintf(s->templates, sizeof s->templates, "%s", text_of(event, "templates"));
    if (first && !fa_cli_value(s->cli, "json")) print_head(s);
  } else if (strcmp(name, "begin") == 0) {
    s->index = (int)json_integer_value(json_object_get(event, "index"));
    s->began = now();
    s->row = json_pack("{s:s,s:s,s:[]}", "brief", text_of(event, "problem"), "problem", text_of(event, "problem"), "tests");
  } else if (s->row && strcmp(name, "plan") == 0) {
    static const char *const keys[] = { "problem", "variant", "toolchain", "origin" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) json_object_set(s->row, keys[i], json_object_get(event, keys[i]));
  } else if (s->row && strcmp(name, "test") == 0) {
    json_t *test = json_deep_copy(event);
    json_object_del(test, "event");
    json_array_append_new(json_object_get(s->row, "tests"), test);
  } else if (s->row && strcmp(name, "end") == 0) {
    end_row(s, text_of(event, "result"), text_of(event, "reason"));
  } else if (strcmp(name, "fatal") == 0) {
    fa_error error = { .status = FA_OK };
    snprintf(error.text, sizeof error.text, "%s", text_of(event, "text"));
    if (error.text[0]) (void)fa_cli_fail(s->cli, &error);
    s->code = (int)json_integer_value(json_object_get(event, "code"));
    return false;
  }
  return true;
}

/* Takes lines until the child ends, or says nothing for too long. */
static ending listen(selftest *s, int channel) {
  char *line = malloc(LINE_BYTES);
  size_t size = 0;
  ending end = DIED;
  double deadline = now() + (double)s->limit;
  while (line) {
    struct pollfd wait = { channel, POLLIN, 0 };
    double left = deadline - now();
    if (left <= 0) {
      end = HUNG;
      break;
    }
    if (poll(&wait, 1, left > 1000 ? 1000000 : (int)(left * 1000) + 1) <= 0) continue;
    ssize_t got = read(channel, line + size, LINE_BYTES - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += (size_t)got;
    deadline = now() + (double)s->limit;
    for (char *stop; (stop = memchr(line, '\n', size));) {
      size_t used = (size_t)(stop - line) + 1;
      json_t *event = json_loadb(line, used, 0, NULL);
      bool go_on = take_event(s, event);
      if (strcmp(text_of(event, "event"), "done") == 0) end = DONE;
      json_decref(event);
      if (!go_on) end = FATAL;
      memmove(line, line + used, size -= used);
    }
    if (size == LINE_BYTES) break; /* no line of ours is so long */
  }
  free(line);
  return end;
}

/* False: not even a kill ends it; a driver holds it. */
static bool reap(pid_t pid, int *ended) {
  const struct timespec pause = { 0, 10000000 };
  for (double deadline = now() + KILL_SECONDS; now() < deadline; nanosleep(&pause, NULL)) {
    pid_t got = waitpid(pid, ended, WNOHANG);
    if (got == pid || (got < 0 && errno != EINTR)) return true;
  }
  return false;
}

static ending run_child(selftest *s, int start, int *ended) {
  int ends[2];
  *ended = 0;
  fflush(NULL);
  if (pipe2(ends, O_CLOEXEC) != 0) return DIED;
  pid_t pid = fork();
  if (pid == 0) fa_selftest_child(s->cli, start, ends[1]);
  close(ends[1]);
  ending end = pid > 0 ? listen(s, ends[0]) : DIED;
  close(ends[0]);
  if (end == HUNG) kill(pid, SIGKILL);
  if (pid > 0 && !reap(pid, ended)) {
    fa_error error = { .status = FA_ERR_DEVICE };
    snprintf(error.text, sizeof error.text, "process %ld cannot be ended: the driver holds it; no more kernels are tried. dmesg may say why; the card may need a reset", (long)pid);
    s->code = fa_cli_fail(s->cli, &error);
  }
  return end;
}

/* What became of the row that the child had under way when it ended. */
static void blame(selftest *s, ending end, int ended) {
  char reason[256];
  int number = WIFSIGNALED(ended) ? WTERMSIG(ended) : 0;
  if (end == HUNG) snprintf(reason, sizeof reason, "nothing was heard for %ld seconds (--limit); the process was ended", s->limit);
  else if (number) snprintf(reason, sizeof reason, "the process that ran it was ended by signal %d (%s)", number, strsignal(number));
  else snprintf(reason, sizeof reason, "the process that ran it ended with exit code %d", WEXITSTATUS(ended));
  /* Signals that somebody sends, the system short of memory too, say nothing of the kernel. */
  bool from_outside = end != HUNG && (number == SIGKILL || number == SIGTERM || number == SIGINT || number == SIGHUP);
  if (s->row) {
    end_row(s, end == HUNG ? "hung" : from_outside ? "failed" : "crashed", reason);
    return;
  }
  fa_error error = { .status = FA_ERR_DEVICE };
  snprintf(error.text, sizeof error.text, "before any kernel ran: %s; fa-gen doctor says more", reason);
  s->code = fa_cli_fail(s->cli, &error);
}

static void run_all(selftest *s) {
  for (int start = 0; s->code < 0 && (s->count < 0 || start < s->count);) {
    int ended, before = start;
    s->index = start - 1;
    ending end = run_child(s, start, &ended);
    if (end == DONE || end == FATAL) break;
    bool between = !s->row && s->index >= start; /* it left on purpose: a device that refused a launch */
    if (!between) blame(s, end, ended);
    start = s->index + 1;
    if (start <= before) break;
  }
}

/* ---- the report ---------------------------------------------------------------------------------------------------- */

/* What a message says of this machine's folders is nobody's business: each absolute path becomes <path>. */
static json_t *without_paths(const char *text) {
  char *out = malloc(6 * strlen(text) + 1);
  size_t n = 0;
  if (!out) return json_string("");
  for (const char *at = text; *at;) {
    bool begins = *at == '/' && at[1] && at[1] != ' ' && (at == text || strchr(" \t\n\"'(=<:,|", at[-1]));
    if (!begins) {
      out[n++] = *at++;
      continue;
    }
    n += (size_t)sprintf(out + n, "<path>");
    at += strcspn(at, " \t\n\"'():,;<>|");
  }
  out[n] = 0;
  json_t *value = json_string(out);
  free(out);
  return value ? value : json_string("");
}

/* The same for every string below. */
static json_t *cleaned(const json_t *value) {
  const char *key;
  json_t *child, *out;
  size_t i;
  if (json_is_string(value)) return without_paths(json_string_value(value));
  if (json_is_array(value)) {
    out = json_array();
    json_array_foreach(value, i, child) json_array_append_new(out, cleaned(child));
    return out;
  }
  if (!json_is_object(value)) return json_deep_copy(value);
  out = json_object();
  json_object_foreach((json_t *)value, key, child) json_object_set_new(out, key, cleaned(child));
  return out;
}

static json_t *report(const selftest *s) {
  json_t *system = fa_probe_system(""), *driver = s->device && strncmp(s->device, "emulator:", 9) == 0 ? json_null() : fa_probe_hip(30);
  const char *library = text_of(driver, "library"), *slash = strrchr(library, '/');
  if (slash) {
    json_t *name = json_string(slash + 1);
    json_object_set_new(driver, "library", name);
  }
  json_t *whole = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:o,s:o,s:{s:i,s:i,s:i},s:O}", "schema", 1, "fa_gen", fa_version(), "day", s->day,
                            "device", s->device ? s->device : "hip", "target", s->target, "toolchain", s->toolchain, "templates", s->templates,
                            "quick", fa_cli_value(s->cli, "quick") != NULL, "system", system, "hip", driver,
                            "summary", "right", s->right, "wrong", s->wrong, "other", s->other, "variants", s->variants);
  json_t *out = cleaned(whole);
  json_decref(whole);
  return out;
}

static void write_report(selftest *s, fa_output *output, const char *path) {
  fa_error error = { .status = FA_OK };
  json_t *object = report(s);
  char *text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  json_decref(object);
  if (!text) (void)fa_fail(&error, FA_ERR_NOMEM, "no memory for the report");
  if (text) fputs(text, fa_output_stream(output));
  if (text) (void)fa_output_commit(output, &error);
  else fa_output_abort(output);
  free(text);
  if (error.status) s->code = fa_cli_fail(s->cli, &error);
  else if (!fa_cli_value(s->cli, "json")) printf("report: %s\n", path);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static void print_end(const selftest *s) {
  printf("%d right, %d wrong, %d could not be tested%s\n", s->right, s->wrong, s->other,
         s->count > s->right + s->wrong + s->other ? "; not all were reached" : "");
  if (s->quarantined) printf("quarantined: %d (%s); libfagen refuses them by name now, and fa-gen quarantine lists them\n", s->quarantined, s->quarantine);
  if (s->lifted) printf("lifted from the quarantine, since all is right now: %d\n", s->lifted);
  if (s->held) printf("still quarantined: %d (%s); only all tests on the device itself, "
                     "not --quick ones or the emulator's, lift what failed there\n", s->held, s->quarantine);
  if (s->wrong && !s->right) printf("nothing was right: the device, its driver or the HIP runtime is more likely at fault than each kernel; fa-gen doctor looks at them\n");
}

int fa_command_selftest(fa_cli *cli) {
  selftest s = { .cli = cli, .device = fa_cli_value(cli, "device"), .count = -1, .code = -1 };
  time_t today = time(NULL);
  struct tm parts;
  if (!s.device) s.device = secure_getenv("FA_DEVICE");
  if (!fa_cli_integer(&s.limit, cli, "limit", 1, 1000000, 300)) return FA_EXIT_USAGE;
  bool model = fa_cli_value(cli, "model") || fa_cli_value(cli, "config"), problem = cli->argc || fa_cli_value(cli, "problem"), pack = fa_cli_value(cli, "pack");
  if (model + problem + pack > 1) return fa_cli_usage(cli, "a problem, --model (--config) and --pack exclude each other: each says what is tested");
  if (gmtime_r(&today, &parts)) strftime(s.day, sizeof s.day, "%Y-%m-%d", &parts);
  if (fa_cli_value(cli, "no-quarantine") || !fa_quarantine_path(s.quarantine, sizeof s.quarantine, fa_cli_value(cli, "quarantine"))) s.quarantine[0] = 0;
  const char *path = fa_cli_value(cli, "report");
  fa_output *output = NULL; /* opened now: nobody wants to hear of a full disk after an hour */
  fa_error error = { .status = FA_OK };
  if (path && fa_output_open(&output, path, &error)) return fa_cli_fail(cli, &error);
  s.variants = json_array();
  run_all(&s);
  if (s.count >= 0 && output) write_report(&s, output, path);
  else fa_output_abort(output);
  if (s.count >= 0 && fa_cli_value(cli, "json")) {
    int code = fa_session_json(cli, report(&s));
    if (s.code < 0 && code) s.code = code;
  } else if (s.count >= 0) {
    print_end(&s);
  }
  json_decref(s.row);
  json_decref(s.variants);
  return s.code >= 0 ? s.code : s.wrong || s.other || s.right < s.count ? FA_EXIT_FAILED : FA_EXIT_OK;
}
