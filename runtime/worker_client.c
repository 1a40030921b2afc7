/* SPDX-License-Identifier: MIT
 * One request to one worker process, which may crash, hang or talk junk without harm to the caller's process. */
#include "worker_client.h"

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

#include "host_memory.h"
#include "temporary.h"
#include "worker_protocol.h"

enum { DEFAULT_SECONDS = 60, LOG_TAIL = 1500, FIRST_OWN_DESCRIPTOR = 10 };
#define DEFAULT_MEMORY ((size_t)4 << 30)
#define LOG_LIMIT ((uint64_t)16 << 20) /* a worker that prints more is stopped */

typedef enum call_end { END_REPLY, END_CLOSED, END_DEAF, END_TIMEOUT, END_TALKATIVE, END_TOO_LONG, END_NOMEM, END_IO } call_end;

typedef struct worker_call {
  int channel, log; /* our ends */
  pid_t pid;
  int64_t deadline; /* milliseconds of the monotonic clock */
  char *out;        /* frame that goes out */
  size_t out_size, out_done;
  unsigned char head[8];
  char *in; /* bundle that comes in */
  size_t in_size, in_done;
  char tail[LOG_TAIL]; /* ring */
  uint64_t log_bytes;
} worker_call;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Moves a descriptor out of the range that the worker's own get (0 to 3), whatever the host closed. */
static int raise_descriptor(int fd) {
  int raised = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN_DESCRIPTOR);
  if (fd >= 0) close(fd);
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

static int spawn(pid_t *pid, const fa_toolchain *toolchain, const fa_worker_limits *limits, const char *directory, int channel, int log) {
  char home[4096], temporary[4096], memory[32], seconds[32], parent[32];
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  const char *arguments[20];
  size_t n = 0;
  snprintf(home, sizeof home, "HOME=%s", directory);
  snprintf(temporary, sizeof temporary, "TMPDIR=%s", directory);
  snprintf(memory, sizeof memory, "%zu", limits->memory_bytes);
  snprintf(seconds, sizeof seconds, "%u", limits->seconds);
  snprintf(parent, sizeof parent, "%ld", (long)getpid());
  /* Only this reaches the worker: a dozen variables would change what the compiler makes. */
  const char *environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "AMD_COMGR_CACHE=0", home, temporary, NULL};
  if (*toolchain->loader) {
    arguments[n++] = toolchain->loader;
    arguments[n++] = "--library-path";
    arguments[n++] = toolchain->library_path;
  }
  const char *const rest[] = {toolchain->worker, "--hiprtc", toolchain->hiprtc, "--comgr", toolchain->comgr, "--memory", memory,
                              "--seconds", seconds, "--parent", parent, NULL};
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

/* The request with our version, as a frame. */
static fa_status make_frame(worker_call *call, const fa_section *request, size_t count, fa_error *error) {
  fa_section *sections = NULL;
  void *bytes = NULL;
  size_t size = 0;
  fa_status status = FA_ERR_NOMEM;
  if (count < SIZE_MAX / sizeof *sections - 1) sections = fa_malloc((count + 1) * sizeof *sections);
  if (!sections) return fa_fail(error, FA_ERR_NOMEM, "request to the worker: out of memory");
  sections[0] = (fa_section){"protocol", FA_WORKER_PROTOCOL, strlen(FA_WORKER_PROTOCOL)};
  if (count) memcpy(sections + 1, request, count * sizeof *sections);
  if (!fa_bundle_encode(&bytes, &size, sections, count + 1)) {
    fa_fail(error, status, "request to the worker: out of memory");
  } else if (size > FA_WORKER_FRAME_LIMIT) {
    status = fa_fail(error, FA_ERR_ARGUMENT, "request to the worker: %zu bytes, the limit is %zu", size, FA_WORKER_FRAME_LIMIT);
  } else if (!(call->out = fa_malloc(size + 8))) {
    fa_fail(error, status, "request to the worker: out of memory");
  } else {
    for (int i = 0; i < 8; i++) call->out[i] = (char)(size >> 8 * i & 255);
    memcpy(call->out + 8, bytes, size);
    call->out_size = size + 8;
    status = FA_OK;
  }
  fa_free(bytes);
  fa_free(sections);
  return status;
}

/* ---- talking ---- */

static void pump_out(worker_call *call) {
  while (call->out_done < call->out_size) {
    ssize_t sent = send(call->channel, call->out + call->out_done, call->out_size - call->out_done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent <= 0) sent = (ssize_t)(call->out_size - call->out_done); /* it no longer listens; what it said may still be read */
    call->out_done += (size_t)sent;
  }
}

