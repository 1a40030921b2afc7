/* SPDX-License-Identifier: MIT
 * Texts of users' functions: see functions.h. */
#include "functions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host_memory.h"
#include "problem.h"
#include "process.h"
#include "publish.h"
#include "sha256.h"
#include "sized.h"

typedef struct entry {
  struct entry *next;
  char digest[sizeof((fa_problem *)0)->functions];
  char name[FA_FUNCTIONS_NAME];
  size_t length;
  char text[];
} entry;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static entry *entries; /* only grows */

static void digest_of(char digest[sizeof((entry *)0)->digest], const char *text, size_t length) {
  fa_sha256 hash;
  char hex[65];
  fa_sha256_start(&hash);
  fa_sha256_add(&hash, text, length);
  fa_sha256_finish(hex, &hash);
  memcpy(digest, hex, FA_FUNCTIONS_DIGEST);
  digest[FA_FUNCTIONS_DIGEST] = 0;
}

static const entry *find(const char *digest, size_t length) {
  const entry *at = entries;
  while (at && !(strlen(at->digest) == length && memcmp(at->digest, digest, length) == 0)) at = at->next;
  return at;
}

static fa_status keep(char *digest, const char *text, size_t length, const char *name, fa_error *error) {
  fa_status status = FA_OK;
  digest_of(digest, text, length);
  fa_process_watch();
  pthread_mutex_lock(&mutex);
  if (!find(digest, FA_FUNCTIONS_DIGEST)) {
    entry *made = fa_calloc(1, sizeof *made + length + 1);
    if (made) {
      const char *base = name && *name ? name : "functions";
      for (const char *slash; (slash = strchr(base, '/')) && slash[1];) base = slash + 1;
      memcpy(made->digest, digest, FA_FUNCTIONS_DIGEST);
      for (size_t i = 0; base[i] && i + 1 < sizeof made->name; i++) made->name[i] = base[i] >= 32 && base[i] < 127 ? base[i] : '?';
      memcpy(made->text, text, length);
      made->length = length;
      made->next = entries;
      entries = made;
    } else {
      status = fa_fail(error, FA_ERR_NOMEM, "functions: no memory for %zu bytes", length);
    }
  }
  pthread_mutex_unlock(&mutex);
  return status;
}

static fa_status set(fa_problem *problem, const char *text, size_t length, const char *name, fa_error *error) {
  fa_problem changed;
  fa_status status = fa_problem_take(&changed, problem, error);
  if (status) return status;
  memset(changed.functions, 0, sizeof changed.functions);
  changed.features &= ~(unsigned)FA_FEATURE_USER;
  if (text) {
    if (length > FA_FUNCTIONS_TEXT) return fa_fail(error, FA_ERR_ARGUMENT, "functions: a text of %zu bytes; at most %d", length, FA_FUNCTIONS_TEXT);
    if (memchr(text, 0, length)) return fa_fail(error, FA_ERR_ARGUMENT, "functions: the text holds a zero byte");
    if ((status = keep(changed.functions, text, length, name, error))) return status;
    changed.features |= FA_FEATURE_USER;
  }
  fa_sized_out(FA_SIZED_PROBLEM, problem, &changed);
  return FA_OK;
}

fa_status fa_problem_set_functions(fa_problem *problem, const char *text, size_t length, const char *name) {
  fa_error error = {.status = FA_OK};
  return fa_publish(set(problem, text, length, name, &error), &error);
}

void fa_functions_before_fork(void) { pthread_mutex_lock(&mutex); }

void fa_functions_after_fork(int child) {
  (void)child; /* the list only grows, and is whole */
  pthread_mutex_unlock(&mutex);
}

bool fa_functions_find(fa_functions *functions, const char *problem) {
  static const char field[] = " functions=";
  const char *at = strstr(problem, field);
  *functions = (fa_functions){NULL, NULL, 0};
  if (!at || strncmp(at += sizeof field - 1, "none", 4) == 0) return false;
  pthread_mutex_lock(&mutex);
  const entry *known = find(at, strcspn(at, " "));
  pthread_mutex_unlock(&mutex);
  if (known) *functions = (fa_functions){known->text, known->name, known->length};
  return true;
}
