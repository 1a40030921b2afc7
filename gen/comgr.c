/* SPDX-License-Identifier: MIT
 * comgr through its C interface (amd_comgr.h of ROCm 6 and 7; the constants and signatures used here are the same in both). */
#include "comgr.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_view.h"
#include "text.h"

/* Handles are structs of one u64; statuses are ints, 0 is success. */
typedef struct { uint64_t handle; } comgr_handle;
typedef uint64_t (*read_function)(uint64_t from, char *to, uint64_t size, void *user);
enum { DATA_KIND_EXECUTABLE = 8 };
enum { NODE_NULL = 0, NODE_STRING = 1, NODE_MAP = 2, NODE_LIST = 3 };
enum { MAX_DEPTH = 16, MAX_ISA_NAME = 128 };

struct fa_comgr {
  void *library;
  int (*get_isa_count)(size_t *);
  int (*get_isa_name)(size_t, const char **);
  int (*create_data)(int, comgr_handle *);
  int (*release_data)(comgr_handle);
  int (*set_data)(comgr_handle, size_t, const char *);
  int (*get_data_isa_name)(comgr_handle, size_t *, char *);
  int (*get_data_metadata)(comgr_handle, comgr_handle *);
  int (*destroy_metadata)(comgr_handle);
  int (*get_metadata_kind)(comgr_handle, int *);
  int (*get_metadata_string)(comgr_handle, size_t *, char *);
  int (*get_metadata_list_size)(comgr_handle, size_t *);
  int (*index_list_metadata)(comgr_handle, size_t, comgr_handle *);
  int (*iterate_map_metadata)(comgr_handle, int (*)(comgr_handle, comgr_handle, void *), void *);
  int (*create_disassembly_info)(const char *, read_function, void (*)(const char *, void *), void (*)(uint64_t, void *), comgr_handle *);
  int (*destroy_disassembly_info)(comgr_handle);
  int (*disassemble_instruction)(comgr_handle, uint64_t, void *, uint64_t *);
  /* since comgr 2.4; NULL in older ones */
  int (*create_symbolizer_info)(comgr_handle, void (*)(const char *, void *), comgr_handle *);
  int (*destroy_symbolizer_info)(comgr_handle);
  int (*symbolize)(comgr_handle, uint64_t, bool, void *);
};

fa_status fa_comgr_open(fa_comgr **comgr, const char *path, fa_error *error) {
  fa_comgr *c = calloc(1, sizeof *c);
  *comgr = NULL;
  if (!c) return fa_fail(error, FA_ERR_NOMEM, "comgr: out of memory");
  c->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!c->library) {
    fa_fail(error, FA_ERR_TOOLCHAIN, "comgr cannot be opened: %s", dlerror());
    goto failed;
  }
  const struct {
    const char *name;
    void *slot;
  } functions[] = {
    {"amd_comgr_get_isa_count", &c->get_isa_count},
    {"amd_comgr_get_isa_name", &c->get_isa_name},
    {"amd_comgr_create_data", &c->create_data},
    {"amd_comgr_release_data", &c->release_data},
    {"amd_comgr_set_data", &c->set_data},
    {"amd_comgr_get_data_isa_name", &c->get_data_isa_name},
    {"amd_comgr_get_data_metadata", &c->get_data_metadata},
    {"amd_comgr_destroy_metadata", &c->destroy_metadata},
    {"amd_comgr_get_metadata_kind", &c->get_metadata_kind},
    {"amd_comgr_get_metadata_string", &c->get_metadata_string},
    {"amd_comgr_get_metadata_list_size", &c->get_metadata_list_size},
    {"amd_comgr_index_list_metadata", &c->index_list_metadata},
    {"amd_comgr_iterate_map_metadata", &c->iterate_map_metadata},
    {"amd_comgr_create_disassembly_info", &c->create_disassembly_info},
    {"amd_comgr_destroy_disassembly_info", &c->destroy_disassembly_info},
    {"amd_comgr_disassemble_instruction", &c->disassemble_instruction},
    {"amd_comgr_create_symbolizer_info", &c->create_symbolizer_info},
    {"amd_comgr_destroy_symbolizer_info", &c->destroy_symbolizer_info},
    {"amd_comgr_symbolize", &c->symbolize},
  };
  const size_t needed = sizeof functions / sizeof *functions - 3; /* the last ones are optional */
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *address = dlsym(c->library, functions[i].name);
    if (!address && i < needed) {
      fa_fail(error, FA_ERR_TOOLCHAIN, "comgr %s has no function %s; ROCm 6 or 7 is needed", path, functions[i].name);
      goto failed;
    }
    memcpy(functions[i].slot, &address, sizeof address);
  }
  *comgr = c;
  return FA_OK;