/* This and the next two: true when the conversation is over, *end says how. */
static bool accept_head(worker_call *call, call_end *end) {
  uint64_t size = 0;
  for (int i = 0; i < 8; i++) size |= (uint64_t)call->head[i] << 8 * i;
  call->in_size = (size_t)size;
  *end = size > FA_WORKER_FRAME_LIMIT ? END_TOO_LONG : END_NOMEM;
  return size <= FA_WORKER_FRAME_LIMIT && (call->in = fa_malloc((size_t)size + 1));
}

static bool pump_in(worker_call *call, call_end *end) {
  for (;;) {
    bool in_head = call->in_done < sizeof call->head;
    size_t body = in_head ? 0 : call->in_done - sizeof call->head;
    char *to = in_head ? (char *)call->head + call->in_done : call->in + body;
    size_t room = in_head ? sizeof call->head - call->in_done : call->in_size - body;
    if (!in_head && room == 0) {
      *end = END_REPLY;
      return true;
    }
    ssize_t got = read(call->channel, to, room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) {
      *end = END_CLOSED;
      return true;
    }
    call->in_done += (size_t)got;
    if (in_head && call->in_done == sizeof call->head && !accept_head(call, end)) return true;
  }
}

static bool pump_log(worker_call *call, call_end *end) {
  char buffer[16384];
  for (;;) {
    ssize_t got = read(call->log, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) {
      close(call->log);
      call->log = -1;
      return false;
    }
    for (ssize_t i = 0; i < got; i++) call->tail[call->log_bytes++ % sizeof call->tail] = buffer[i];
    if (call->log_bytes > LOG_LIMIT) {
      *end = END_TALKATIVE;
      return true;
    }
  }
}

static call_end converse(worker_call *call) {
  call_end end = END_IO;
  for (;;) {
    int64_t left = call->deadline - now();
    struct pollfd polled[2] = {{.fd = call->channel, .events = (short)(POLLIN | (call->out_done < call->out_size ? POLLOUT : 0))},
                               {.fd = call->log, .events = POLLIN}}; /* a negative descriptor is ignored */
    if (left <= 0) return END_TIMEOUT;
    int ready = poll(polled, 2, left > 60000 ? 60000 : (int)left);
    if (ready < 0 && errno != EINTR) return END_IO;
    if (ready <= 0) continue;
    if (polled[1].revents && pump_log(call, &end)) return end;
    if (polled[0].revents & POLLOUT) pump_out(call);
    if (polled[0].revents & (POLLIN | POLLHUP | POLLERR) && pump_in(call, &end)) return end;
  }
}

/* ---- ending ---- */

/* Ends the worker and whatever it started; *state as of waitpid, or -1 when the host ignores SIGCHLD and the kernel reaped it.  A worker
 * that closed its channel gets a moment to end by itself, so that its own exit code or signal is seen. */
static void end_worker(worker_call *call, call_end *end, int *state) {
  pid_t got = 0;
  int64_t patience = now() + 500;
  *state = -1;
  while (*end == END_CLOSED && (got = waitpid(call->pid, state, WNOHANG)) == 0 && now() < patience) {
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
  }
  if (got == 0) {
    if (*end == END_CLOSED) *end = END_DEAF;
    kill(-call->pid, SIGKILL); /* its process group; the leader is not reaped yet, so the number is still its own */
    while ((got = waitpid(call->pid, state, 0)) < 0 && errno == EINTR) {}
  }
  if (got < 0) *state = -1; /* ECHILD */
}

static void log_tail(char *text, size_t size, worker_call *call) {
  call_end ignored;
  if (call->log >= 0 && call->log_bytes <= LOG_LIMIT) pump_log(call, &ignored);
  size_t count = call->log_bytes < sizeof call->tail ? (size_t)call->log_bytes : sizeof call->tail;
  uint64_t first = call->log_bytes - count;
  int used = count ? snprintf(text, size, "; the end of its log:\n%s", first ? "..." : "") : 0;
  for (size_t i = 0; i < count && (size_t)used + 1 < size; i++) {
    unsigned char c = (unsigned char)call->tail[(first + i) % sizeof call->tail];
    text[used++] = (char)(c == '\n' || c == '\t' || (c >= ' ' && c != 127) ? c : '?');
  }
  text[used] = 0;
}

