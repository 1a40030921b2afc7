/* SPDX-License-Identifier: MIT
 * What the tests of failure modes share: one plan tried over the canned worker, what is in its cache, and children that run as somebody else. */
#ifndef FAGEN_TESTS_TRIAL_H
#define FAGEN_TESTS_TRIAL_H

#include <stdbool.h>

#include "canned.h"

enum { NOBODY = 54321 /* a user that no password file knows */, CANNOT = 77 /* exit code of a child: this machine does not let us try */ };

typedef struct trial {
  fa_status status;
  char origin[16]; /* "" where there is no plan */
  char text[1024]; /* of the error */
  int warnings;    /* log lines of level 0 and 1, and the first of them */
  char warning[1024];
  char key[2048];
} trial;

/* Context, plan, launch, and all given back.  A plan that is not the canned kernel fails the test.  options: NULL for canned_options. */
trial trial_run(const fa_context_options *options);
/* The same of a problem given as text. */
trial trial_run_problem(const fa_context_options *options, const char *problem);
/* Fails the test unless the plan came from there; `what` says of what it is the consequence. */
void trial_expect(const trial *t, const char *origin, const char *what);

/* The one entry below here.cache; fails the test when there is none or more than one. */
void trial_entry(char path[1200]);
/* Number of files below the directory whose name has that ending. */
int trial_files(const char *directory, const char *ending);
unsigned char *trial_read(const char *path, size_t *size);
void trial_write(const char *path, const void *bytes, size_t size);

/* Runs body in a child and gives its exit code; 128 + signal where one ended it. */
int trial_child(int (*body)(void *user), void *user);
/* Fails unless the code is 0; a child that CANNOT is told with its reason, and skipped. */
void trial_judge(int code, const char *reason);
/* In a child: gives here.directory to NOBODY and becomes him.  As another user than root: stays.  False: it cannot be. */
bool trial_drop(void);
int trial_descriptors(void);

#endif
