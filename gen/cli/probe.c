/* SPDX-License-Identifier: MIT
 * What is on this machine: see probe.h. */
#include "probe.h"

#include "device.h"
#include "hip_table.h"
#include "toolchain.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- HIP, in the child --------------------------------------------------------------------------------------------- */

static int note_library(struct dl_phdr_info *info, size_t size, void *user) {
  char *path = user;
  const char *slash = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;
  (void)size;
  if (!slash || strncmp(slash + 1, "libamdhip64", 11) != 0) return 0;
  snprintf(path, 4096, "%s", info->dlpi_name);
  return 1;
}

/* Sets a pointer to a function; false: the library has none of that name. */
static bool find_function(void *pointer, void *library, const char *name) {
  void *symbol = library ? dlsym(library, name) : NULL;
  memcpy(pointer, &symbol, sizeof symbol);
  return symbol != NULL;
}

typedef int number_function(int *number);
typedef int memory_function(size_t *bytes, int ordinal);

static void add_number(json_t *object, const char *key, void *library, const char *name) {
  number_function *ask;
  int value = 0;
  if (find_function(&ask, library, name) && ask(&value) == 0) json_object_set_new(object, key, json_integer(value));
}

static json_t *device_row(void *library, const fa_hip *hip, int ordinal) {
  char name[16];
  fa_device *device;
  fa_hip_device_info info;
  fa_error error = {.text = ""};
  size_t bytes;
  memory_function *total;
  json_t *row = json_pack("{s:i}", "ordinal", ordinal), *text;
  if (fa_hip_device(&info, hip, ordinal, &error) == FA_OK) {
    if ((text = json_string(info.name))) json_object_set_new(row, "name", text); /* NULL where it is no text */
    if ((text = json_string(info.arch))) json_object_set_new(row, "arch", text);
    if ((text = json_string(info.bus))) json_object_set_new(row, "bus", text);
  }
  if (find_function(&total, library, "hipDeviceTotalMem") && total(&bytes, ordinal) == 0)
    json_object_set_new(row, "memory_bytes", json_integer((json_int_t)bytes));
  snprintf(name, sizeof name, "hip:%d", ordinal);
  fa_status status = fa_device_open(&device, name, 0, 0, &error);
  if (status) json_object_set_new(row, "trouble", json_string(error.text));
  else json_object_set_new(row, "target", json_string(device->target)), device->kind->close(device);
  return row;
}

static json_t *ask_hip(void) {
  enum { MAX_DEVICES = 64 };
  char path[4096] = "", id[FA_BUILD_ID_BYTES];
  fa_device *device;
  fa_error error = {.text = ""};
  fa_status status = fa_device_open(&device, "hip:0", 0, 0, &error);
  if (!status) device->kind->close(device);
  json_t *out = json_pack("{s:s,s:s}", "status", fa_status_name(status), "text", error.text);
  (void)dl_iterate_phdr(note_library, path);
  if (!path[0]) return out;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  json_object_set_new(out, "library", json_string(path));
  if (fa_library_identity(id, path)) json_object_set_new(out, "build_id", json_string(id));
  add_number(out, "driver_version", library, "hipDriverGetVersion");
  add_number(out, "runtime_version", library, "hipRuntimeGetVersion");
  fa_hip hip = {0};
  int devices = 0;
  fa_status opened = fa_hip_open(&hip, &error);
  if (opened || hip.hipGetDeviceCount(&devices) != 0) devices = 0;
  json_t *rows = json_array(), *lacks = json_array();
  const struct { const char *name; bool there; } optional[] = { { "hipGetLastError", hip.hipGetLastError }, { "hipDeviceGetPCIBusId",
                                                                                                              hip.hipDeviceGetPCIBusId },
    { "hipStreamIsCapturing", hip.hipStreamIsCapturing }, { "hipThreadExchangeStreamCaptureMode", hip.hipThreadExchangeStreamCaptureMode } };
  for (size_t i = 0; opened == FA_OK && i < sizeof optional / sizeof *optional; i++)
    if (!optional[i].there) json_array_append_new(lacks, json_string(optional[i].name));
  json_object_set_new(out, "lacks", lacks);
  for (int i = 0; i < devices && i < MAX_DEVICES; i++) json_array_append_new(rows, device_row(library, &hip, i));
  json_object_set_new(out, "count", json_integer(devices));
  json_object_set_new(out, "devices", rows);
  return out;
}

static void child(int channel) {
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE };
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_DFL);
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere >= 0) dup2(nowhere, 1), dup2(nowhere, 2); /* what drivers print is not ours */
  char *text = json_dumps(ask_hip(), JSON_COMPACT);
  for (size_t done = 0, size = text ? strlen(text) : 0; done < size;) {
    ssize_t put = write(channel, text + done, size - done);
    if (put < 0 && errno != EINTR) break;
    if (put > 0) done += (size_t)put;
  }
  _exit(text ? 0 : 1); /* no destructor of a driver runs */
}