static fa_status explain_end(worker_call *call, call_end end, int state, const fa_toolchain *toolchain, const fa_worker_limits *limits, fa_error *error) {
  char tail[LOG_TAIL + 64], what[200];
  const char *worker = strrchr(toolchain->worker, '/');
  worker = worker ? worker + 1 : toolchain->worker;
  log_tail(tail, sizeof tail, call);
  switch (end) {
    case END_TIMEOUT: snprintf(what, sizeof what, "gave no answer within %u s and was stopped; a longer limit may be set", limits->seconds); break;
    case END_DEAF: snprintf(what, sizeof what, "closed its channel without an answer and was stopped"); break;
    case END_TALKATIVE: snprintf(what, sizeof what, "printed more than the limit of %llu bytes and was stopped", (unsigned long long)LOG_LIMIT); break;
    case END_TOO_LONG: snprintf(what, sizeof what, "announced a reply of %zu bytes, the limit is %zu; it was stopped", call->in_size, FA_WORKER_FRAME_LIMIT); break;
    case END_NOMEM: return fa_fail(error, FA_ERR_NOMEM, "reply of the worker: out of memory (%zu bytes)", call->in_size);
    case END_IO: snprintf(what, sizeof what, "could not be waited for: %s", strerror(errno)); break;
    case END_REPLY: snprintf(what, sizeof what, "answered %zu bytes that do not verify", call->in_size); break;
    default:
      if (state != -1 && WIFSIGNALED(state)) snprintf(what, sizeof what, "was ended by signal %d (%s)", WTERMSIG(state), strsignal(WTERMSIG(state)));
      else if (state != -1 && WIFEXITED(state)) snprintf(what, sizeof what, "ended with exit code %d", WEXITSTATUS(state));
      else snprintf(what, sizeof what, "ended");
      snprintf(what + strlen(what), sizeof what - strlen(what), " %s its answer", call->in_done ? "in the middle of" : "before");
  }
  return fa_fail(error, FA_ERR_WORKER, "worker %.200s %s%s", worker, what, tail);
}

static fa_status read_reply(fa_bundle **reply, fa_bundle *bundle, fa_error *error) {
  const char *name = fa_bundle_text(bundle, "status", ""), *protocol = fa_bundle_text(bundle, "protocol", "");
  if (strcmp(protocol, FA_WORKER_PROTOCOL) != 0) {
    fa_fail(error, FA_ERR_WORKER, "the worker speaks protocol '%.80s', this library %s; they belong to different builds", protocol, FA_WORKER_PROTOCOL);
    fa_bundle_free(bundle);
    return FA_ERR_WORKER;
  }
  *reply = bundle;
  if (!strcmp(name, "ok")) return FA_OK;
  for (int status = FA_OK + 1; status <= FA_ERR_EXECUTION; status++)
    if (!strcmp(name, fa_status_name((fa_status)status))) return fa_fail(error, (fa_status)status, "%s", fa_bundle_text(bundle, "error", ""));
  return fa_fail(error, FA_ERR_WORKER, "the worker answered with the unknown status '%.80s'", name);
}

fa_status fa_worker_call(fa_bundle **reply, const fa_toolchain *toolchain, const fa_worker_limits *limits, const fa_section *request, size_t count,
                         fa_error *error) {
  fa_worker_limits used = limits ? *limits : (fa_worker_limits){0};
  worker_call call = {.channel = -1, .log = -1};
  int channel[2], log[2], code, state = -1;
  fa_temporary temporary = {.fd = -1};
  fa_bundle *bundle = NULL;
  call_end end;
  fa_status status;
  *reply = NULL;
  if (!used.seconds) used.seconds = DEFAULT_SECONDS;
  if (!used.memory_bytes) used.memory_bytes = DEFAULT_MEMORY;
  if ((status = make_frame(&call, request, count, error)) || (status = fa_temporary_make(&temporary, error))) goto cleanup;
  if (!make_channels(channel, log)) {
    status = fa_fail(error, FA_ERR_IO, "no channel to the worker: %s", strerror(errno));
    goto cleanup;
  }
  code = spawn(&call.pid, toolchain, &used, temporary.path, channel[1], log[1]);
  close(channel[1]);
  close(log[1]);
  call.channel = channel[0];
  call.log = log[0];
  if (code) {
    status = fa_fail(error, FA_ERR_WORKER, "worker %.1000s%s%.1000s cannot be started: %s", *toolchain->loader ? toolchain->loader : toolchain->worker,
                     *toolchain->loader ? " with " : "", *toolchain->loader ? toolchain->worker : "", strerror(code));
    goto cleanup;
  }
  call.deadline = now() + (int64_t)used.seconds * 1000;
  end = converse(&call);
  end_worker(&call, &end, &state);
  if (end == END_REPLY) bundle = fa_bundle_decode(call.in, call.in_size);
  status = bundle ? read_reply(reply, bundle, error) : explain_end(&call, end, state, toolchain, &used, error);
cleanup:
  if (call.channel >= 0) close(call.channel);
  if (call.log >= 0) close(call.log);
  fa_temporary_remove(&temporary);
  fa_free(call.out);
  fa_free(call.in);
  return status;
}
