/* SPDX-License-Identifier: MIT
 * A worker that misbehaves: what it does is its own name (a symbolic link to this program), since its environment and arguments are the
 * client's. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bundle.h"
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

static void reply(const char *protocol, const char *status, const char *text, size_t cut) {
  const fa_section sections[] = {{"protocol", protocol, strlen(protocol)}, {"status", status, strlen(status)}, {"text", text, strlen(text)}};
  void *bytes;
  size_t size;
  if (!fa_bundle_encode(&bytes, &size, sections, 3)) _exit(9);
  put_size(size);
  put(bytes, size - cut);
  free(bytes);
}

static void wait_for_request(void) {
  char buffer[65536];
  if (read(FA_WORKER_DESCRIPTOR, buffer, sizeof buffer) <= 0) _exit(9);
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
  reply(FA_WORKER_PROTOCOL, "ok", text, 0);
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
  reply(FA_WORKER_PROTOCOL, "ok", text, 0);
  for (;;) pause();
}

int main(int argc, char **argv) {
  const char *mode = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
  (void)argc;
  if (!strcmp(mode, "exit")) {
    fprintf(stderr, "the last words\n");
    return 1;
  }
  wait_for_request();
  if (!strcmp(mode, "crash")) {
    litter();
    printf("before the crash\n");
    fflush(stdout);
    signal(SIGSEGV, SIG_DFL); /* sanitizers catch it */
    raise(SIGSEGV);
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
    reply(FA_WORKER_PROTOCOL, "ok", "text", 5);
  } else if (!strcmp(mode, "huge")) {
    put_size(1ull << 40);
    for (;;) put("0123456789abcdef", 16);
  } else if (!strcmp(mode, "talkative")) {
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (long i = 0; i < 1 << 14; i++)
      if (write(1, block, sizeof block) < 0) return 1; /* 1 GB */
    reply(FA_WORKER_PROTOCOL, "ok", "", 0);
  } else if (!strcmp(mode, "version")) {
    reply("fagen-worker-0", "ok", "", 0);
  } else if (!strcmp(mode, "status")) {
    reply(FA_WORKER_PROTOCOL, "FA_ERR_NONSENSE", "", 0);
  } else if (!strcmp(mode, "refuse")) {
    reply(FA_WORKER_PROTOCOL, "FA_ERR_COMPILE", "", 0);
  } else if (!strcmp(mode, "describe")) {
    describe();
  } else if (!strcmp(mode, "family")) {
    family();
  } else {
    reply(FA_WORKER_PROTOCOL, "ok", "hello", 0);
  }
  return 0;
}