failed:
  fa_comgr_close(c);
  return error ? error->status : FA_ERR_TOOLCHAIN;
}

void fa_comgr_close(fa_comgr *comgr) {
  if (!comgr) return;
  /* The library stays loaded: LLVM's global destructors are not worth running in a process that is about to end. */
  free(comgr);
}

static int compare_strings(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

fa_status fa_comgr_targets(char **names, fa_comgr *comgr, fa_error *error) {
  size_t count = 0, used = 0;
  const char **list = NULL;
  fa_text text = {0};
  *names = NULL;
  if (comgr->get_isa_count(&count) || count > 10000 || !(list = calloc(count + 1, sizeof *list)))
    return fa_fail(error, FA_ERR_TOOLCHAIN, "comgr does not list its targets");
  for (size_t i = 0; i < count; i++) {
    const char *isa = NULL, *mark;
    if (comgr->get_isa_name(i, &isa) || !isa) continue;
    mark = strstr(isa, "--"); /* amdgcn-amd-amdhsa--gfx942 */
    if (mark && mark[2]) list[used++] = mark + 2;
  }
  qsort(list, used, sizeof *list, compare_strings);
  for (size_t i = 0; i < used; i++) fa_text_print(&text, "%s\n", list[i]);
  free(list);
  *names = fa_text_take(&text, NULL);
  return *names ? FA_OK : fa_fail(error, FA_ERR_NOMEM, "list of targets: out of memory");
}

fa_status fa_comgr_check_target(fa_comgr *comgr, const char *target, fa_error *error) {
  char *names = NULL, *found = NULL;
  size_t length = strlen(target);
  fa_status status = fa_comgr_targets(&names, comgr, error);
  if (status) return status;
  for (char *at = names; length && (at = strstr(at, target)); at += length)
    if ((at == names || at[-1] == '\n') && at[length] == '\n') {
      found = at;
      break;
    }
  if (!found) {
    for (char *at = names; *at; at++)
      if (*at == '\n') *at = ' ';
    status = fa_fail(error, FA_ERR_UNSUPPORTED, "target=%s: the installed compiler has no such target; it has: %s", target, names);
  }
  free(names);
  return status;
}

/* Metadata and isa name come from a data object; on success the caller releases it. */
static fa_status make_data(comgr_handle *data, fa_comgr *comgr, const void *object, size_t size, fa_error *error) {
  if (comgr->create_data(DATA_KIND_EXECUTABLE, data)) return fa_fail(error, FA_ERR_TOOLCHAIN, "comgr cannot make a data object");
  if (comgr->set_data(*data, size, object)) {
    comgr->release_data(*data);
    return fa_fail(error, FA_ERR_VALIDATION, "comgr does not take the object of %zu bytes", size);
  }
  return FA_OK;
}

fa_status fa_comgr_isa(char **isa, fa_comgr *comgr, const void *object, size_t size, fa_error *error) {
  comgr_handle data;
  size_t length = 0;
  char *name = NULL;
  fa_status status = make_data(&data, comgr, object, size, error);
  *isa = NULL;
  if (status) return status;
  if (comgr->get_data_isa_name(data, &length, NULL) || length == 0 || length > MAX_ISA_NAME || !(name = calloc(1, length + 1)) ||
      comgr->get_data_isa_name(data, &length, name)) {
    free(name);
    name = NULL;
    status = fa_fail(error, FA_ERR_VALIDATION, "comgr does not know the target of this code object");
  }
  comgr->release_data(data);
  *isa = name;
  return status;
}

/* ---- disassembly ---- */

typedef struct disassembly {
  const unsigned char *bytes; /* of the section */
  uint64_t address, size;
  uint64_t patch; /* address of words that are read as patch_words; 0: none */
  uint32_t patch_words[2];
  comgr_handle own, halves; /* the target's disassembler; one that knows 16-bit halves of registers, handle 0: not needed */
  fa_text line;
} disassembly;

static uint64_t read_memory(uint64_t from, char *to, uint64_t size, void *user) {
  const disassembly *d = user;
  if (from < d->address || from - d->address >= d->size) return 0;
  if (size > d->size - (from - d->address)) size = d->size - (from - d->address);
  memcpy(to, d->bytes + (from - d->address), size);
  for (uint64_t i = 0; d->patch && i < sizeof d->patch_words; i++)
    if (d->patch + i >= from && d->patch + i - from < size) to[d->patch + i - from] = (char)(d->patch_words[i / 4] >> 8 * (i % 4));
  return size;
}

static void print_instruction(const char *text, void *user) {
  disassembly *d = user;
  fa_text_add(&d->line, text, strlen(text));
}

/* A branch's target, after the instruction's text, which already has the distance. */
static void print_address(uint64_t address, void *user) {
  (void)address;
  (void)user;
}

static const char BLANK[] = " \t\r\n";
static const char *skip_blank(const char *text) { return text + strspn(text, BLANK); }

static bool disassemble(fa_comgr *comgr, comgr_handle info, disassembly *d, uint64_t at, uint64_t *bytes) {
  uint64_t rest = d->size - (at - d->address);
  *bytes = 0;
  d->line.size = 0;
  return comgr->disassemble_instruction(info, at, d, bytes) == 0 && *bytes != 0 && *bytes <= rest && d->line.size != 0;
}

/* LLVM 22 fills the source fields that a VOP3 or VOP3P instruction of gfx10 and later does not have with 0x80, and LLVM 21 does not decode
 * that.  Without the filling, in the third source and then in the second, it does. */
static bool disassemble_filled(fa_comgr *comgr, comgr_handle info, disassembly *d, uint64_t at, uint64_t *bytes) {
  enum { SRC1 = 9, SRC2 = 18, FIELD = 0x1ff, FILLING = 0x80 };
  uint32_t *words = d->patch_words;
  if (disassemble(comgr, info, d, at, bytes)) return true;
  if (d->patch != at || (words[0] >> 26 != 0x35 && words[0] >> 24 != 0xcc)) return false;
  for (int shift = SRC2; shift >= SRC1 && (words[1] >> shift & FIELD) == FILLING; shift -= SRC2 - SRC1) {
    words[1] &= ~((uint32_t)FIELD << shift);
    if (disassemble(comgr, info, d, at, bytes)) return true;
  }
  return false;
}

/* The minimum and maximum that gfx12 has under other numbers, as the sum, which has their operands. */
static uint32_t as_sum(uint32_t word) {
  enum { MIN = 0x30, MAX = 0x31, SUM = 0x32, VOP3 = 0x100 };
  if (word >> 31 == 0 && (word >> 25 == MIN || word >> 25 == MAX)) return (word & 0x1ffffff) | (uint32_t)SUM << 25;
  uint32_t code = word >> 16 & 0x3ff;
  if (word >> 26 == 0x35 && (code == (VOP3 | MIN) || code == (VOP3 | MAX))) return (word & ~UINT32_C(0x3ff0000)) | (uint32_t)(VOP3 | SUM) << 16;
  return word;
}

/* With the lower half as destination: an upper one is beyond the registers that LLVM 21 allows in VOP1 and VOP2. */
static bool disassemble_low(fa_comgr *comgr, disassembly *d, uint64_t at, uint64_t *bytes) {
  enum { UPPER = 1 << 24, VOPC = 0x3e };
  uint32_t *word = d->patch_words;
  if (d->patch != at || *word >> 31 || *word >> 25 == VOPC || !(*word & UPPER)) return false;
  *word &= ~(uint32_t)UPPER;
  bool good = disassemble(comgr, d->own, d, at, bytes);
  *word |= UPPER;
  return good;
}

/* LLVM 21 knows which half of a register a 16-bit operand is on gfx1100 only, while LLVM 22 uses halves on all of gfx11 and gfx12, whose
 * 16-bit vector instructions have the same numbers (but those of as_sum, and min and max of gfx11, which gfx12 does not have).  So where the
 * target's own disassembler names a 16-bit instruction, the operands are what gfx1100's says; it alone knows moves of halves. */
static bool disassemble_halves(fa_comgr *comgr, disassembly *d, uint64_t at, uint64_t *bytes) {
  char own[256] = "";
  uint64_t other_bytes;
  bool good = disassemble_filled(comgr, d->own, d, at, bytes);
  if (!d->halves.handle) return good;
  if (good || disassemble_low(comgr, d, at, bytes)) snprintf(own, sizeof own, "%s", skip_blank(d->line.data));
  size_t name = strcspn(own, BLANK);
  if (*own && (strncmp(own, "v_", 2) || !memmem(own, name, "16", 2))) return good;
  uint32_t word = d->patch_words[0];
  d->patch_words[0] = as_sum(word);
  bool other = disassemble_filled(comgr, d->halves, d, at, &other_bytes);
  const char *text = other ? skip_blank(d->line.data) : "", *operands = text + strcspn(text, BLANK);
  if (!*own) {
    *bytes = other_bytes;
    return !strncmp(text, "v_mov_b16", 9) || !strncmp(text, "v_swap_b16", 10);
  }
  bool same = word != d->patch_words[0] || ((size_t)(operands - text) == name && !strncmp(own, text, name));
  if (same && (strstr(operands, ".l") || strstr(operands, ".h"))) {
    good = true;
    *bytes = other_bytes;
    snprintf(own + name, sizeof own - name, "%s", operands);
  }
  d->line.size = 0;
  fa_text_add(&d->line, own, strlen(own));
  return good;
}

static void list_section(fa_text *out, fa_comgr *comgr, disassembly *d) {
  uint64_t end = d->address + d->size;
  for (uint64_t at = d->address; at < end;) {
    uint64_t bytes;
    d->patch = end - at < sizeof d->patch_words ? 0 : at;
    if (d->patch) memcpy(d->patch_words, d->bytes + (at - d->address), sizeof d->patch_words);
    if (!disassemble_halves(comgr, d, at, &bytes)) {
      uint32_t word = 0;
      bytes = end - at < sizeof word ? end - at : sizeof word;
      memcpy(&word, d->bytes + (at - d->address), bytes);
      fa_text_print(out, "%" PRIx64 " %" PRIu64 "\t.long 0x%08" PRIx32 "\n", at, bytes, word);
    } else {
      const char *text = skip_blank(d->line.data);
      fa_text_print(out, "%" PRIx64 " %" PRIu64 "\t%.*s\n", at, bytes, (int)strcspn(text, "\r\n"), text);
    }
    at += bytes;
  }
}

fa_status fa_comgr_listing(char **listing, size_t *length, fa_comgr *comgr, const char *isa, const void *object, size_t size, fa_error *error) {
  fa_elf_view elf;
  disassembly d = {0};
  fa_text out = {0};
  size_t sections = 0;
  *listing = NULL;
  fa_status status = fa_elf_open(&elf, object, size, error);
  if (status) return status;
  if (comgr->create_disassembly_info(isa, read_memory, print_instruction, print_address, &d.own))
    return fa_fail(error, FA_ERR_UNSUPPORTED, "comgr has no disassembler for %s", isa);
  if ((strstr(isa, "gfx115") || strstr(isa, "gfx12")) &&
      comgr->create_disassembly_info("amdgcn-amd-amdhsa--gfx1100", read_memory, print_instruction, print_address, &d.halves))
    d.halves.handle = 0;
  for (size_t i = 0; i < elf.header.e_shnum; i++) {
    Elf64_Shdr section = fa_elf_section(&elf, i);
    if (section.sh_type != SHT_PROGBITS || !(section.sh_flags & SHF_EXECINSTR) || section.sh_addr > UINT64_MAX - section.sh_size) continue;
    d.bytes = elf.data + section.sh_offset;
    d.address = section.sh_addr;
    d.size = section.sh_size;
    list_section(&out, comgr, &d);
    sections++;
  }
  comgr->destroy_disassembly_info(d.own);
  if (d.halves.handle) comgr->destroy_disassembly_info(d.halves);
  free(fa_text_take(&d.line, NULL));
  *listing = fa_text_take(&out, length);
  if (!*listing) return fa_fail(error, FA_ERR_NOMEM, "listing: out of memory");
  if (sections == 0) {
    free(*listing);
    *listing = NULL;
    return fa_fail(error, FA_ERR_VALIDATION, "code object: no section with instructions");
  }
  return FA_OK;
}

struct fa_comgr_decoder {
  fa_comgr *comgr;
  comgr_handle info;
  disassembly d;
};

fa_status fa_comgr_decoder_open(fa_comgr_decoder **decoder, fa_comgr *comgr, const char *target, fa_error *error) {
  char isa[MAX_ISA_NAME];
  fa_comgr_decoder *made = calloc(1, sizeof *made);
  *decoder = NULL;
  if (!made) return fa_fail(error, FA_ERR_NOMEM, "decoder: out of memory");
  snprintf(isa, sizeof isa, "amdgcn-amd-amdhsa--%s", target);
  if (comgr->create_disassembly_info(isa, read_memory, print_instruction, print_address, &made->info)) {
    free(made);
    return fa_fail(error, FA_ERR_UNSUPPORTED, "comgr has no disassembler for %s", target);
  }
  made->comgr = comgr;
  *decoder = made;
  return FA_OK;
}

void fa_comgr_decoder_close(fa_comgr_decoder *decoder) {
  if (!decoder) return;
  decoder->comgr->destroy_disassembly_info(decoder->info);
  free(fa_text_take(&decoder->d.line, NULL));
  free(decoder);
}

const char *fa_comgr_decode(fa_comgr_decoder *decoder, const void *bytes, size_t size, size_t *used) {
  uint64_t taken;
  decoder->d.bytes = bytes;
  decoder->d.size = size;
  bool good = disassemble(decoder->comgr, decoder->info, &decoder->d, 0, &taken);
  if (used) *used = taken;
  if (!good) return NULL;
  decoder->d.line.data[strcspn(decoder->d.line.data, "\r\n")] = 0;
  return decoder->d.line.data + strspn(decoder->d.line.data, " \t");
}

/* ---- metadata ---- */

typedef struct map_walk {
  fa_comgr *comgr;
  json_t *map;
  int depth;
} map_walk;

static json_t *node_to_json(fa_comgr *comgr, comgr_handle node, int depth);

static char *node_string(fa_comgr *comgr, comgr_handle node) {
  size_t size = 0; /* with the final zero */
  char *text = NULL;
  int kind;
  if (comgr->get_metadata_kind(node, &kind) || kind != NODE_STRING || comgr->get_metadata_string(node, &size, NULL)) return NULL;
  text = calloc(1, size + 1);
  if (text && comgr->get_metadata_string(node, &size, text)) {
    free(text);
    text = NULL;
  }
  return text;
}

static int add_pair(comgr_handle key, comgr_handle value, void *user) {
  map_walk *walk = user;
  char *name = node_string(walk->comgr, key);
  json_t *json = node_to_json(walk->comgr, value, walk->depth + 1);
  int bad = !name || !json || json_object_set(walk->map, name, json);
  json_decref(json);
  free(name);
  return bad;
}

/* NULL: a text that is not UTF-8, too deep, or out of memory. */
static json_t *node_to_json(fa_comgr *comgr, comgr_handle node, int depth) {
  json_t *json = NULL;
  int kind, bad = 0;
  if (depth > MAX_DEPTH || comgr->get_metadata_kind(node, &kind)) return NULL;
  if (kind == NODE_STRING) {
    char *text = node_string(comgr, node);
    json = text ? json_string(text) : NULL;
    free(text);
  } else if (kind == NODE_MAP) {
    map_walk walk = {comgr, json_object(), depth};
    json = walk.map;
    bad = !json || comgr->iterate_map_metadata(node, add_pair, &walk);
  } else if (kind == NODE_LIST) {
    size_t count = 0;
    json = json_array();
    bad = !json || comgr->get_metadata_list_size(node, &count);
    for (size_t i = 0; i < count && !bad; i++) {
      comgr_handle item;
      bad = comgr->index_list_metadata(node, i, &item);
      if (!bad) {
        bad = json_array_append_new(json, node_to_json(comgr, item, depth + 1));
        comgr->destroy_metadata(item);
      }
    }
  } else {
    json = json_null();
  }
  if (bad) {
    json_decref(json);
    json = NULL;
  }
  return json;
}

fa_status fa_comgr_metadata(char **json, fa_comgr *comgr, const void *object, size_t size, fa_error *error) {
  comgr_handle data, root;
  json_t *tree = NULL;
  *json = NULL;
  fa_status status = make_data(&data, comgr, object, size, error);
  if (status) return status;
  if (comgr->get_data_metadata(data, &root)) {
    status = fa_fail(error, FA_ERR_VALIDATION, "code object: no readable metadata note");
  } else {
    tree = node_to_json(comgr, root, 0);
    comgr->destroy_metadata(root);
    *json = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
    if (!*json) status = fa_fail(error, FA_ERR_VALIDATION, "code object: its metadata is not a tree of text, %d levels deep at most", MAX_DEPTH);
    json_decref(tree);
  }
  comgr->release_data(data);
  return status;
}

/* ---- lines ---- */

/* One answer of LLVM's symbolizer: a frame a line, "FUNCTION at DIR/FILE:LINE:COLUMN", the innermost inlined one first, the others
 * behind " (inlined by) ". */
static void keep_answer(const char *text, void *user) { fa_text_add(user, text, strlen(text)); }

/* Cuts a frame to its function, file and line; false when the line is unknown. */
static bool read_frame(char *frame, const char **function, const char **file, unsigned long *line) {
  char *column = strrchr(frame, ':'), *number, *end;
  if (!column) return false;
  *column = 0;
  number = strrchr(frame, ':');
  if (!number) return false;
  *number++ = 0;
  *line = strtoul(number, &end, 10);
  static const char outer[] = " (inlined by) ";
  if (strncmp(frame, outer, sizeof outer - 1) == 0) frame += sizeof outer - 1;
  char *at = strstr(frame, " at ");
  const char *name = strrchr(frame, '/');
  *function = at ? frame : "";
  if (at) *at = 0;
  *file = name ? name + 1 : at ? at + 4 : frame;
  return end != number && *line != 0 && **file && **file != '?';
}

static void add_line(fa_text *out, char *answer, uint64_t address) {
  bool any = false;
  for (char *save = NULL, *frame = strtok_r(answer, "\r\n", &save); frame; frame = strtok_r(NULL, "\r\n", &save)) {
    const char *function, *file;
    unsigned long line;
    if (!read_frame(frame, &function, &file, &line)) continue;
    if (!any) fa_text_print(out, "%" PRIx64, address);
    fa_text_print(out, "%c%lu\t%s\t%s", any ? '\t' : ' ', line, file, function);
    any = true;
  }
  if (any) fa_text_add(out, "\n", 1);
}

static bool has_line_table(const void *object, size_t size) {
  fa_elf_view elf;
  if (fa_elf_open(&elf, object, size, NULL) || elf.header.e_shstrndx >= elf.header.e_shnum) return false;
  Elf64_Shdr names = fa_elf_section(&elf, elf.header.e_shstrndx);
  if (names.sh_type != SHT_STRTAB) return false;
  for (size_t i = 0; i < elf.header.e_shnum; i++)
    if (fa_elf_name_is(&elf, &names, fa_elf_section(&elf, i).sh_name, ".debug_line")) return true;
  return false;
}

fa_status fa_comgr_lines(char **lines, fa_comgr *comgr, const char *listing, const void *object, size_t size, fa_error *error) {
  comgr_handle data, info;
  fa_text out = {0}, answer = {0};
  *lines = NULL;
  if (!comgr->create_symbolizer_info || !comgr->destroy_symbolizer_info || !comgr->symbolize || !has_line_table(object, size)) return FA_OK;
  fa_status status = make_data(&data, comgr, object, size, error);
  if (status) return status;
  if (comgr->create_symbolizer_info(data, keep_answer, &info)) {
    status = fa_fail(error, FA_ERR_VALIDATION, "code object: comgr does not read its line table");
    goto cleanup;
  }
  for (const char *at = listing; *at;) {
    uint64_t address = strtoull(at, NULL, 16);
    answer.size = 0;
    if (!comgr->symbolize(info, address, true, &answer) && answer.size) add_line(&out, answer.data, address);
    at += strcspn(at, "\n");
    at += *at == '\n';
  }
  comgr->destroy_symbolizer_info(info);
  free(fa_text_take(&answer, NULL));
  *lines = fa_text_take(&out, NULL);
  if (!*lines) status = fa_fail(error, FA_ERR_NOMEM, "lines: out of memory");
cleanup:
  comgr->release_data(data);
  return status;
}
