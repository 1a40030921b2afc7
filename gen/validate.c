/* SPDX-License-Identifier: MIT
 * Checks a code object against target and manifest. */
#include "validate.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "elf_view.h"
#include "gfx.h"

enum { MACHINE_MASK = 0xff, DESCRIPTOR_BYTES = 64 };

typedef struct usage {
  long long vgprs, agprs, sgprs, lds_bytes, scratch_bytes, sgpr_spills, vgpr_spills, kernarg_bytes, wave_size, max_block;
  const char *dynamic_stack, *symbol;
  const json_t *arguments;
} usage;

typedef struct plan {
  const char *symbol;
  long long wave_size, block, lds_bytes, kernarg_bytes;
  const json_t *arguments;
} plan;

static fa_status bad(fa_error *error, const char *what, long long value, const char *relation, long long limit, const char *remedy) {
  return fa_fail(error, FA_ERR_VALIDATION, "compiled object: %s is %lld, must be %s %lld%s%s", what, value, relation, limit, *remedy ? "; " : "", remedy);
}

/* Metadata scalars are strings. */
static long long number(const json_t *object, const char *key, long long otherwise) {
  const json_t *value = json_object_get(object, key);
  char *end;
  long long result;
  if (json_is_integer(value)) return json_integer_value(value);
  if (!json_is_string(value)) return otherwise;
  result = strtoll(json_string_value(value), &end, 0);
  return *end || end == json_string_value(value) ? otherwise : result;
}

static const char *text(const json_t *object, const char *key) {
  const char *value = json_string_value(json_object_get(object, key));
  return value ? value : "";
}

static const json_t *find_kernel(const json_t *metadata, const char *symbol) {
  const json_t *kernels = json_object_get(metadata, "amdhsa.kernels"), *kernel;
  size_t index;
  json_array_foreach((json_t *)(uintptr_t)kernels, index, kernel) if (!strcmp(text(kernel, ".name"), symbol)) return kernel;
  return NULL;
}

static fa_status read_plan(plan *p, const json_t *manifest, fa_error *error) {
  const json_t *block = json_object_get(manifest, "block");
  *p = (plan){.symbol = text(manifest, "symbol"), .wave_size = number(manifest, "wave_size", -1), .block = 1,
              .lds_bytes = number(manifest, "lds_bytes", -1), .kernarg_bytes = number(manifest, "kernarg_bytes", -1),
              .arguments = json_object_get(manifest, "args")};
  for (size_t i = 0; i < 3; i++) {
    json_int_t size = json_integer_value(json_array_get(block, i));
    if (size < 1 || size > FA_GFX_MAX_BLOCK) return fa_fail(error, FA_ERR_VALIDATION, "manifest: block is not three numbers between 1 and %d", FA_GFX_MAX_BLOCK);
    p->block *= size;
  }
  if (!*p->symbol || p->wave_size < 1 || p->lds_bytes < 0 || p->kernarg_bytes < 0 || !json_is_array(p->arguments))
    return fa_fail(error, FA_ERR_VALIDATION, "manifest: symbol, wave_size, lds_bytes, kernarg_bytes or args is missing");
  return FA_OK;
}

static usage read_usage(const json_t *kernel) {
  return (usage){.vgprs = number(kernel, ".vgpr_count", -1), .agprs = number(kernel, ".agpr_count", 0), .sgprs = number(kernel, ".sgpr_count", -1),
                 .lds_bytes = number(kernel, ".group_segment_fixed_size", -1), .scratch_bytes = number(kernel, ".private_segment_fixed_size", -1),
                 .sgpr_spills = number(kernel, ".sgpr_spill_count", 0), .vgpr_spills = number(kernel, ".vgpr_spill_count", 0),
                 .kernarg_bytes = number(kernel, ".kernarg_segment_size", -1), .wave_size = number(kernel, ".wavefront_size", -1),
                 .max_block = number(kernel, ".max_flat_workgroup_size", -1), .dynamic_stack = text(kernel, ".uses_dynamic_stack"),
                 .symbol = text(kernel, ".symbol"), .arguments = json_object_get(kernel, ".args")};
}

