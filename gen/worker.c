/* SPDX-License-Identifier: MIT
 * fa-gen-worker: answers one request on descriptor 3 and ends.  Standard output and error are only a log. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fa_templates_digest.h"
#include "ops.h"
#include "worker_protocol.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* the sanitizers' shadow memory does not fit below an address space limit */
#else
enum { SANITIZED = 0 };
#endif

enum { FILE_BYTES = 1 << 30, OPEN_FILES = 256 };

typedef struct worker_arguments {
  fa_worker worker;
  unsigned long long memory, seconds, parent;
} worker_arguments;

static bool parse_number(unsigned long long *value, const char *text) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return errno == 0 && *text >= '0' && *text <= '9' && *end == 0;
}

static bool parse_arguments(worker_arguments *arguments, int argc, char **argv) {
  *arguments = (worker_arguments){.worker = {"", ""}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *value = argv[i + 1];
    if (!strcmp(argv[i], "--hiprtc")) arguments->worker.hiprtc = value;
    else if (!strcmp(argv[i], "--comgr")) arguments->worker.comgr = value;
    else if (!strcmp(argv[i], "--memory") && parse_number(&arguments->memory, value)) continue;
    else if (!strcmp(argv[i], "--seconds") && parse_number(&arguments->seconds, value)) continue;
    else if (!strcmp(argv[i], "--parent") && parse_number(&arguments->parent, value)) continue;
    else return false;
  }
  return argc % 2 == 1 && arguments->memory && arguments->seconds && arguments->parent;
}

static void set_limit(int resource, rlim_t value) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0) return;
  if (limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max) limit.rlim_max = value;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(resource, &limit) != 0) perror("fa-gen-worker: setrlimit");
}

static void confine(const worker_arguments *arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if ((unsigned long long)getppid() != arguments->parent) _exit(FA_WORKER_EXIT_USAGE); /* the client died before prctl */
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_FSIZE, FILE_BYTES);
  set_limit(RLIMIT_NOFILE, OPEN_FILES);
  set_limit(RLIMIT_CPU, (rlim_t)arguments->seconds + 5); /* the client's clock is the real limit; this one outlives a stopped client */
  if (!SANITIZED) set_limit(RLIMIT_AS, (rlim_t)arguments->memory);
}

/* 1: done, 0: end of file before the first byte, -1: error or end of file within. */
static int receive(void *data, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t got = read(FA_WORKER_DESCRIPTOR, (char *)data + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 && done == 0 ? 0 : -1;
    done += (size_t)got;
  }
  return 1;
}

static bool transmit(const void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t sent = send(FA_WORKER_DESCRIPTOR, (const char *)data + done, size - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    done += (size_t)sent;
  }
  return true;
}

static int bad_frame(const char *what) {
  fprintf(stderr, "fa-gen-worker: %s\n", what);
  return FA_WORKER_EXIT_FRAME;
}

static int read_request(fa_bundle **request) {
  unsigned char head[8];
  unsigned long long size = 0;
  void *frame;
  if (receive(head, sizeof head) != 1) return bad_frame("no request on descriptor 3");
  for (int i = 0; i < 8; i++) size |= (unsigned long long)head[i] << 8 * i;
  if (size > FA_WORKER_FRAME_LIMIT) return bad_frame("the request's frame is longer than the limit of 256 MiB");
  frame = malloc((size_t)size + 1);
  if (!frame) return FA_WORKER_EXIT_MEMORY;
  if (receive(frame, (size_t)size) == 1) *request = fa_bundle_decode(frame, (size_t)size);
  free(frame);
  return *request ? 0 : bad_frame("the request is cut short or does not verify");
}

static int answer(fa_reply *reply, fa_status status, const fa_error *error) {
  fa_section sections[sizeof reply->sections / sizeof *reply->sections + 4];
  const char *name = status ? fa_status_name(status) : "ok";
  unsigned char head[8];
  void *bytes;
  size_t size, count = 0;
  sections[count++] = (fa_section){"protocol", FA_WORKER_PROTOCOL, strlen(FA_WORKER_PROTOCOL)};
  sections[count++] = (fa_section){"status", name, strlen(name)};
  if (status) sections[count++] = (fa_section){"error", error->text, strlen(error->text)};
  for (size_t i = 0; i < reply->count; i++) sections[count++] = reply->sections[i];
  if (!fa_bundle_encode(&bytes, &size, sections, count)) return FA_WORKER_EXIT_MEMORY;
  for (int i = 0; i < 8; i++) head[i] = (unsigned char)((unsigned long long)size >> 8 * i);
  bool sent = transmit(head, sizeof head) && transmit(bytes, size);
  free(bytes);
  return sent ? 0 : bad_frame("the client closed the connection");
}

int main(int argc, char **argv) {
  worker_arguments arguments;
  fa_bundle *request = NULL;
  fa_reply reply = {.count = 0};
  fa_error error = {.status = FA_OK, .text = ""};
  fa_status status;
  int code;
  if (argc == 2 && !strcmp(argv[1], "--version")) {
    printf("fa-gen-worker %d.%d.%d, protocol %s, templates %s\n", FA_VERSION_MAJOR, FA_VERSION_MINOR, FA_VERSION_PATCH, FA_WORKER_PROTOCOL, FA_TEMPLATES_DIGEST);
    return 0;
  }
  if (!parse_arguments(&arguments, argc, argv)) {
    fprintf(stderr, "fa-gen-worker is started by libfagen and by fa-gen; by hand only --version is of use.\n");
    return FA_WORKER_EXIT_USAGE;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  confine(&arguments);
  code = read_request(&request);
  if (code) return code;
  if (strcmp(fa_bundle_text(request, "protocol", ""), FA_WORKER_PROTOCOL) != 0)
    status = fa_fail(&error, FA_ERR_WORKER, "the client speaks protocol '%.80s', this worker %s; they belong to different builds",
                     fa_bundle_text(request, "protocol", ""), FA_WORKER_PROTOCOL);
  else status = fa_worker_operate(&reply, &arguments.worker, request, &error);
  code = answer(&reply, status, &error);
  fa_reply_free(&reply);
  fa_bundle_free(request);
  fflush(NULL);
  _exit(code); /* not exit: destructors of foreign libraries have nothing left to do */
}
