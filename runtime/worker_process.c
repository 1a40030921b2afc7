/* SPDX-License-Identifier: MIT
 * One worker process: start, one request after another, end. */
#include "worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fa_templates_digest.h"
#include "host_memory.h"
#include "worker_protocol.h"

enum { LOG_TAIL = 1500, FIRST_OWN_DESCRIPTOR = 10 };
#define LOG_LIMIT ((uint64_t)16 << 20) /* a worker that prints more for one request is stopped */

/* How a conversation ended. */
typedef enum ending { END_REPLY, END_CLOSED, END_DEAF, END_TIMEOUT, END_TALKATIVE, END_TOO_LONG, END_UNVERIFIED, END_STRANGER, END_CONFUSED, END_CANCELLED, END_NOMEM, END_IO } ending;

/* One request and its reply. */
typedef struct conversation {
  fa_worker_process *process;
  const fa_worker_limits *limits;
  int64_t deadline;
  unsigned char out_head[8];
  const char *out; /* bundle that goes out, behind its head */
  size_t out_size, out_done;
  const char *number;
  unsigned char head[8];
  char *in; /* bundle that comes in */
  size_t in_size, in_done;
  fa_bundle *bundle;
  char protocol[80]; /* of a stranger */
  char tail[LOG_TAIL]; /* ring */
  uint64_t log_bytes;
} conversation;

int64_t fa_worker_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool fa_worker_cancelled(const fa_worker_limits *limits, fa_error *error) {
  bool cancelled = limits->cancel && atomic_load(limits->cancel);
  if (cancelled) fa_fail(error, FA_ERR_WORKER, "the compile was cancelled");
  return cancelled;
}

/* ---- starting ---- */

/* Moves a descriptor out of the range that the worker's own get (0 to 3), whatever the host closed. */
static int raise_descriptor(int fd) {
  int raised = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN_DESCRIPTOR);
  if (fd >= 0) close(fd);
  if (fd >= 0 && raised < 0 && errno == EINVAL) errno = EMFILE; /* the limit lies below that range */
  return raised;
}

static void close_all(const int *fds, int count) {
  for (int i = 0; i < count; i++)
    if (fds[i] >= 0) close(fds[i]);
}

/* channel[0], log[0] are ours; [1] are the worker's. */
static bool make_channels(int channel[2], int log[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) channel[0] = channel[1] = -1;
  if (pipe2(log, O_CLOEXEC) != 0) log[0] = log[1] = -1;
  for (int i = 0; i < 2; i++) {
    channel[i] = raise_descriptor(channel[i]);
    log[i] = raise_descriptor(log[i]);
  }
  if (channel[0] >= 0 && channel[1] >= 0 && log[0] >= 0 && log[1] >= 0 && fcntl(channel[0], F_SETFL, O_NONBLOCK) == 0 &&
      fcntl(log[0], F_SETFL, O_NONBLOCK) == 0)
    return true;
  int reason = errno;
  close_all(channel, 2);
  close_all(log, 2);
  errno = reason;
  return false;
}

static int set_up_spawn(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int channel, int log) {
  sigset_t none, all;
  int code;
  sigemptyset(&none);
  sigfillset(&all);
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  if ((code = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) ||
      (code = posix_spawnattr_setpgroup(attributes, 0)) || (code = posix_spawnattr_setsigmask(attributes, &none)) ||
      (code = posix_spawnattr_setsigdefault(attributes, &all)) ||
      (code = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) ||
      (code = posix_spawn_file_actions_adddup2(files, log, STDOUT_FILENO)) || (code = posix_spawn_file_actions_adddup2(files, log, STDERR_FILENO)) ||
      (code = posix_spawn_file_actions_adddup2(files, channel, FA_WORKER_DESCRIPTOR)))
    return code;
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
  code = posix_spawn_file_actions_addclosefrom_np(files, FA_WORKER_DESCRIPTOR + 1); /* descriptors of the host without FD_CLOEXEC */
#endif
  return code;
}