/* ---- the parent ---------------------------------------------------------------------------------------------------- */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* All that comes until the end of file; false: the time is over. */
static bool receive(char *text, size_t capacity, int channel, double deadline) {
  size_t size = 0;
  for (;;) {
    struct pollfd wait = { channel, POLLIN, 0 };
    double left = deadline - now();
    if (left <= 0) return false;
    int ready = poll(&wait, 1, (int)(left * 1000) + 1);
    if (ready <= 0) continue;
    ssize_t got = read(channel, text + size, capacity - 1 - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || size + 1 == capacity) break;
    size += (size_t)got;
    text[size] = 0;
  }
  return true;
}

json_t *fa_probe_hip(unsigned seconds) {
  enum { CAPACITY = 1 << 18 };
  int ends[2], ended = 0;
  char *text = calloc(1, CAPACITY);
  if (!text || pipe2(ends, O_CLOEXEC) != 0) {
    free(text);
    return json_pack("{s:s,s:s}", "status", "FA_ERR_NOMEM", "text", "no pipe to a process that would ask HIP");
  }
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) child(ends[1]);
  close(ends[1]);
  bool in_time = pid > 0 && receive(text, CAPACITY, ends[0], now() + seconds);
  close(ends[0]);
  if (pid > 0 && !in_time) kill(pid, SIGKILL);
  while (pid > 0 && waitpid(pid, &ended, 0) < 0 && errno == EINTR) continue;
  json_t *out = pid > 0 && in_time ? json_loads(text, 0, NULL) : NULL;
  free(text);
  if (out) return out;
  if (pid < 0) return json_pack("{s:s,s:s}", "status", "FA_ERR_NOMEM", "text", "no process could be started to ask HIP");
  if (!in_time) return json_pack("{s:s,s:o}", "status", "hung", "text", json_sprintf("the HIP runtime did not answer within %u seconds", seconds));
  return json_pack("{s:s,s:o}", "status", "crashed", "text",
                   WIFSIGNALED(ended) ? json_sprintf("the HIP runtime ended the process that asked it, by signal %d (%s)", WTERMSIG(ended),
                                                     strsignal(WTERMSIG(ended)))
                                      : json_sprintf("the HIP runtime ended the process that asked it, with exit code %d", WEXITSTATUS(ended)));
}

/* ---- the system ---------------------------------------------------------------------------------------------------- */

static FILE *open_below(const char *root, const char *path) {
  char whole[4096];
  return snprintf(whole, sizeof whole, "%s%s", root, path) < (int)sizeof whole ? fopen(whole, "re") : NULL;
}

bool fa_probe_line(char *line, size_t capacity, const char *root, const char *path) {
  FILE *file = open_below(root, path);
  line[0] = 0;
  bool good = file && fgets(line, (int)capacity, file);
  if (file) fclose(file);
  size_t length = strlen(line);
  while (length > 0 && strchr(" \t\r\n", line[length - 1])) line[--length] = 0;
  return good;
}

/* The value behind the first line's "name<separator>", without quotes. */
static void add_value(json_t *object, const char *key, const char *root, const char *path, const char *name, char separator) {
  char line[512];
  FILE *file = open_below(root, path);
  while (file && fgets(line, sizeof line, file)) {
    size_t length = strlen(name), at = length + strspn(line + (strncmp(line, name, length) == 0 ? length : 0), " \t");
    if (strncmp(line, name, length) != 0 || line[at] != separator) continue;
    at++;
    at += strspn(line + at, " \t\"");
    line[at + strcspn(line + at, "\"\n")] = 0;
    json_t *value = json_string(line + at);
    if (value) json_object_set_new(object, key, value);
    break;
  }
  if (file) fclose(file);
}

json_t *fa_probe_system(const char *root) {
  struct utsname name;
  char line[256];
  json_t *out = json_object();
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (uname(&name) == 0) { /* not nodename */
    json_object_set_new(out, "kernel", json_sprintf("%s %s", name.sysname, name.release));
    json_object_set_new(out, "machine", json_string(name.machine));
  }
  add_value(out, "system", root, "/etc/os-release", "PRETTY_NAME", '=');
  add_value(out, "processor", root, "/proc/cpuinfo", "model name", ':');
  if (cores > 0) json_object_set_new(out, "cores", json_integer(cores));
  if (fa_probe_line(line, sizeof line, root, "/sys/module/amdgpu/version")) json_object_set_new(out, "amdgpu_driver", json_string(line));
  return out;
}
