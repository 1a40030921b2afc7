/* SPDX-License-Identifier: MIT
 * A worker that misbehaves: what it does is its own name (a symbolic link to this program), since its environment and arguments are the
 * client's.  second-MODE answers its first request well and does MODE from the next on. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bundle.h"
#include "fa_templates_digest.h"
#include "worker_protocol.h"

extern char **environ;

static void put(const void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t sent = send(FA_WORKER_DESCRIPTOR, (const char *)data + done, size - done, MSG_NOSIGNAL);
    if (sent <= 0) _exit(9);
    done += (size_t)sent;
  }
}

static void put_size(unsigned long long size) {
  unsigned char head[8];
  for (int i = 0; i < 8; i++) head[i] = (unsigned char)(size >> 8 * i);
  put(head, sizeof head);
}

static char number[64]; /* of the request */

static void send_frame(const fa_section *sections, size_t count, size_t cut) {
  void *bytes;
  size_t size;
  if (!fa_bundle_encode(&bytes, &size, sections, count)) _exit(9);
  put_size(size);
  put(bytes, size - cut);
  free(bytes);
}

static void greet(const char *protocol, const char *templates) {
  send_frame((fa_section[]){{"protocol", protocol, strlen(protocol)}, {"templates", templates, strlen(templates)}}, 2, 0);
}

static void reply(const char *status, const char *text, size_t cut) {
  send_frame((fa_section[]){{"request", number, strlen(number)}, {"status", status, strlen(status)}, {"text", text, strlen(text)}}, 3, cut);
}

static void get(void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t got = read(FA_WORKER_DESCRIPTOR, (char *)data + done, size - done);
    if (got <= 0) _exit(got == 0 && done == 0 ? 0 : 9);
    done += (size_t)got;
  }
}

static void wait_for_request(void) {
  unsigned char head[8];
  size_t size = 0;
  get(head, sizeof head);
  for (int i = 0; i < 8; i++) size |= (size_t)head[i] << 8 * i;
  void *bytes = malloc(size + 1);
  if (!bytes) _exit(9);
  get(bytes, size);
  fa_bundle *request = fa_bundle_decode(bytes, size);
  if (!request) _exit(9);
  snprintf(number, sizeof number, "%s", fa_bundle_text(request, "request", ""));
  fa_bundle_free(request);
  free(bytes);
}

/* Environment, open descriptors, blocked and ignored signals, group, standard input. */
static void describe(void) {
  char text[8192] = "", line[256];
  sigset_t mask;
  struct sigaction action;
  DIR *stream = opendir("/proc/self/fd");
  struct dirent *entry;
  for (char **e = environ; *e; e++) snprintf(text + strlen(text), sizeof text - strlen(text), "env %.1000s\n", *e);
  while (stream && (entry = readdir(stream)))
    if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(stream)) snprintf(text + strlen(text), sizeof text - strlen(text), "fd %.20s\n", entry->d_name);
  sigprocmask(SIG_SETMASK, NULL, &mask);
  for (int s = 1; s < 32; s++) {
    if (sigismember(&mask, s)) snprintf(text + strlen(text), sizeof text - strlen(text), "blocked %d\n", s);
    if (sigaction(s, NULL, &action) == 0 && action.sa_handler == SIG_IGN) snprintf(text + strlen(text), sizeof text - strlen(text), "ignored %d\n", s);
  }
  snprintf(line, sizeof line, "group %s\nstdin %zd\n", getpgrp() == getpid() ? "own" : "shared", read(0, line, 1));
  strcat(text, line);
  reply("ok", text, 0);
}

static void litter(void) {
  char path[4096], *directory = getenv("TMPDIR");
  snprintf(path, sizeof path, "mkdir -p %.1000s/a/b && echo x > %.1000s/a/b/c && ln -s / %.1000s/a/root", directory, directory, directory);
  if (system(path) != 0) _exit(9);
}

static void family(void) {
  char text[32];
  pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  snprintf(text, sizeof text, "%ld", (long)child);
  reply("ok", text, 0);
  for (;;) pause();
}

