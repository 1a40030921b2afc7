/* SPDX-License-Identifier: MIT
 * A worker that compiles nothing: it answers with the files that lie in its directory (that of argv[0]), so a test says what comes.
 *   manifest     JSON; @TARGET@ stands for the problem's target, @PROBLEM@ for its text
 *   delay        milliseconds before the answer
 *   hold         while it is there, no answer (20 seconds at most)
 *   status       when there: the status it answers with, and "error" from the file error
 *   features     when there: the object's xnack and sramecc, see make_object
 *   log          one line is appended for each request: the op and the problem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "elf_view.h"
#include "fa_templates_digest.h"
#include "gfx.h"
#include "worker_protocol.h"

static char directory[4096];

/* NULL when there is no such file. */
static char *read_text(const char *name) {
  char path[4200], *text = calloc(1, 65536);
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "rb");
  if (!file || !text) return free(text), NULL;
  size_t n = fread(text, 1, 65535, file);
  text[n] = 0;
  fclose(file);
  return text;
}

static void wait_while_held(void) {
  char path[4200];
  snprintf(path, sizeof path, "%s/hold", directory);
  for (int i = 0; i < 20000 && access(path, F_OK) == 0; i++) usleep(1000);
}

static void append_log(const char *op, const char *problem) {
  char path[4200];
  snprintf(path, sizeof path, "%s/log", directory);
  FILE *file = fopen(path, "a");
  if (!file) exit(9);
  fprintf(file, "%s %s\n", op, problem);
  fclose(file);
}

static void transfer(void *bytes, size_t size, int writing) {
  for (size_t done = 0; done < size;) {
    ssize_t n = writing ? write(FA_WORKER_DESCRIPTOR, (char *)bytes + done, size - done) : read(FA_WORKER_DESCRIPTOR, (char *)bytes + done, size - done);
    if (n <= 0) exit(8);
    done += (size_t)n;
  }
}

static fa_bundle *receive(void) {
  unsigned char head[8];
  size_t size = 0;
  transfer(head, sizeof head, 0);
  for (int i = 0; i < 8; i++) size |= (size_t)head[i] << 8 * i;
  void *bytes = malloc(size + 1);
  transfer(bytes, size, 0);
  fa_bundle *bundle = fa_bundle_decode(bytes, size);
  free(bytes);
  if (!bundle) exit(7);
  return bundle;
}

/* The head of a code object for the manifest's target, or for that in the file `machine`, with the features of the file `features` (two digits of
 * e_flags: xnack and sramecc in hex, 5: any), and a word behind it. */
static size_t make_object(char object[80], const char *manifest) {
  Elf64_Ehdr head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT, 64, 4}, .e_machine = FA_ELF_MACHINE_AMDGPU, .e_ehsize = sizeof head};
  char target[32] = "", *features = read_text("features"), *machine = read_text("machine");
  const char *at = strstr(manifest, "\"target\": \"");
  if (at) snprintf(target, sizeof target, "%.*s", (int)strcspn(at + 11, "\""), at + 11);
  const fa_gfx *gfx = fa_gfx_find(machine ? machine : target);
  free(machine);
  head.e_flags = (gfx ? gfx->machine : 0) | (unsigned)strtoul(features ? features : "5", NULL, 16) << 8;
  free(features);
  memcpy(object, &head, sizeof head);
  memcpy(object + sizeof head, "canned", 6);
  return sizeof head + 6;
}

static void answer(const fa_section *sections, size_t count) {
  void *bytes;
  size_t size;
  unsigned char head[8];
  if (!fa_bundle_encode(&bytes, &size, sections, count)) exit(6);
  for (int i = 0; i < 8; i++) head[i] = (unsigned char)(size >> 8 * i);
  transfer(head, sizeof head, 1);
  transfer(bytes, size, 1);
  free(bytes);
}

static char *replace(char *text, const char *mark, const char *value, size_t length) {
  char *at = strstr(text, mark), *out = calloc(1, strlen(text) + length + 1);
  if (!at) return free(out), text;
  sprintf(out, "%.*s%.*s%s", (int)(at - text), text, (int)length, value, at + strlen(mark));
  free(text);
  return out;
}

static char *fill_in(const char *text, const char *problem) {
  const char *target = strstr(problem, "target=") ? strstr(problem, "target=") + 7 : "";
  return replace(replace(strdup(text), "@TARGET@", target, strcspn(target, " ")), "@PROBLEM@", problem, strlen(problem));
}

static void serve(void) {
  fa_bundle *request = receive();
  const char *number = fa_bundle_text(request, "request", ""), *op = fa_bundle_text(request, "op", "?"), *problem = fa_bundle_text(request, "problem", "");
  char *delay = read_text("delay"), *status = read_text("status"), *error = read_text("error"), *manifest = read_text("manifest");
  append_log(op, problem);
  if (delay) usleep((unsigned)atoi(delay) * 1000);
  wait_while_held();
  char *filled = fill_in(manifest ? manifest : "{}", problem);
  char object[80];
  size_t object_bytes = make_object(object, filled);
  const fa_section sections[] = {
    {"request", number, strlen(number)},
    {"status", status ? status : "ok", strlen(status ? status : "ok")},
    {"error", error ? error : "", error ? strlen(error) : 0},
    {"templates_digest", FA_TEMPLATES_DIGEST, strlen(FA_TEMPLATES_DIGEST)},
    {"object", object, object_bytes},
    {"manifest", filled, strlen(filled)},
    {"variant", problem, strlen(problem)},
    {"source", "// canned", 9},
    {"listing", "", 0},
    {"metadata", "{}", 2},
  };
  answer(sections, sizeof sections / sizeof *sections);
  free(filled), free(delay), free(status), free(error), free(manifest);
  fa_bundle_free(request);
}

int main(int argc, char **argv) {
  if (argc < 1 || !strrchr(argv[0], '/')) return 5;
  snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
  answer((fa_section[]){{"protocol", FA_WORKER_PROTOCOL, strlen(FA_WORKER_PROTOCOL)}, {"templates", FA_TEMPLATES_DIGEST, strlen(FA_TEMPLATES_DIGEST)}}, 2);
  for (;;) serve(); /* until the client closes the channel */
}
