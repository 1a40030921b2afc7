/* SPDX-License-Identifier: MIT
 *
 * Reading the amdhsa metadata note (as JSON): kernels, their arguments, hidden arguments. Scalars come as strings
 * or as numbers, depending on who printed them. Triton leaves names out and lists only what the kernel uses.
 */
#include "emu.h"

#include <errno.h>
#include <stdlib.h>

#include "../../cache/host_memory.h"
#include "../json.h"

static const struct {
    const char *name;
    emu_arg_kind kind;
} emu_hidden[] = {
    {"hidden_block_count_x", ARG_BLOCK_COUNT_X}, {"hidden_block_count_y", ARG_BLOCK_COUNT_Y},
    {"hidden_block_count_z", ARG_BLOCK_COUNT_Z}, {"hidden_group_size_x", ARG_GROUP_SIZE_X},
    {"hidden_group_size_y", ARG_GROUP_SIZE_Y},   {"hidden_group_size_z", ARG_GROUP_SIZE_Z},
    {"hidden_remainder_x", ARG_REMAINDER_X},     {"hidden_remainder_y", ARG_REMAINDER_Y},
    {"hidden_remainder_z", ARG_REMAINDER_Z},     {"hidden_grid_dims", ARG_GRID_DIMS},
    {"hidden_dynamic_lds_size", ARG_DYNAMIC_LDS}, {"hidden_private_base", ARG_PRIVATE_BASE},
    {"hidden_shared_base", ARG_SHARED_BASE},     {"hidden_queue_ptr", ARG_QUEUE_PTR},
};

static bool get_number(const fa_json *map, const char *key, uint64_t fallback, uint64_t *out)
{
    const fa_json *v = fa_json_member(map, key);
    *out = fallback;
    if (!v)
        return true;
    if (v->kind == FA_JSON_INTEGER) {
        *out = (uint64_t)v->integer;
        return v->integer >= 0;
    }
    if (v->kind == FA_JSON_FALSE || v->kind == FA_JSON_TRUE) {
        *out = v->kind == FA_JSON_TRUE;
        return true;
    }
    const char *s = fa_json_text(v);
    if (s) {
        char *end;
        if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0) {
            *out = *s == 't';
            return true;
        }
        errno = 0;
        *out = strtoull(s, &end, 0);
        return end != s && !*end && !errno && *s != '-';
    }
    return false;
}

static bool get_u32(const fa_json *map, const char *key, uint32_t *out)
{
    uint64_t v;
    bool ok = get_number(map, key, 0, &v) && v <= UINT32_MAX;
    *out = ok ? (uint32_t)v : 0;
    return ok;
}

static emu_arg_kind arg_kind(const char *text)
{
    if (strncmp(text, "hidden_", 7) != 0)
        return ARG_EXPLICIT;
    for (size_t i = 0; i < sizeof emu_hidden / sizeof emu_hidden[0]; i++)
        if (strcmp(emu_hidden[i].name, text) == 0)
            return emu_hidden[i].kind;
    return ARG_ZERO; /* printf buffer, host call buffer, heap ...: null where there is no runtime */
}

static fa_emu_status read_args(emu_kernel *k, const fa_json *list, fa_emu_error *e)
{
    size_t n = fa_json_count(list), i = 0;
    if (!n)
        return FA_EMU_OK;
    k->args = calloc(n, sizeof *k->args);
    if (!k->args)
        return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for the arguments of kernel %s", k->name);
    for (const fa_json *a = list->first; a; a = a->next, i++) {
        const char *kind = fa_json_text(fa_json_member(a, ".value_kind"));
        emu_arg *arg = &k->args[k->arg_count++];
        if (!kind || !get_u32(a, ".offset", &arg->offset) || !get_u32(a, ".size", &arg->size) ||
            arg->offset > UINT32_MAX - arg->size)
            return emu_fail(e, FA_EMU_ERR_OBJECT, "metadata: kernel %s: argument %zu lacks .value_kind, .offset or "
                            ".size", k->name, i);
        arg->kind = arg_kind(kind);
        if (arg->kind == ARG_EXPLICIT && arg->offset + arg->size > k->explicit_bytes)
            k->explicit_bytes = arg->offset + arg->size;
        if (arg->offset + arg->size > k->kernarg_bytes)
            k->kernarg_bytes = arg->offset + arg->size;
        if (k->kernarg_bytes > 1u << 20)
            return emu_fail(e, FA_EMU_ERR_OBJECT, "metadata: kernel %s: argument %zu at offset %u is beyond the limit "
                            "of 1 MiB of arguments", k->name, i, arg->offset);
    }
    return FA_EMU_OK;
}

static fa_emu_status read_kernel(emu_kernel *k, const fa_json *map, fa_emu_error *e)
{
    const char *name = fa_json_text(fa_json_member(map, ".name"));
    const char *symbol = fa_json_text(fa_json_member(map, ".symbol"));
    uint64_t dynamic;
    if (!name || !symbol)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "metadata: a kernel has no .name or no .symbol");
    k->name = strdup(name);
    k->symbol = strdup(symbol);
    if (!k->name || !k->symbol)
        return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for kernel %s", name);
    if (!get_u32(map, ".kernarg_segment_size", &k->kernarg_bytes) || k->kernarg_bytes > 1u << 20 ||
        !get_u32(map, ".max_flat_workgroup_size", &k->max_block) || !get_u32(map, ".vgpr_count", &k->vgprs) ||
        !get_u32(map, ".agpr_count", &k->agprs) || !get_u32(map, ".sgpr_count", &k->sgprs) ||
        !get_number(map, ".uses_dynamic_stack", 0, &dynamic))
        return emu_fail(e, FA_EMU_ERR_OBJECT, "metadata: kernel %s: a size is no number in range", name);
    k->dynamic_stack = dynamic != 0;
    return read_args(k, fa_json_member(map, ".args"), e);
}

fa_emu_status emu_object_read_metadata(fa_emu_object *o, const char *json, size_t size, fa_emu_error *e)
{
    fa_json_error trouble;
    fa_json *root = fa_json_read(json, size, &trouble);
    fa_emu_status s = FA_EMU_OK;
    if (!root && trouble.memory)
        return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for %zu bytes of metadata", size);
    if (!root)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "metadata: not JSON: line %d: %s", trouble.line, trouble.text);
    const fa_json *kernels = fa_json_member(root, "amdhsa.kernels");
    size_t n = fa_json_count(kernels);
    if (!n) {
        s = emu_fail(e, FA_EMU_ERR_OBJECT, "metadata: no amdhsa.kernels");
        goto cleanup;
    }
    o->kernels = calloc(n, sizeof *o->kernels);
    if (!o->kernels) {
        s = emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for %zu kernels", n);
        goto cleanup;
    }
    for (const fa_json *k = kernels->first; s == FA_EMU_OK && k; k = k->next)
        s = read_kernel(&o->kernels[o->kernel_count++], k, e);
cleanup:
    fa_free(root);
    return s;
}