static char *print_resources(const usage *u, const plan *p, const fa_gfx *gfx) {
  unsigned waves = (unsigned)((p->block + p->wave_size - 1) / p->wave_size);
  unsigned resident = u->vgprs < 0 || u->lds_bytes < 0 ? 0 : fa_gfx_resident_waves(gfx, (unsigned)p->wave_size, (unsigned)u->vgprs, (unsigned)u->lds_bytes, waves);
  json_t *json = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "vgprs", (json_int_t)u->vgprs, "agprs", (json_int_t)u->agprs, "sgprs", (json_int_t)u->sgprs,
                           "lds_bytes", (json_int_t)u->lds_bytes, "scratch_bytes", (json_int_t)u->scratch_bytes, "sgpr_spills", (json_int_t)u->sgpr_spills,
                           "vgpr_spills", (json_int_t)u->vgpr_spills, "kernarg_bytes", (json_int_t)u->kernarg_bytes, "wave_size", (json_int_t)u->wave_size, "resident_waves", (json_int_t)resident);
  char *printed = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  return printed;
}

static fa_status check_elf(const void *object, size_t size, const char *target, const fa_gfx *gfx, const char *symbol, const char *descriptor,
                           fa_error *error) {
  fa_elf_view elf;
  Elf64_Sym found;
  fa_status status = fa_elf_open(&elf, object, size, error);
  if (status) return status;
  if ((elf.header.e_flags & MACHINE_MASK) != gfx->machine)
    return fa_fail(error, FA_ERR_VALIDATION, "compiled object: target flags 0x%02x, expected 0x%02x (%s)", elf.header.e_flags & MACHINE_MASK, gfx->machine, target);
  if (!fa_elf_symbol(&elf, symbol, &found) || ELF64_ST_TYPE(found.st_info) != STT_FUNC || found.st_size == 0)
    return fa_fail(error, FA_ERR_VALIDATION, "compiled object: no function '%s'", symbol);
  if (!fa_elf_symbol(&elf, descriptor, &found) || found.st_size != DESCRIPTOR_BYTES)
    return fa_fail(error, FA_ERR_VALIDATION, "compiled object: no kernel descriptor '%s' of %d bytes", descriptor, DESCRIPTOR_BYTES);
  return FA_OK;
}

static fa_status check_registers(const usage *u, const plan *p, const fa_gfx *gfx, fa_error *error) {
  long long waves = (p->block + p->wave_size - 1) / p->wave_size;
  long long waves_a_simd = (waves + gfx->workgroup_simds - 1) / gfx->workgroup_simds;
  long long allocated = (u->vgprs + gfx->vgpr_granule - 1) / gfx->vgpr_granule * gfx->vgpr_granule;
  long long width = (p->wave_size + gfx->vgpr_lanes - 1) / gfx->vgpr_lanes;
  if (u->vgprs < 0 || u->vgprs > gfx->wave_vgprs) return bad(error, "VGPRs of a lane", u->vgprs, "between 0 and", gfx->wave_vgprs, "smaller tiles need fewer");
  if (allocated * waves_a_simd * width > gfx->simd_vgprs)
    return bad(error, "VGPRs of a workgroup on one SIMD", allocated * waves_a_simd * width, "at most", gfx->simd_vgprs, "use fewer waves or smaller tiles");
  return FA_OK;
}

