/* SPDX-License-Identifier: MIT
 * The shared libraries as files: what they export, import, need and run when they are opened, and how large they are.  Reads the ELF files by itself,
 * so no tool is needed. */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
  const unsigned char *bytes;
  size_t size;
  const Elf64_Shdr *sections;
  size_t section_count;
  const char *names;
} library;

static library open_library(const char *path) {
  library l = {0};
  struct stat info;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &info) != 0) fail_msg("%s", path);
  l.size = (size_t)info.st_size;
  l.bytes = mmap(NULL, l.size, PROT_READ, MAP_PRIVATE, fd, 0);
  assert_ptr_not_equal(l.bytes, MAP_FAILED);
  close(fd);
  const Elf64_Ehdr *head = (const Elf64_Ehdr *)l.bytes;
  l.sections = (const Elf64_Shdr *)(l.bytes + head->e_shoff);
  l.section_count = head->e_shnum;
  l.names = (const char *)l.bytes + l.sections[head->e_shstrndx].sh_offset;
  return l;
}

static void close_library(library *l) {
  munmap((void *)l->bytes, l->size);
}

static const Elf64_Shdr *section(const library *l, const char *name) {
  for (size_t i = 0; i < l->section_count; i++)
    if (strcmp(l->names + l->sections[i].sh_name, name) == 0) return &l->sections[i];
  return NULL;
}

static const void *contents(const library *l, const char *name) {
  const Elf64_Shdr *s = section(l, name);
  if (!s) fail_msg("no section %s", name);
  return l->bytes + s->sh_offset;
}

/* ---- dynamic symbols ---- */

enum { MAX_NAMES = 512 };
typedef struct {
  const char *name, *version;
} symbol;
typedef struct {
  symbol at[MAX_NAMES];
  size_t count;
} symbols;

static const char *version_of(const library *l, size_t index) {
  const Elf64_Half *versions = contents(l, ".gnu.version");
  const Elf64_Verdef *def = section(l, ".gnu.version_d") ? contents(l, ".gnu.version_d") : NULL;
  const char *text = contents(l, ".dynstr");
  while (def) {
    if (def->vd_ndx == (versions[index] & 0x7fff)) return text + ((const Elf64_Verdaux *)((const char *)def + def->vd_aux))->vda_name;
    def = def->vd_next ? (const Elf64_Verdef *)((const char *)def + def->vd_next) : NULL;
  }
  return "";
}

static void dynamic_symbols(symbols *out, const library *l, bool defined) {
  const Elf64_Sym *table = contents(l, ".dynsym");
  const char *text = contents(l, ".dynstr");
  size_t count = section(l, ".dynsym")->sh_size / sizeof *table;
  out->count = 0;
  for (size_t i = 1; i < count; i++) {
    if ((table[i].st_shndx != SHN_UNDEF) != defined || table[i].st_shndx == SHN_ABS) continue;
    assert_true(out->count < MAX_NAMES);
    out->at[out->count++] = (symbol){text + table[i].st_name, defined ? version_of(l, i) : ""};
  }
}

static bool has(const symbols *s, const char *name, size_t length) {
  for (size_t i = 0; i < s->count; i++)
    if (strlen(s->at[i].name) == length && memcmp(s->at[i].name, name, length) == 0) return true;
  return false;
}

static char *read_file(const char *path) {
  char *text = calloc(1, 1 << 20);
  FILE *file = fopen(path, "r");
  if (!file || fread(text, 1, (1 << 20) - 1, file) == 0) fail_msg("%s", path);
  fclose(file);
  return text;
}

