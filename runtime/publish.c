/* SPDX-License-Identifier: MIT
 * The calling thread's last error, the version, and the public face of problems. */
#include "publish.h"

#include <string.h>

#include "axes.h"
#include "host_memory.h"
#include "problem.h"
#include "sized.h"

static _Thread_local char last_error[sizeof((fa_error *)0)->text];

fa_status fa_publish(fa_status status, const fa_error *error) {
  if (status) {
    size_t length = strnlen(error->text, sizeof last_error - 1);
    memcpy(last_error, error->text, length);
    last_error[length] = 0;
  }
  return status;
}

const char *fa_last_error(void) {
  return last_error;
}

#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *fa_version(void) {
  return VERSION(FA_VERSION_MAJOR, FA_VERSION_MINOR, FA_VERSION_PATCH);
}

unsigned fa_abi_version(void) {
  return FA_ABI_VERSION;
}

static fa_status set_allocator(const fa_allocator *allocator, fa_error *error) {
  fa_allocator room;
  if (!allocator) return fa_fail(error, FA_ERR_ARGUMENT, "allocator is NULL");
  if (!(allocator = fa_sized_in(FA_SIZED_ALLOCATOR, &room, allocator, error))) return FA_ERR_ARGUMENT;
  if (!allocator->reallocate || !allocator->release)
    return fa_fail(error, FA_ERR_ARGUMENT, "allocator.%s is NULL: both functions are needed", allocator->reallocate ? "release" : "reallocate");
  const fa_memory_functions functions = {allocator->reallocate, allocator->release, allocator->user};
  if (!fa_memory_set(&functions))
    return fa_fail(error, FA_ERR_ARGUMENT, "fa_set_allocator: the library has taken memory already; call it once, before anything else of the library");
  return FA_OK;
}

fa_status fa_set_allocator(const fa_allocator *allocator) {
  fa_error error = {.status = FA_OK};
  return fa_publish(set_allocator(allocator, &error), &error);
}

size_t fa_axis_count(void) {
  return FA_AXIS_COUNT;
}

const fa_axis *fa_axis_get(size_t index) {
  return index < FA_AXIS_COUNT ? &fa_axis_rows[index].axis : NULL;
}

fa_status fa_problem_print(char *text, size_t capacity, size_t *length, const fa_problem *problem) {
  fa_error error = {.status = FA_OK};
  if (!text && capacity) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "text is NULL with capacity=%zu", capacity), &error);
  return fa_publish(fa_problem_format(text, capacity, length, problem, &error), &error);
}

static fa_status parse(fa_problem *problem, size_t size, const char *text, fa_error *error) {
  fa_problem read;
  if (!problem) return fa_fail(error, FA_ERR_ARGUMENT, "problem is NULL");
  fa_status status = fa_sized_check(FA_SIZED_PROBLEM, &size, error);
  if (!status) status = fa_problem_read(&read, text, error);
  if (!status) status = fa_problem_check_supported(&read, error);
  if (status) return status;
  memcpy(problem, &size, sizeof size);
  fa_sized_out(FA_SIZED_PROBLEM, problem, &read);
  return FA_OK;
}

fa_status fa_problem_parse_sized(fa_problem *problem, size_t size, const char *text) {
  fa_error error = {.status = FA_OK};
  return fa_publish(parse(problem, size, text, &error), &error);
}

fa_status fa_problem_validate(const fa_problem *problem) {
  fa_error error = {.status = FA_OK};
  fa_problem copy;
  fa_status status = fa_problem_take(&copy, problem, &error);
  if (!status) status = fa_problem_check_ranges(&copy, &error);
  if (!status) status = fa_problem_check_supported(&copy, &error);
  return fa_publish(status, &error);
}
