/* SPDX-License-Identifier: MIT
 * fa-gen-worker: answers requests on descriptor 3, one after another, until the client closes it.  Standard output and error are only a log. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fa_templates_digest.h"
#include "host_memory.h"
#include "json_memory.h"
#include "serve.h"
#include "temporary.h"
#include "worker_protocol.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* the sanitizers' shadow memory does not fit below an address space limit */
#else
enum { SANITIZED = 0 };
#endif

enum { FILE_BYTES = 1 << 30, OPEN_FILES = 256, WATCH_STACK = 1 << 17, NO_MORE = -1 };

static bool parse_arguments(fa_worker *worker, int argc, char **argv) {
  *worker = (fa_worker){"", "", .preload = true};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--hiprtc")) worker->hiprtc = argv[i + 1];
    else if (!strcmp(argv[i], "--comgr")) worker->comgr = argv[i + 1];
    else return false;
  }
  return argc == 5;
}

/* ---- limits ---- */

/* Soft: the next request may have another. */
static void set_limit(int resource, rlim_t value) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max ? value : limit.rlim_max;
  if (setrlimit(resource, &limit) != 0) perror("fa-gen-worker: setrlimit");
}

static void confine(void) {
  umask(077); /* whatever the host's takes: the compiler enters the folders that it makes */
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_FSIZE, FILE_BYTES);
  set_limit(RLIMIT_NOFILE, OPEN_FILES);
  char folder[4096];
  if (!getcwd(folder, sizeof folder) && chdir("/") != 0) perror("fa-gen-worker: chdir"); /* the compiler aborts where its folder was removed */
}

static unsigned long long number_of(const fa_bundle *request, const char *name) {
  return strtoull(fa_bundle_text(request, name, "0"), NULL, 10);
}

/* Those of one request.  The client's clock is the real limit of time; this one outlives a stopped client. */
static void confine_request(const fa_bundle *request) {
  unsigned long long seconds = number_of(request, "seconds"), memory = number_of(request, "memory");
  struct rusage used;
  if (seconds && getrusage(RUSAGE_SELF, &used) == 0)
    set_limit(RLIMIT_CPU, (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + seconds + 5);
  if (memory && !SANITIZED) set_limit(RLIMIT_AS, (rlim_t)memory);
}

/* ---- the end of the client ---- */

static void remove_folder(void) {
  const char *directory = getenv("TMPDIR");
  if (directory) fa_temporary_remove_path(directory);
}

static _Noreturn void end_with_client(void) {
  remove_folder();
  if (getpgrp() == getpid()) kill(0, SIGKILL); /* what the compiler may have started, too */
  _exit(0);
}

/* However the client ends, its end of the channel is closed: then nothing of ours may stay, whatever the other thread does at that moment. */
static void *watch(void *unused) {
  struct pollfd channel = {.fd = FA_WORKER_DESCRIPTOR, .events = POLLRDHUP};
  (void)unused;
  while (poll(&channel, 1, -1) < 0 && errno == EINTR) {}
  end_with_client();
}

static bool start_watch(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  bool started = pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, WATCH_STACK) == 0 &&
                 pthread_create(&thread, &attributes, watch, NULL) == 0;
  return started && pthread_detach(thread) == 0;
}

/* ---- frames ---- */

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

/* 0, NO_MORE when the client has closed the channel, or an exit code. */
static int read_request(fa_bundle **request) {
  unsigned char head[8];
  unsigned long long size = 0;
  void *frame;
  int got = receive(head, sizeof head);
  *request = NULL;
  if (got != 1) return got == 0 ? NO_MORE : bad_frame("half a request on descriptor 3");
  for (int i = 0; i < 8; i++) size |= (unsigned long long)head[i] << 8 * i;
  if (size > FA_WORKER_FRAME_LIMIT) return bad_frame("the request's frame is longer than the limit of 256 MiB");
  frame = malloc((size_t)size + 1);
  if (!frame) return FA_WORKER_EXIT_MEMORY;
  if (receive(frame, (size_t)size) == 1) *request = fa_bundle_decode(frame, (size_t)size);
  free(frame);
  return *request ? 0 : bad_frame("the request is cut short or does not verify");
}

static int send_frame(void *bytes, size_t size) {
  unsigned char head[8];
  for (int i = 0; i < 8; i++) head[i] = (unsigned char)((unsigned long long)size >> 8 * i);
  bool sent = transmit(head, sizeof head) && transmit(bytes, size);
  fa_free(bytes);
  return sent ? 0 : bad_frame("the client closed the connection");
}

static int greet(void) {
  const fa_section sections[] = {{"protocol", FA_WORKER_PROTOCOL, strlen(FA_WORKER_PROTOCOL)}, {"templates", FA_TEMPLATES_DIGEST, strlen(FA_TEMPLATES_DIGEST)}};
  void *bytes;
  size_t size;
  return fa_bundle_encode(&bytes, &size, sections, 2) ? send_frame(bytes, size) : FA_WORKER_EXIT_MEMORY;
}

/* What this process occupies, in bytes. */
static void put_resident(char text[32]) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (file && fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  if (file) fclose(file);
  snprintf(text, 32, "%lld", (long long)pages * sysconf(_SC_PAGESIZE));
}

static int serve_one(const fa_worker *worker) {
  fa_bundle *request;
  void *bytes;
  size_t size;
  int code = read_request(&request);
  if (code) return code;
  confine_request(request);
  bool served = fa_serve(&bytes, &size, worker, request, put_resident);
  fa_bundle_free(request);
  fflush(NULL); /* the log is whole before the answer */
  return served ? send_frame(bytes, size) : FA_WORKER_EXIT_MEMORY;
}

void fa_json_memory_end(void) {
  static const char text[] = "fa-gen-worker: out of memory\n";
  if (write(2, text, sizeof text - 1) < 0) {}
  _exit(FA_WORKER_EXIT_MEMORY);
}

int main(int argc, char **argv) {
  fa_json_memory_or_end();
  fa_worker worker;
  int code;
  if (argc == 2 && !strcmp(argv[1], "--version")) {
    printf("fa-gen-worker %d.%d.%d, protocol %s, templates %s\n", FA_VERSION_MAJOR, FA_VERSION_MINOR, FA_VERSION_PATCH, FA_WORKER_PROTOCOL, FA_TEMPLATES_DIGEST);
    return 0;
  }
  if (!parse_arguments(&worker, argc, argv)) {
    fprintf(stderr, "fa-gen-worker is started by libfagen and by fa-gen; by hand only --version is of use.\n");
    return FA_WORKER_EXIT_USAGE;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  confine();
  if (!start_watch()) return bad_frame("no thread can be started");
  for (code = greet(); !code;) code = serve_one(&worker);
  fflush(NULL);
  if (code == NO_MORE) end_with_client(); /* the other thread may see it later */
  remove_folder();
  _exit(code); /* not exit: destructors of foreign libraries have nothing left to do */
}