/* Each function that the header marks, and nothing else, under the one version. */
static void expect_exports(const char *path, const char *header, const char *mark, const char *prefix, size_t least) {
  library l = open_library(path);
  char *text = read_file(header);
  symbols exported;
  size_t declared = 0;
  dynamic_symbols(&exported, &l, true);
  for (const char *at = text; (at = strstr(at, mark)); at++) {
    if (at[strlen(mark)] != ' ' || (at > text && at[-1] != '\n')) continue; /* the macro's own definition */
    const char *name = strstr(at, prefix), *open = name;
    while (name && (open = name + strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), *open != '(')) name = strstr(open, prefix); /* a type */
    assert_non_null(name);
    if (!has(&exported, name, (size_t)(open - name))) fail_msg("%s: %.*s is in the header and not exported", path, (int)(open - name), name);
    declared++;
  }
  for (size_t i = 0; i < exported.count; i++) {
    if (strcmp(exported.at[i].version, "FAGEN_0.1") != 0) fail_msg("%s: %s has the version '%s'", path, exported.at[i].name, exported.at[i].version);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "%s(", exported.at[i].name);
    if (!strstr(text, wanted)) fail_msg("%s: %s is exported and not in the header", path, exported.at[i].name);
  }
  assert_int_equal(declared, exported.count);
  assert_true(declared >= least);
  free(text);
  close_library(&l);
}

static const char *const fagen = FA_TEST_BIN "/../lib/libfagen.so.0", *const emulator = FA_TEST_BIN "/../lib/libfagen-emulator.so.0";

static void what_is_exported_is_the_header(void **state) {
  (void)state;
  expect_exports(fagen, FA_SOURCE_DIR "/runtime/include/fagen/fagen.h", "FA_API", "fa_", 30);
  expect_exports(emulator, FA_SOURCE_DIR "/runtime/emulator/include/fagen/emulator.h", "FA_EMU_API", "fa_emu_", 15);
}

/* ---- what it needs ---- */

static void only_the_c_library_is_needed(void **state) {
  (void)state;
  static const char *const allowed[] = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"};
  static const struct {
    const char *path, *soname;
  } rows[] = {{fagen, "libfagen.so.0"}, {emulator, "libfagen-emulator.so.0"}};
  for (size_t row = 0; row < 2; row++) {
    library l = open_library(rows[row].path);
    const char *text = contents(&l, ".dynstr");
    bool named = false;
    for (const Elf64_Dyn *d = contents(&l, ".dynamic"); d->d_tag != DT_NULL; d++) {
      size_t i = 0;
      if (d->d_tag == DT_SONAME) {
        assert_string_equal(text + d->d_un.d_val, rows[row].soname);
        named = true;
      }
      if (d->d_tag == DT_TEXTREL) fail_msg("%s: text relocations", rows[row].path);
      if (d->d_tag != DT_NEEDED) continue;
      while (i < sizeof allowed / sizeof *allowed && strcmp(allowed[i], text + d->d_un.d_val) != 0) i++;
      if (i == sizeof allowed / sizeof *allowed) fail_msg("%s needs %s", rows[row].path, text + d->d_un.d_val);
    }
    assert_true(named);
    close_library(&l);
  }
}

/* Nothing that ends, forks or reconfigures the host's process, prints unasked, or takes memory past fa_set_allocator. */
static void nothing_is_called_that_a_library_must_not(void **state) {
  (void)state;
  static const char *const forbidden[] = {
    "abort", "exit", "_exit", "_Exit", "quick_exit", "__assert_fail", "raise", "fork", "vfork", "system", "popen", "signal", "sigaction", "sigprocmask", "alarm",
    "setitimer", "setlocale", "uselocale", "setenv", "putenv", "unsetenv", "clearenv", "chdir", "fchdir", "umask", "setrlimit", "srand", "rand",
    "atexit", "on_exit", "printf", "puts", "putchar", "stdout", "stdin", "perror", "err", "warn", "gets", "strtok", "tmpnam", "mktemp", "getpwuid", "localtime", "gmtime",
    "asctime", "ctime", "strtod", "strtof", "atof", "malloc", "calloc", "strdup", "strndup", "asprintf", "vasprintf", "getline", "open_memstream",
    "posix_memalign", "aligned_alloc"};
  library l = open_library(fagen);
  symbols imported;
  dynamic_symbols(&imported, &l, false);
  assert_true(has(&imported, "realloc", 7)); /* host_memory.c: the list is read rightly */
  for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
    if (has(&imported, forbidden[i], strlen(forbidden[i]))) fail_msg("libfagen calls %s", forbidden[i]);
  close_library(&l);
}

