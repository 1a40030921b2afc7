/* SPDX-License-Identifier: MIT
 * What a target lacks: see lacks.h. The worker enumerates the target's instructions through the disassembler; the emulator decodes each. A mnemonic
 * has forms, one for each encoding; a form is lacked when any of the texts tried for it is not decoded (of pairs: when none is). */
#include "lacks.h"

#include "session.h"

#include <fagen/emulator.h>
#include <stdlib.h>
#include <string.h>

/* What an instruction is for, by the start of its name; the first row that fits. */
static const struct {
  const char *prefix, *kind;
  bool compute;
} kinds[] = {
  { "v_mfma", "matrix", true }, { "v_smfmac", "matrix", true }, { "v_wmma", "matrix", true }, { "v_swmmac", "matrix", true },
  { "v_interp", "interpolation", false }, { "lds_param", "interpolation", false }, { "lds_direct", "interpolation", false },
  { "ds_param", "interpolation", false }, { "ds_direct", "interpolation", false }, { "v_screen_partition", "graphics", false }, { "v_", "vector", true },
  { "s_sendmsg", "message", false }, { "s_trap", "trap", false }, { "s_rfe", "trap", false }, { "s_ttrace", "trap", false }, { "s_endpgm_ordered", "graphics", false },
  { "s_load", "scalar memory", true }, { "s_store", "scalar memory", true }, { "s_buffer_", "scalar memory", true }, { "s_scratch", "scalar memory", true },
  { "s_atomic", "scalar memory", true }, { "s_dcache", "scalar memory", true }, { "s_prefetch", "scalar memory", true }, { "s_", "scalar", true },
  { "ds_gws", "global wave sync", false }, { "ds_ordered", "global data share", false }, { "ds_bvh", "ray tracing", false }, { "ds_", "LDS", true },
  { "image_bvh", "ray tracing", false }, { "image_", "image", false }, { "exp", "graphics", false },
  { "global_atomic_ordered", "graphics", false }, { "buffer_", "memory", true }, { "tbuffer_", "memory", true }, { "global_", "memory", true }, { "flat_", "memory", true }, { "scratch_", "memory", true },
  { "", "other", true },
};

static const char *kind_of(const char *name, const char *text, bool *compute) {
  size_t i = 0;
  while (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) != 0) i++;
  *compute = kinds[i].compute;
  if (strcmp(kinds[i].kind, "LDS") == 0 && strstr(text, " gds")) {
    *compute = false;
    return "global data share";
  }
  return kinds[i].kind;
}

/* The encoding that a text is in, as the disassembler tells it. */
static const char *form_of(const char *text) {
  const char *end = text + strcspn(text, " ");
  if (strncmp(text, "v_", 2) != 0) return "";
  if (strstr(text, " :: ")) return "vopd";
  if (strstr(text, " dpp8:")) return end - text > 8 && strncmp(end - 8, "_e64_dpp", 8) == 0 ? "e64 dpp8" : "dpp8";
  if (end - text > 8 && strncmp(end - 8, "_e64_dpp", 8) == 0) return "e64 dpp";
  if (end - text > 5 && strncmp(end - 5, "_sdwa", 5) == 0) return "sdwa";
  if (end - text > 4 && strncmp(end - 4, "_dpp", 4) == 0) return "dpp";
  if (end - text > 4 && strncmp(end - 4, "_e32", 4) == 0) return "e32";
  return "e64";
}

typedef struct form {
  const char *name, *form, *kind, *example; /* example: a text that is not decoded, else one that is */
  size_t texts, unknown;
  bool compute;
} form;

static bool lacked(const form *f) { return strcmp(f->form, "vopd") == 0 ? f->unknown == f->texts : f->unknown > 0; }

static int by_name(const void *a, const void *b) {
  const form *x = a, *y = b;
  int c = strcmp(x->name, y->name);
  c = c ? c : strcmp(x->kind, y->kind);
  return c ? c : strcmp(x->form, y->form);
}