static fa_status check_resources(const usage *u, const plan *p, const fa_gfx *gfx, fa_error *error) {
  if (u->scratch_bytes != 0)
    return bad(error, "scratch in bytes a lane (registers spilled to memory)", u->scratch_bytes, "exactly", 0, "smaller tiles need fewer registers");
  if (strcmp(u->dynamic_stack, "1") == 0 || strcmp(u->dynamic_stack, "true") == 0)
    return fa_fail(error, FA_ERR_VALIDATION, "compiled object: it uses a stack of unknown size");
  if (u->wave_size != p->wave_size) return bad(error, "wave size", u->wave_size, "exactly", p->wave_size, "");
  if (u->lds_bytes != p->lds_bytes) return bad(error, "LDS in bytes", u->lds_bytes, "exactly (by the manifest)", p->lds_bytes, "");
  if (u->lds_bytes > gfx->lds_bytes) return bad(error, "LDS in bytes", u->lds_bytes, "at most", gfx->lds_bytes, "use fewer stages or smaller tiles");
  if (p->block > FA_GFX_MAX_BLOCK) return bad(error, "lanes of a workgroup", p->block, "at most", FA_GFX_MAX_BLOCK, "use fewer waves");
  if (u->max_block < p->block) return bad(error, "largest workgroup in lanes", u->max_block, "at least (by the manifest)", p->block, "");
  if (u->kernarg_bytes > p->kernarg_bytes || p->kernarg_bytes > (u->kernarg_bytes + 7) / 8 * 8) /* the manifest may pad to 8 */
    return bad(error, "size of the arguments in bytes", u->kernarg_bytes, "exactly (by the manifest)", p->kernarg_bytes, "");
  return check_registers(u, p, gfx, error);
}

static fa_status check_arguments(const usage *u, const plan *p, fa_error *error) {
  size_t count = json_array_size(p->arguments), index;
  const json_t *argument;
  json_array_foreach((json_t *)(uintptr_t)u->arguments, index, argument) {
    const json_t *expected = json_array_get(p->arguments, index);
    const char *kind = text(argument, ".value_kind");
    long long offset = number(argument, ".offset", -1), size = number(argument, ".size", -1);
    if (!strncmp(kind, "hidden_", 7)) return fa_fail(error, FA_ERR_VALIDATION, "compiled object: it asks for the hidden argument %s; the manifest has none", kind);
    if (!expected) return bad(error, "number of arguments", (long long)json_array_size(u->arguments), "exactly (by the manifest)", (long long)count, "");
    if (offset != number(expected, "offset", -2) || size != number(expected, "size", -2))
      return fa_fail(error, FA_ERR_VALIDATION, "compiled object: argument %zu (%s) has offset %lld and size %lld, in the manifest %lld and %lld", index,
                     text(expected, "name"), offset, size, number(expected, "offset", -1), number(expected, "size", -1));
    if (!strcmp(kind, "global_buffer") != !strcmp(text(expected, "kind"), "pointer"))
      return fa_fail(error, FA_ERR_VALIDATION, "compiled object: argument %zu (%s) is of kind %s, in the manifest %s", index, text(expected, "name"), kind,
                     text(expected, "kind"));
  }
  if (json_array_size(u->arguments) != count)
    return bad(error, "number of arguments", (long long)json_array_size(u->arguments), "exactly (by the manifest)", (long long)count, "");
  return FA_OK;
}

fa_status fa_validate(char **resources, const void *object, size_t size, const char *target, const char *metadata, const char *manifest, fa_error *error) {
  json_error_t where;
  json_t *have = json_loads(metadata, 0, &where), *want = json_loads(manifest, JSON_REJECT_DUPLICATES, &where);
  const fa_gfx *gfx = fa_gfx_find(target);
  const json_t *kernel;
  plan p;
  usage u;
  fa_status status = FA_OK;
  *resources = NULL;
  if (!have || !want) {
    status = fa_fail(error, FA_ERR_VALIDATION, "%s is not JSON (line %d: %s)", have ? "manifest" : "metadata", where.line, where.text);
  } else if (!gfx) {
    status = fa_fail(error, FA_ERR_UNSUPPORTED, "target=%s: its limits are not known (gen/gfx.c)", target);
  } else if ((status = read_plan(&p, want, error)) == FA_OK) {
    kernel = find_kernel(have, p.symbol);
    if (!kernel) {
      status = fa_fail(error, FA_ERR_VALIDATION, "compiled object: its metadata has no kernel '%s'", p.symbol);
    } else {
      u = read_usage(kernel);
      *resources = print_resources(&u, &p, gfx);
      if (!*resources) status = fa_fail(error, FA_ERR_NOMEM, "resources: out of memory");
      else if (!(status = check_elf(object, size, target, gfx, p.symbol, u.symbol, error)) && !(status = check_resources(&u, &p, gfx, error)))
        status = check_arguments(&u, &p, error);
    }
  }
  json_decref(have);
  json_decref(want);
  return status;
}