/* Not a word of the generator's side, not even hidden. */
static void nothing_of_the_generator_is_inside(void **state) {
  (void)state;
  static const char *const foreign[] = {"lua_", "luaL_", "luaV_", "LLVM", "json_", "fa_lua", "fa_comgr", "fa_expand", "fa_emu_"};
  library l = open_library(fagen);
  const Elf64_Shdr *symtab = section(&l, ".symtab");
  if (!symtab) fail_msg("%s is stripped: it cannot be looked into", fagen);
  const Elf64_Sym *table = (const Elf64_Sym *)(l.bytes + symtab->sh_offset);
  const char *text = contents(&l, ".strtab");
  size_t functions = 0;
  for (size_t i = 0; i < symtab->sh_size / sizeof *table; i++) {
    functions += ELF64_ST_TYPE(table[i].st_info) == STT_FUNC;
    for (size_t k = 0; k < sizeof foreign / sizeof *foreign; k++)
      if (strncmp(text + table[i].st_name, foreign[k], strlen(foreign[k])) == 0) fail_msg("libfagen holds %s", text + table[i].st_name);
  }
  assert_true(functions > 100);
  close_library(&l);
}

/* ---- when it is opened ---- */

/* The linker's start files bring one entry each; gcc's processor test (__builtin_cpu_supports, in the emulator) brings one more. */
static void nothing_runs_when_it_is_opened(void **state) {
  (void)state;
  static const struct {
    const char *path;
    size_t most;
  } rows[] = {{fagen, 1}, {emulator, 2}};
  for (size_t i = 0; i < 2; i++) {
    library l = open_library(rows[i].path);
    static const char *const arrays[] = {".init_array", ".fini_array"};
    for (int k = 0; k < 2; k++) {
      const Elf64_Shdr *s = section(&l, arrays[k]);
      if (s && s->sh_size / 8 > (k ? 1 : rows[i].most)) fail_msg("%s: %zu entries in %s", rows[i].path, (size_t)s->sh_size / 8, arrays[k]);
    }
    assert_null(section(&l, ".ctors"));
    assert_null(section(&l, ".preinit_array"));
    close_library(&l);
  }
}

/* ---- size ---- */

/* What strip leaves: all that is loaded, section names and the table of sections. */
static size_t stripped_bytes(const library *l) {
  size_t end = 0, kept = 0, names = 0;
  for (size_t i = 0; i < l->section_count; i++) {
    const Elf64_Shdr *s = &l->sections[i];
    if (!(s->sh_flags & SHF_ALLOC)) continue;
    kept++;
    names += strlen(l->names + s->sh_name) + 1;
    if (s->sh_type != SHT_NOBITS && s->sh_offset + s->sh_size > end) end = s->sh_offset + s->sh_size;
  }
  return end + names + (kept + 3) * sizeof(Elf64_Shdr) + 128; /* .comment, .shstrtab and the null section */
}

static void it_is_small(void **state) {
  (void)state;
  library l = open_library(fagen);
  size_t bytes = stripped_bytes(&l);
  print_message("libfagen.so, stripped: %zu bytes\n", bytes);
  assert_true(bytes > 50000);
  if (bytes >= 200000) fail_msg("libfagen.so has %zu bytes without its debug information; the limit is 200000", bytes);
  close_library(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_exported_is_the_header),
    cmocka_unit_test(only_the_c_library_is_needed),
    cmocka_unit_test(nothing_is_called_that_a_library_must_not),
    cmocka_unit_test(nothing_of_the_generator_is_inside),
    cmocka_unit_test(nothing_runs_when_it_is_opened),
    cmocka_unit_test(it_is_small),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