/* One entry a text, sorted and then merged: forms[0..return). Halves of pairs are entries of their own, their names in `names`. */
static size_t collect(form *forms, char *names, const fa_emu_object *object) {
  size_t count = 0, merged = 0;
  for (size_t i = 0; i < fa_emu_object_instruction_count(object); i++) {
    fa_emu_instruction in;
    if (fa_emu_object_instruction(&in, object, i) != FA_EMU_OK) continue;
    const char *second = strstr(in.text, " :: v_dual_");
    forms[count] = (form){ .name = in.mnemonic, .form = form_of(in.text), .example = in.text, .texts = 1, .unknown = !in.known };
    count++;
    if (!second) continue;
    forms[count] = forms[count - 1];
    forms[count++].name = names;
    names += sprintf(names, "v_%.*s", (int)strcspn(second + 11, " "), second + 11) + 1;
  }
  for (size_t i = 0; i < count; i++) forms[i].kind = kind_of(forms[i].name, forms[i].example, &forms[i].compute);
  qsort(forms, count, sizeof *forms, by_name);
  for (size_t i = 0; i < count; i++) {
    if (i && by_name(&forms[merged - 1], &forms[i]) == 0) {
      form *f = &forms[merged - 1];
      if (forms[i].unknown && !f->unknown) f->example = forms[i].example;
      f->texts++;
      f->unknown += forms[i].unknown;
    } else {
      forms[merged++] = forms[i];
    }
  }
  return merged;
}

typedef struct tally {
  const char *kind;
  bool compute;
  size_t mnemonics, lacked, forms, forms_lacked;
} tally;

enum { MAX_KINDS = sizeof kinds / sizeof *kinds + 1 };

static size_t add_up(tally list[MAX_KINDS], const form *forms, size_t count) {
  size_t used = 0;
  for (size_t i = 0; i < count;) {
    size_t n = i, k = 0, bad = 0;
    for (; n < count && strcmp(forms[n].name, forms[i].name) == 0 && strcmp(forms[n].kind, forms[i].kind) == 0; n++) bad += lacked(&forms[n]);
    while (k < used && strcmp(list[k].kind, forms[i].kind) != 0) k++;
    if (k == used) list[used++] = (tally){ .kind = forms[i].kind, .compute = forms[i].compute };
    list[k].mnemonics++;
    list[k].lacked += bad > 0;
    list[k].forms += n - i;
    list[k].forms_lacked += bad;
    i = n;
  }
  return used;
}

static tally sum(const tally *list, size_t count, bool compute) {
  tally all = { .kind = compute ? "compute" : "other", .compute = compute };
  for (size_t i = 0; i < count; i++) {
    if (list[i].compute != compute) continue;
    all.mnemonics += list[i].mnemonics;
    all.lacked += list[i].lacked;
    all.forms += list[i].forms;
    all.forms_lacked += list[i].forms_lacked;
  }
  return all;
}

static void print_tally(const tally *t) {
  printf("%-18s %9zu %9zu %9zu %9zu\n", t->kind, t->mnemonics, t->lacked, t->forms, t->forms_lacked);
}

static void print_text(const char *target, const tally *list, size_t kinds_used, const form *forms, size_t count) {
  tally compute = sum(list, kinds_used, true);
  printf("%s lacks %zu of %zu compute mnemonics (%.1f %%), %zu of their %zu forms\n\n%-18s %9s %9s %9s %9s\n", target, compute.lacked, compute.mnemonics,
         compute.mnemonics ? 100.0 * (double)compute.lacked / (double)compute.mnemonics : 0.0, compute.forms_lacked, compute.forms, "class", "mnemonics", "lacked", "forms", "lacked");
  for (size_t i = 0; i < kinds_used; i++)
    if (list[i].compute) print_tally(&list[i]);
  printf("not for compute:\n");
  for (size_t i = 0; i < kinds_used; i++)
    if (!list[i].compute) print_tally(&list[i]);
  printf("\nlacked, with a text that is not decoded:\n");
  for (size_t i = 0; i < count; i++)
    if (lacked(&forms[i]) && forms[i].compute) printf("%-14s %-28s %-9s %s\n", forms[i].kind, forms[i].name, forms[i].form, forms[i].example);
}