static int spawn(pid_t *pid, const fa_toolchain *toolchain, const char *directory, int channel, int log) {
  char home[4096], temporary[4096];
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  const char *arguments[12];
  size_t n = 0;
  snprintf(home, sizeof home, "HOME=%s", directory);
  snprintf(temporary, sizeof temporary, "TMPDIR=%s", directory);
  /* Only this reaches the worker: a dozen variables would change what the compiler makes. */
  const char *environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "AMD_COMGR_CACHE=0", home, temporary, NULL};
  if (*toolchain->loader) {
    arguments[n++] = toolchain->loader;
    arguments[n++] = "--library-path";
    arguments[n++] = toolchain->library_path;
  }
  const char *const rest[] = {toolchain->worker, "--hiprtc", toolchain->hiprtc, "--comgr", toolchain->comgr, NULL};
  memcpy(arguments + n, rest, sizeof rest);
  int code = posix_spawn_file_actions_init(&files);
  if (code) return code;
  code = posix_spawnattr_init(&attributes);
  if (!code) {
    code = set_up_spawn(&files, &attributes, channel, log);
    if (!code) code = posix_spawn(pid, arguments[0], &files, &attributes, (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&files);
  return code;
}

char *fa_worker_command(const fa_toolchain *toolchain) {
  char *command;
  fa_asprintf(&command, "%s\n%s\n%s\n%s\n%s\n%s", toolchain->worker, toolchain->loader, toolchain->library_path, toolchain->hiprtc, toolchain->comgr,
              toolchain->identity);
  return command;
}

fa_status fa_worker_start(fa_worker_process **process, const fa_toolchain *toolchain, fa_error *error) {
  int channel[2], log[2], code;
  fa_status status;
  fa_worker_process *p = fa_calloc(1, sizeof *p);
  const char *slash = strrchr(toolchain->worker, '/');
  *process = NULL;
  if (!p || !(p->command = fa_worker_command(toolchain))) {
    fa_free(p);
    return fa_fail(error, FA_ERR_NOMEM, "worker: out of memory");
  }
  p->name = p->command + (slash ? slash + 1 - toolchain->worker : 0);
  p->channel = p->log = p->temporary.fd = -1;
  if ((status = fa_temporary_make(&p->temporary, error))) goto failed;
  if (!make_channels(channel, log)) {
    status = fa_fail(error, FA_ERR_IO, "no channel to the worker: %s", strerror(errno));
    goto failed;
  }
  code = spawn(&p->pid, toolchain, p->temporary.path, channel[1], log[1]);
  close(channel[1]);
  close(log[1]);
  p->channel = channel[0];
  p->log = log[0];
  if (!code) {
    *process = p;
    return FA_OK;
  }
  p->pid = 0;
  status = fa_fail(error, FA_ERR_WORKER, "worker %.1000s%s%.1000s cannot be started: %s", *toolchain->loader ? toolchain->loader : toolchain->worker,
                   *toolchain->loader ? " with " : "", *toolchain->loader ? toolchain->worker : "", strerror(code));
failed:
  fa_worker_stop(p);
  fa_worker_free(p);
  return status;
}

/* ---- talking ---- */

static void pump_out(conversation *c) {
  size_t total = sizeof c->out_head + c->out_size;
  while (c->out_done < total) {
    bool in_head = c->out_done < sizeof c->out_head;
    const char *from = in_head ? (const char *)c->out_head + c->out_done : c->out + (c->out_done - sizeof c->out_head);
    ssize_t sent = send(c->process->channel, from, (in_head ? sizeof c->out_head : total) - c->out_done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent > 0) {
      c->out_done += (size_t)sent;
      continue;
    }
    c->out_done = total; /* it no longer listens; what it said may still be read */
    shutdown(c->process->channel, SHUT_WR); /* should it wait for the rest, it sees that there is none */
  }
}

/* The frame in c->in is whole.  This and the next two: true when the conversation is over, *end says how. */
static bool take_frame(conversation *c, ending *end) {
  fa_bundle *bundle = fa_bundle_decode(c->in, c->in_size);
  *end = END_UNVERIFIED;
  if (!bundle) return true;
  fa_free(c->in);
  c->in = NULL;
  c->in_done = 0;
  if (c->process->greeted) {
    c->bundle = bundle;
    *end = strcmp(fa_bundle_text(bundle, "request", ""), c->number) == 0 ? END_REPLY : END_CONFUSED;
    return true;
  }
  snprintf(c->protocol, sizeof c->protocol, "%s", fa_bundle_text(bundle, "protocol", ""));
  c->process->greeted = strcmp(c->protocol, FA_WORKER_PROTOCOL) == 0 && strcmp(fa_bundle_text(bundle, "templates", ""), FA_TEMPLATES_DIGEST) == 0;
  fa_bundle_free(bundle);
  *end = END_STRANGER;
  return !c->process->greeted;
}

static bool take_head(conversation *c, ending *end) {
  uint64_t size = 0;
  for (int i = 0; i < 8; i++) size |= (uint64_t)c->head[i] << 8 * i;
  c->in_size = (size_t)size;
  *end = size > FA_WORKER_FRAME_LIMIT ? END_TOO_LONG : END_NOMEM;
  return size > FA_WORKER_FRAME_LIMIT || !(c->in = fa_malloc((size_t)size + 1));
}

static bool pump_in(conversation *c, ending *end) {
  for (;;) {
    bool in_head = c->in_done < sizeof c->head;
    size_t body = in_head ? 0 : c->in_done - sizeof c->head;
    char *to = in_head ? (char *)c->head + c->in_done : c->in + body;
    size_t room = in_head ? sizeof c->head - c->in_done : c->in_size - body;
    if (!in_head && room == 0) {
      if (take_frame(c, end)) return true;
      continue;
    }
    ssize_t got = read(c->process->channel, to, room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) {
      *end = got == 0 || errno == ECONNRESET ? END_CLOSED : END_IO;
      return true;
    }
    c->in_done += (size_t)got;
    if (in_head && c->in_done == sizeof c->head && take_head(c, end)) return true;
  }
}

static bool pump_log(conversation *c, ending *end) {
  char buffer[16384];
  for (;;) {
    ssize_t got = read(c->process->log, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) {
      close(c->process->log);
      c->process->log = -1;
      return false;
    }
    for (ssize_t i = 0; i < got; i++) c->tail[c->log_bytes++ % sizeof c->tail] = buffer[i];
    if (c->log_bytes > LOG_LIMIT) {
      *end = END_TALKATIVE;
      return true;
    }
  }
}

static ending converse(conversation *c) {
  ending end = END_IO;
  for (;;) {
    int64_t left = c->deadline - fa_worker_now();
    bool more = c->out_done < sizeof c->out_head + c->out_size;
    struct pollfd polled[2] = {{.fd = c->process->channel, .events = (short)(POLLIN | (more ? POLLOUT : 0))},
                               {.fd = c->process->log, .events = POLLIN}}; /* a negative descriptor is ignored */
    int64_t look = c->limits->cancel ? FA_WORKER_CANCEL_POLL : 60000;
    if (left <= 0) return END_TIMEOUT;
    if (fa_worker_cancelled(c->limits, NULL)) return END_CANCELLED;
    int ready = poll(polled, 2, (int)(left < look ? left : look));
    if (ready < 0 && errno != EINTR) return END_IO;
    if (ready <= 0) continue;
    if (polled[1].revents && pump_log(c, &end)) return end;
    if (polled[0].revents & POLLOUT) pump_out(c);
    if (polled[0].revents & (POLLIN | POLLHUP | POLLERR) && pump_in(c, &end)) return end;
  }
}

/* ---- ending ---- */

/* Ends the worker and whatever it started; *state as of waitpid, or -1 when the host ignores SIGCHLD or waited for it.  `patience`:
 * milliseconds in which it may end by itself, so that its own exit code or signal is seen.  True: it did. */
static bool end_process(fa_worker_process *process, int *state, int patience) {
  int64_t until = fa_worker_now() + patience;
  const struct timespec pause = {.tv_nsec = 1000000};
  pid_t pid = process->pid;
  siginfo_t info;
  bool ours, ended;
  *state = -1;
  process->pid = 0;
  if (!pid) return true;
  for (;;) {
    info.si_pid = 0;
    ours = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0; /* until we wait for it, its number is its own */
    ended = !ours || info.si_pid == pid;
    if (ended || fa_worker_now() >= until) break;
    nanosleep(&pause, NULL);
  }
  if (!ours) return true;
  if (fa_temporary_clear(&process->temporary)) rmdir(process->temporary.path); /* later once more; but we may end right behind it */
  kill(-pid, SIGKILL); /* its process group */
  pid_t got;
  while ((got = waitpid(pid, state, 0)) < 0 && errno == EINTR) {}
  if (got < 0) *state = -1;
  return ended;
}

static void log_tail(char *text, size_t size, conversation *c) {
  ending ignored;
  if (c->process->log >= 0 && c->log_bytes <= LOG_LIMIT) pump_log(c, &ignored);
  size_t count = c->log_bytes < sizeof c->tail ? (size_t)c->log_bytes : sizeof c->tail;
  uint64_t first = c->log_bytes - count;
  int used = count ? snprintf(text, size, "; the end of its log:\n%s", first ? "..." : "") : 0;
  for (size_t i = 0; i < count && (size_t)used + 1 < size; i++) {
    unsigned char character = (unsigned char)c->tail[(first + i) % sizeof c->tail];
    text[used++] = (char)(character == '\n' || character == '\t' || (character >= ' ' && character != 127) ? character : '?');
  }
  text[used] = 0;
}

static void explain(conversation *c, ending end, int state, fa_error *error) {
  char tail[LOG_TAIL + 64], what[300];
  int name = (int)strcspn(c->process->name, "\n");
  log_tail(tail, sizeof tail, c);
  switch (end) {
    case END_TIMEOUT: snprintf(what, sizeof what, "gave no answer within %u s and was stopped; a longer limit may be set", c->limits->seconds); break;
    case END_DEAF: snprintf(what, sizeof what, "closed its channel without an answer and was stopped"); break;
    case END_TALKATIVE: snprintf(what, sizeof what, "printed more than the limit of %llu bytes and was stopped", (unsigned long long)LOG_LIMIT); break;
    case END_TOO_LONG: snprintf(what, sizeof what, "announced a reply of %zu bytes, the limit is %zu; it was stopped", c->in_size, FA_WORKER_FRAME_LIMIT); break;
    case END_UNVERIFIED: snprintf(what, sizeof what, "answered %zu bytes that do not verify", c->in_size); break;
    case END_CONFUSED: snprintf(what, sizeof what, "answered another request than the one that was asked"); break;
    case END_STRANGER:
      if (strcmp(c->protocol, FA_WORKER_PROTOCOL) != 0)
        snprintf(what, sizeof what, "speaks protocol '%.80s', this library %s; they belong to different builds", c->protocol, FA_WORKER_PROTOCOL);
      else snprintf(what, sizeof what, "has other templates than this library knows; they belong to different builds");
      break;
    case END_CANCELLED: fa_worker_cancelled(c->limits, error); return;
    case END_NOMEM: fa_fail(error, FA_ERR_NOMEM, "reply of the worker: out of memory (%zu bytes)", c->in_size); return;
    case END_IO: snprintf(what, sizeof what, "could not be talked to: %s", strerror(errno)); break;
    default:
      if (state != -1 && WIFSIGNALED(state)) snprintf(what, sizeof what, "was ended by signal %d (%s)", WTERMSIG(state), strsignal(WTERMSIG(state)));
      else if (state != -1 && WIFEXITED(state)) snprintf(what, sizeof what, "ended with exit code %d", WEXITSTATUS(state));
      else snprintf(what, sizeof what, "ended");
      snprintf(what + strlen(what), sizeof what - strlen(what), " %s its answer", c->in_done ? "in the middle of" : "before");
  }
  fa_fail(error, FA_ERR_WORKER, "worker %.*s %s%s", name < 200 ? name : 200, c->process->name, what, tail);
}

fa_worker_end fa_worker_ask(fa_bundle **reply, fa_worker_process *process, const void *request, size_t size, const char *number,
                            const fa_worker_limits *limits, fa_error *error) {
  conversation c = {.process = process, .limits = limits, .deadline = fa_worker_now() + (int64_t)limits->seconds * 1000, .out = request, .out_size = size,
                    .number = number};
  int state;
  *reply = NULL;
  for (int i = 0; i < 8; i++) c.out_head[i] = (unsigned char)((uint64_t)size >> 8 * i);
  ending end = converse(&c);
  int reason = errno;
  fa_free(c.in);
  if (end == END_REPLY) {
    process->served++;
    process->resident = strtoull(fa_bundle_text(c.bundle, "resident", "0"), NULL, 10);
    *reply = c.bundle;
    return FA_WORKER_ANSWERED;
  }
  fa_bundle_free(c.bundle);
  if (!end_process(process, &state, end == END_CLOSED ? 500 : 0) && end == END_CLOSED) end = END_DEAF;
  errno = reason;
  explain(&c, end, state, error);
  return end == END_TIMEOUT || end == END_CANCELLED || end == END_NOMEM || end == END_STRANGER ? FA_WORKER_REFUSED : FA_WORKER_FAILED;
}

bool fa_worker_is_quiet(const fa_worker_process *process) {
  struct pollfd polled = {.fd = process->channel, .events = POLLIN};
  return poll(&polled, 1, 0) == 0;
}

void fa_worker_disown(fa_worker_process *process) {
  if (process->channel >= 0) close(process->channel);
  if (process->log >= 0) close(process->log);
  if (process->temporary.fd >= 0) close(process->temporary.fd);
  process->channel = process->log = process->temporary.fd = -1;
  process->pid = 0;
}

void fa_worker_stop(fa_worker_process *process) {
  int state;
  end_process(process, &state, 0);
  fa_temporary_remove(&process->temporary);
  fa_worker_disown(process);
}

void fa_worker_free(fa_worker_process *process) {
  fa_free(process->command);
  fa_free(process);
}
