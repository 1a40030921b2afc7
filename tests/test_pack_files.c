/* SPDX-License-Identifier: MIT
 * Packs as files: who may have written them, where they are looked for, and what happens when the file, the memory or libzstd is not as wished. */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fagen/fagen.h"
#include "made_pack.h"
#include "pack_search.h"
#include "scratch.h"

#define PROBLEM(target, n) "kernel=attention_fwd target=" target " head_dim_qk=" #n
static const made_record records[] = {{PROBLEM("gfx942", 8), "{}", "an object, an object, an object, an object", 0},
                                      {PROBLEM("gfx942", 16), "{}", "another", 0},
                                      {PROBLEM("gfx1100", 8), "{}", "an object, an object, an object, an object", 0}};
static char folder[256], path[512], trouble[FA_PACK_TROUBLE_BYTES];

static const char *in_folder(const char *name) {
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

/* gfx942: two records, gfx1100: one. */
static void write_pack(const char *name, const char *target) {
  size_t size;
  bool other = strcmp(target, "gfx942") != 0;
  void *bytes = made_pack(&size, target, records + (other ? 2 : 0), other ? 1 : 2, true);
  write_bytes(in_folder(name), bytes, size);
  assert_int_equal(chmod(path, 0644), 0);
  fa_free(bytes);
}

static int set_up(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

static void assert_opens(const char *name, unsigned flags) {
  fa_pack *pack = fa_pack_open_at(in_folder(name), flags, trouble, sizeof trouble);
  if (!pack) fail_msg("%s: %s", name, trouble);
  fa_pack_close(pack);
}

static void assert_not(const char *name, unsigned flags, const char *why) {
  if (fa_pack_open_at(in_folder(name), flags, trouble, sizeof trouble)) fail_msg("%s opens", name);
  if (!strstr(trouble, why)) fail_msg("%s: \"%s\" does not say \"%s\"", name, trouble, why);
}

static int open_descriptors(void) {
  int count = 0;
  DIR *list = opendir("/proc/self/fd");
  while (readdir(list)) count++;
  closedir(list);
  return count;
}

/* ---- one file ------------------------------------------------------------------------------------------------------ */

static void a_named_file_is_the_callers_word(void **state) {
  (void)state;
  int before = open_descriptors();
  write_pack("a.fapack", "gfx942");
  chmod(in_folder("a.fapack"), 0666);
  assert_opens("a.fapack", FA_PACK_VERIFY);
  assert_int_equal(symlink("a.fapack", in_folder("link")), 0);
  assert_opens("link", 0);
  write_bytes(in_folder("empty"), "", 0);
  assert_not("empty", 0, "is not a pack");
  write_bytes(in_folder("text"), "not at all\n", 11);
  assert_not("text", 0, "is not a pack");
  assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
  assert_not("fifo", 0, "is not a regular file"); /* and nobody waits for a writer */
  assert_not(".", 0, "is not a regular file");
  assert_not("missing", 0, "No such file");
  assert_int_equal(open_descriptors(), before);
}

static void a_found_file_is_looked_at_twice(void **state) {
  (void)state;
  write_pack("a.fapack", "gfx942");
  assert_opens("a.fapack", FA_PACK_FOUND);
  assert_int_equal(symlink("a.fapack", in_folder("link")), 0);
  assert_not("link", FA_PACK_FOUND, "is a symbolic link");
  static const int modes[] = {0664, 0646, 0622, 0777};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    chmod(in_folder("a.fapack"), (mode_t)modes[i]);
    assert_not("a.fapack", FA_PACK_FOUND, "is writable by group or others");
  }
  chmod(in_folder("a.fapack"), 0444);
  assert_opens("a.fapack", FA_PACK_FOUND);
  if (geteuid() != 0) {
    print_message("not root: files of other users are not tried\n");
    return;
  }
  assert_int_equal(chown(in_folder("a.fapack"), 12345, 12345), 0);
  assert_not("a.fapack", FA_PACK_FOUND, "belongs to another user");
  assert_opens("a.fapack", 0);
  assert_int_equal(chown(in_folder("a.fapack"), 0, 0), 0);
  chmod(folder, 0755);
  pid_t child = fork();
  if (child == 0) { /* root's file is good for everybody, another's is not */
    if (setgid(12345) || setuid(12345)) _exit(3);
    fa_pack *pack = fa_pack_open_at(path, FA_PACK_FOUND, trouble, sizeof trouble);
    _exit(pack ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

/* The host goes on where a mapping would have ended it. */
static void a_file_that_shrinks_harms_nobody(void **state) {
  (void)state;
  write_pack("a.fapack", "gfx942");
  fa_pack *pack = fa_pack_open_at(in_folder("a.fapack"), 0, trouble, sizeof trouble);
  assert_non_null(pack);
  assert_int_equal(truncate(path, 0), 0);
  for (size_t i = 0; i < 2; i++) {
    fa_bundle *record = fa_pack_find(pack, records[i].problem);
    assert_non_null(record);
    fa_bundle_free(record);
  }
  fa_pack_close(pack);
}

static void closed_standard_descriptors_stay_closed(void **state) {
  (void)state;
  write_pack("a.fapack", "gfx942");
  in_folder("a.fapack");
  pid_t child = fork();
  if (child == 0) {
    for (int fd = 0; fd < 3; fd++) close(fd);
    fa_pack *pack = fa_pack_open_at(path, 0, trouble, sizeof trouble);
    bool closed = fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
    _exit(pack && closed ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

/* ---- search -------------------------------------------------------------------------------------------------------- */

static char told[4096];

static void keep_log(int level, const char *text, void *user) {
  (void)user;
  assert_int_equal(level, 1);
  snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", text);
}

static size_t search(fa_pack_list *list, const char *places, const char *target) {
  told[0] = 0;
  *list = (fa_pack_list){NULL, 0};
  assert_true(fa_pack_search(list, places, target, keep_log, NULL));
  return list->count;
}

static void packs_are_found_by_name(void **state) {
  (void)state;
  fa_pack_list list;
  char places[2048];
  write_pack("b.fapack", "gfx942");
  write_pack("a.fapack", "gfx942");
  write_pack("c.fapack", "gfx1100");
  write_pack(".hidden.fapack", "gfx942");
  write_pack("a.fapack.bak", "gfx942");
  assert_int_equal(search(&list, folder, "gfx942"), 2);
  assert_string_equal(told, "");
  fa_pack_list_free(&list);
  assert_int_equal(search(&list, folder, "gfx1100"), 1);
  fa_pack_list_free(&list);
  assert_int_equal(search(&list, folder, "gfx90a"), 0);
  snprintf(places, sizeof places, ":/nowhere:%s/missing:%s/c.fapack::%s/a.fapack.bak:", folder, folder, folder); /* files by their own names */
  assert_int_equal(search(&list, places, "gfx942"), 1);
  assert_string_equal(told, "");
  fa_pack_list_free(&list);
  assert_int_equal(search(&list, "", "gfx942"), 0);
}

static void what_is_not_trusted_is_left_out_and_told(void **state) {
  (void)state;
  fa_pack_list list;
  char places[1024];
  write_pack("good.fapack", "gfx942");
  write_pack("open.fapack", "gfx942");
  chmod(in_folder("open.fapack"), 0666);
  assert_int_equal(symlink("good.fapack", in_folder("link.fapack")), 0);
  write_bytes(in_folder("junk.fapack"), "junk", 4);
  chmod(in_folder("junk.fapack"), 0644);
  assert_int_equal(search(&list, folder, "gfx942"), 1);
  fa_pack_list_free(&list);
  static const char *const words[] = {"open.fapack: left out: is writable by group or others", "link.fapack: left out: is a symbolic link",
                                      "junk.fapack: left out: is not a pack"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strstr(told, words[i])) fail_msg("\"%s\" does not say \"%s\"", told, words[i]);
  chmod(folder, 0777); /* anybody may put a file there */
  assert_int_equal(search(&list, folder, "gfx942"), 0);
  assert_non_null(strstr(told, "is writable by group or others"));
  snprintf(places, sizeof places, "%s/good.fapack", folder);
  assert_int_equal(search(&list, places, "gfx942"), 0);
  assert_non_null(strstr(told, "is writable by group or others"));
  if (geteuid() == 0) {
    chmod(folder, 0755);
    assert_int_equal(chown(folder, 12345, 12345), 0);
    assert_int_equal(search(&list, folder, "gfx942"), 0);
    assert_non_null(strstr(told, "belongs to another user"));
    assert_int_equal(chown(folder, 0, 0), 0);
  }
  chmod(folder, 0700);
}

/* ---- the public functions ------------------------------------------------------------------------------------------ */

static void a_sum_is_verified_on_request(void **state) {
  (void)state;
  fa_pack *pack;
  fa_pack_info info = {.size = sizeof info};
  fa_pack_options options = FA_PACK_OPTIONS_INIT;
  char sum[80];
  write_pack("a.fapack", "gfx942");
  assert_int_equal(fa_pack_open(&pack, path, NULL), FA_OK);
  assert_int_equal(fa_pack_get_info(pack, &info), FA_OK);
  assert_string_equal(info.target, "gfx942");
  assert_string_equal(info.generator, "0.1.0");
  assert_string_equal(info.toolchain, "hiprtc=11 comgr=22 llvm=33");
  assert_int_equal(info.records, 2);
  assert_true(info.abi > 0);
  for (size_t i = 0; i < 2; i++) assert_int_equal(strncmp(fa_pack_problem(pack, i), "kernel=attention_fwd target=gfx942", 34), 0);
  assert_null(fa_pack_problem(pack, 2));
  assert_null(fa_pack_problem(NULL, 0));
  char command[700], line[65] = "";
  snprintf(command, sizeof command, "sha256sum %s", path);
  FILE *other = popen(command, "r"); /* another's arithmetic */
  assert_non_null(other);
  assert_int_equal(fread(line, 1, 64, other), 64);
  pclose(other);
  assert_string_equal(line, info.sha256);
  strcpy(sum, info.sha256);
  fa_pack_close(pack);
  options.sha256 = sum;
  assert_int_equal(fa_pack_open(&pack, path, &options), FA_OK);
  fa_pack_close(pack);
  sum[5] = sum[5] == '0' ? '1' : '0';
  assert_int_equal(fa_pack_open(&pack, path, &options), FA_ERR_VALIDATION);
  assert_null(pack);
  assert_non_null(strstr(fa_last_error(), sum));
  static const char *const malformed[] = {"", "12", "zz", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"};
  for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
    options.sha256 = malformed[i];
    assert_int_equal(fa_pack_open(&pack, path, &options), FA_ERR_ARGUMENT);
  }
}

static void wrong_calls_are_told(void **state) {
  (void)state;
  fa_pack *pack;
  fa_pack_options options = {1, NULL, 0};
  fa_pack_info info = {.size = 3};
  size_t size;
  void *bytes = made_pack(&size, "gfx942", records, 2, false);
  assert_int_equal(fa_pack_open(NULL, "x", NULL), FA_ERR_ARGUMENT);
  assert_int_equal(fa_pack_open(&pack, NULL, NULL), FA_ERR_ARGUMENT);
  assert_int_equal(fa_pack_open(&pack, "/nowhere/x.fapack", NULL), FA_ERR_IO);
  assert_non_null(strstr(fa_last_error(), "/nowhere/x.fapack: No such file"));
  assert_int_equal(fa_pack_open_memory(&pack, NULL, 0, NULL), FA_ERR_ARGUMENT);
  assert_int_equal(fa_pack_open_memory(&pack, bytes, size, &options), FA_ERR_ARGUMENT);
  assert_int_equal(fa_pack_open_memory(&pack, bytes, size - 1, NULL), FA_ERR_IO);
  assert_int_equal(fa_pack_open_memory(&pack, bytes, size, NULL), FA_OK);
  assert_int_equal(fa_pack_get_info(pack, &info), FA_ERR_ARGUMENT);
  assert_int_equal(fa_pack_get_info(NULL, &info), FA_ERR_ARGUMENT);
  fa_pack_close(pack);
  ((char *)bytes)[size - 1] ^= 1; /* in the last record */
  assert_int_equal(fa_pack_open_memory(&pack, bytes, size, NULL), FA_OK);
  fa_pack_close(pack);
  options = (fa_pack_options)FA_PACK_OPTIONS_INIT;
  options.verify = 1;
  assert_int_equal(fa_pack_open_memory(&pack, bytes, size, &options), FA_ERR_IO);
  assert_non_null(strstr(fa_last_error(), "is damaged"));
  fa_free(bytes);
}

/* ---- no memory, no libzstd ----------------------------------------------------------------------------------------- */

static int left, taken; /* requests until one is refused; what is out */
static bool for_good;

static void *lend(void *pointer, size_t bytes, void *user) {
  (void)user;
  if (left == 0) {
    if (!for_good) left = -1;
    return NULL;
  }
  left -= left > 0;
  void *lent = realloc(pointer, bytes);
  taken += lent && !pointer;
  return lent;
}

static void take_back(void *pointer, void *user) {
  (void)user;
  taken--;
  free(pointer);
}

/* In a program of its own: nothing may have been lent before. */
static int look_without_memory(const char *file, bool ever) {
  const fa_memory_functions functions = {lend, take_back, NULL};
  fa_pack *pack = NULL;
  int failures = 0;
  left = -1;
  if (!fa_memory_set(&functions)) return 2;
  for (int n = 0; !pack; n++) {
    left = n;
    for_good = ever;
    fa_status status = fa_pack_open(&pack, file, NULL);
    bool right = status == FA_OK ? pack != NULL : status == FA_ERR_NOMEM && !pack && taken == 0 && strstr(fa_last_error(), "memory");
    failures += status != FA_OK;
    if (!right || n > 50) return 3;
  }
  for (int n = 0;; n++) {
    left = n;
    fa_bundle *record = fa_pack_find(pack, records[0].problem);
    int out = taken;
    fa_bundle_free(record);
    if (record) break;
    failures++;
    if (out != 2 || n > 50) return 4; /* the pack and its bytes */
  }
  left = -1;
  fa_pack_close(pack);
  return taken == 0 && failures >= 5 ? 0 : 5;
}

/* This program again, with these arguments; its exit code. */
static int run_again(const char *how, const char *first, const char *second) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "test_pack_files", how, first, second, (char *)NULL);
    _exit(100);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void the_nth_request_for_memory_fails(void **state) {
  (void)state;
  write_pack("a.fapack", "gfx942");
  assert_int_equal(run_again("--without-memory", path, "once"), 0);
  assert_int_equal(run_again("--without-memory", path, "ever"), 0);
}

static void a_missing_libzstd_is_named(void **state) {
  (void)state;
  size_t size;
  char small[512];
  write_pack("small.fapack", "gfx942");
  snprintf(small, sizeof small, "%s", path);
  void *raw = made_pack(&size, "gfx942", records, 2, false);
  write_bytes(in_folder("raw.fapack"), raw, size);
  fa_free(raw);
  assert_int_equal(run_again("--without-libzstd", small, path), 0);
}

static bool hide_libzstd;

/* In place of the C library's: the libraries under test are linked into this program. */
void *dlopen(const char *name, int flags) {
  static void *(*real)(const char *, int);
  if (hide_libzstd && name && strstr(name, "libzstd")) return NULL;
  if (!real) {
    void *address = dlsym(RTLD_NEXT, "dlopen");
    memcpy(&real, &address, sizeof address);
  }
  return real(name, flags);
}

static int look_without_libzstd(const char *compressed, const char *raw) {
  fa_pack *pack;
  hide_libzstd = true;
  if (fa_pack_open(&pack, compressed, NULL) != FA_ERR_IO || !strstr(fa_last_error(), "libzstd1")) return 1;
  if (fa_pack_open(&pack, raw, NULL) != FA_OK) return 2;
  fa_bundle *record = fa_pack_find(pack, records[0].problem);
  fa_bundle_free(record);
  fa_pack_close(pack);
  return record ? 0 : 3;
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    TEST(a_named_file_is_the_callers_word),
    TEST(a_found_file_is_looked_at_twice),
    TEST(a_file_that_shrinks_harms_nobody),
    TEST(closed_standard_descriptors_stay_closed),
    TEST(packs_are_found_by_name),
    TEST(what_is_not_trusted_is_left_out_and_told),
    TEST(a_sum_is_verified_on_request),
    TEST(wrong_calls_are_told),
    TEST(the_nth_request_for_memory_fails),
    TEST(a_missing_libzstd_is_named),
  };
  if (argc == 4 && strcmp(argv[1], "--without-libzstd") == 0) return look_without_libzstd(argv[2], argv[3]);
  if (argc == 4 && strcmp(argv[1], "--without-memory") == 0) return look_without_memory(argv[2], strcmp(argv[3], "ever") == 0);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