/* Every text that was tried. */
static void print_all(const fa_emu_object *object) {
  for (size_t i = 0; i < fa_emu_object_instruction_count(object); i++) {
    fa_emu_instruction in;
    if (fa_emu_object_instruction(&in, object, i) == FA_EMU_OK) printf("%c %s\n", in.known ? ' ' : '-', in.text);
  }
}

static json_t *tally_json(const tally *t) {
  return json_pack("{s:s,s:b,s:I,s:I,s:I,s:I}", "class", t->kind, "compute", t->compute, "mnemonics", (json_int_t)t->mnemonics, "lacked", (json_int_t)t->lacked,
                   "forms", (json_int_t)t->forms, "forms_lacked", (json_int_t)t->forms_lacked);
}

static int print_json(const fa_cli *cli, const char *target, const tally *list, size_t kinds_used, const form *forms, size_t count) {
  json_t *classes = json_array(), *lacks = json_array();
  tally compute = sum(list, kinds_used, true);
  for (size_t i = 0; i < kinds_used; i++) json_array_append_new(classes, tally_json(&list[i]));
  for (size_t i = 0; i < count; i++)
    if (lacked(&forms[i]))
      json_array_append_new(lacks, json_pack("{s:s,s:s,s:s,s:b,s:s}", "mnemonic", forms[i].name, "form", forms[i].form, "class", forms[i].kind, "compute",
                                             forms[i].compute, "text", forms[i].example));
  return fa_session_json(cli, json_pack("{s:i,s:s,s:I,s:I,s:o,s:o}", "schema", 1, "target", target, "mnemonics", (json_int_t)compute.mnemonics, "lacked",
                                        (json_int_t)compute.lacked, "classes", classes, "lacks", lacks));
}

/* "<address> 4\t<text>" lines, what the emulator reads */
static char *number_lines(const char *list, size_t *size, size_t *count) {
  *count = 0;
  for (const char *at = list; *at; at++) *count += *at == '\n';
  char *out = malloc(strlen(list) + 24 * (*count + 1)), *to = out;
  for (size_t i = 0; out && *list; i++) {
    size_t n = strcspn(list, "\n");
    to += sprintf(to, "%zx 4\t%.*s\n", 4 * i, (int)n, list);
    list += n + (list[n] == '\n');
  }
  *size = out ? (size_t)(to - out) : 0;
  return out;
}

int fa_lacks(const fa_cli *cli, const char *target) {
  fa_error error = { 0 };
  fa_emu_error why = { .status = FA_EMU_OK };
  fa_section input = { "target", target, strlen(target) };
  fa_bundle *reply = NULL;
  fa_emu_object *object = NULL;
  form *forms = NULL;
  char *listing = NULL, *names = NULL;
  tally list[MAX_KINDS];
  size_t size, lines;
  fa_status status = fa_session_call(&reply, cli, "instructions", &input, 1, &error);
  int code = FA_EXIT_FAILED;
  if (status == FA_OK) {
    listing = number_lines(fa_bundle_text(reply, "instructions", ""), &size, &lines);
    forms = calloc(2 * lines + 1, sizeof *forms);
    names = malloc(listing ? size + 1 : 1);
    if (!listing || !forms || !names) status = fa_fail(&error, FA_ERR_NOMEM, "%s: no memory for its instructions", target);
  }
  if (status == FA_OK && fa_emu_object_decode(&object, target, listing, size, &why) != FA_EMU_OK)
    status = fa_fail(&error, why.status == FA_EMU_ERR_TARGET ? FA_ERR_UNSUPPORTED : FA_ERR_VALIDATION, "%s", why.text);
  if (status == FA_OK) {
    size_t count = collect(forms, names, object), used = add_up(list, forms, count);
    code = FA_EXIT_OK;
    if (fa_cli_value(cli, "list"))
      print_all(object);
    else if (fa_cli_value(cli, "json"))
      code = print_json(cli, target, list, used, forms, count);
    else
      print_text(target, list, used, forms, count);
  } else {
    code = fa_cli_fail(cli, &error);
  }
  fa_emu_object_free(object);
  fa_bundle_free(reply);
  free(listing);
  free(forms);
  free(names);
  return code;
}