static void answer(const char *mode) {
  if (!strcmp(mode, "crash")) {
    litter();
    printf("before the crash\n");
    fflush(stdout);
    signal(SIGSEGV, SIG_DFL); /* sanitizers catch it */
    raise(SIGSEGV);
  } else if (!strcmp(mode, "exit")) {
    fprintf(stderr, "the last words\n");
    _exit(1);
  } else if (!strcmp(mode, "hang")) {
    litter();
    for (;;) pause();
  } else if (!strcmp(mode, "deaf")) {
    signal(SIGTERM, SIG_IGN);
    close(FA_WORKER_DESCRIPTOR);
    for (;;) pause();
  } else if (!strcmp(mode, "junk")) {
    put("this is no frame at all, only text that goes on for a while", 50);
  } else if (!strcmp(mode, "unverified")) {
    put_size(100);
    char junk[100] = "FABNDL01";
    put(junk, sizeof junk);
  } else if (!strcmp(mode, "truncated")) {
    reply("ok", "text", 5);
    _exit(0);
  } else if (!strcmp(mode, "huge")) {
    put_size(1ull << 40);
    for (;;) put("0123456789abcdef", 16);
  } else if (!strcmp(mode, "talkative")) {
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (long i = 0; i < 1 << 14; i++)
      if (write(1, block, sizeof block) < 0) _exit(1); /* 1 GB */
    reply("ok", "", 0);
  } else if (!strcmp(mode, "status")) {
    reply("FA_ERR_NONSENSE", "", 0);
  } else if (!strcmp(mode, "refuse")) {
    reply("FA_ERR_COMPILE", "", 0);
  } else if (!strcmp(mode, "stale")) {
    strcat(number, "0");
    reply("ok", "of another", 0);
  } else if (!strcmp(mode, "twice")) {
    reply("ok", "hello", 0);
    reply("ok", "once more", 0);
  } else if (!strcmp(mode, "describe")) {
    describe();
  } else if (!strcmp(mode, "family")) {
    family();
  } else if (!strcmp(mode, "orphan")) {
    pid_t child = fork();
    if (child == 0) {
      close(FA_WORKER_DESCRIPTOR);
      for (;;) pause();
    }
    printf("child %ld\n", (long)child);
    fflush(stdout);
    _exit(1);
  } else if (!strcmp(mode, "litter")) {
    litter();
    reply("ok", getenv("TMPDIR"), 0);
  } else if (!strcmp(mode, "slow")) {
    usleep(100000);
    reply("ok", "hello", 0);
  } else if (!strcmp(mode, "other-compiler")) {
    send_frame((fa_section[]){{"request", number, strlen(number)}, {"status", "ok", 2}, {"loaded", "hiprtc=1234 comgr=abcd", 22}}, 3, 0);
  } else if (!strcmp(mode, "fat")) {
    char text[32];
    snprintf(text, sizeof text, "%ld", (long)getpid());
    send_frame((fa_section[]){{"request", number, strlen(number)}, {"status", "ok", 2}, {"resident", "1073741824", 10}, {"text", text, strlen(text)}}, 4, 0);
  } else if (!strcmp(mode, "who")) {
    char text[32];
    snprintf(text, sizeof text, "%ld", (long)getpid());
    reply("ok", text, 0);
  } else {
    reply("ok", "hello", 0);
  }
}

int main(int argc, char **argv) {
  const char *mode = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], *second = NULL;
  (void)argc;
  if (!strncmp(mode, "second-", 7)) second = mode + 7;
  if (!strcmp(mode, "mute")) {
    wait_for_request();
    return 0;
  }
  greet(strcmp(mode, "version") ? FA_WORKER_PROTOCOL : "fagen-worker-0", strcmp(mode, "templates") ? FA_TEMPLATES_DIGEST : "0123");
  for (int requests = 0;; requests++) {
    wait_for_request();
    answer(!second ? mode : requests == 0 ? "who" : second);
  }
}
