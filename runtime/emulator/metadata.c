/* SPDX-License-Identifier: MIT
 *
 * Reading the amdhsa metadata note (as JSON): kernels, their arguments, hidden arguments. Scalars come as strings
 * or as numbers, depending on who printed them. Triton leaves names out and lists only what the kernel uses.
 */
#include "emu.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

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

static bool get_number(const json_t *map, const char *key, uint64_t fallback, uint64_t *out)
{
    const json_t *v = json_object_get(map, key);
    *out = fallback;
    if (!v)
        return true;
    if (json_is_integer(v)) {
        *out = (uint64_t)json_integer_value(v);
        return json_integer_value(v) >= 0;
    }
    if (json_is_boolean(v)) {
        *out = json_is_true(v);
        return true;
    }
    if (json_is_string(v)) {
        const char *s = json_string_value(v);
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

static bool get_u32(const json_t *map, const char *key, uint32_t *out)
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

static fa_emu_status read_args(emu_kernel *k, const json_t *list, fa_emu_error *e)
{
    size_t n = json_array_size(list);
    if (!n)
        return FA_EMU_OK;
    k->args = calloc(n, sizeof *k->args);
    if (!k->args)
        return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for the arguments of kernel %s", k->name);
    for (size_t i = 0; i < n; i++) {
        const json_t *a = json_array_get(list, i);
        const char *kind = json_string_value(json_object_get(a, ".value_kind"));
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

static fa_emu_status read_kernel(emu_kernel *k, const json_t *map, fa_emu_error *e)
{
    const char *name = json_string_value(json_object_get(map, ".name"));
    const char *symbol = json_string_value(json_object_get(map, ".symbol"));
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
    return read_args(k, json_object_get(map, ".args"), e);
}

fa_emu_status emu_object_read_metadata(fa_emu_object *o, const char *json, size_t size, fa_emu_error *e)
{
    json_error_t error;
    json_t *root = json_loadb(json, size, 0, &error);
    fa_emu_status s = FA_EMU_OK;
    if (!root)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "metadata: not JSON: line %d: %s", error.line, error.text);
    const json_t *kernels = json_object_get(root, "amdhsa.kernels");
    size_t n = json_array_size(kernels);
    if (!n) {
        s = emu_fail(e, FA_EMU_ERR_OBJECT, "metadata: no amdhsa.kernels");
        goto cleanup;
    }
    o->kernels = calloc(n, sizeof *o->kernels);
    if (!o->kernels) {
        s = emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for %zu kernels", n);
        goto cleanup;
    }
    for (size_t i = 0; s == FA_EMU_OK && i < n; i++) {
        o->kernel_count++;
        s = read_kernel(&o->kernels[i], json_array_get(kernels, i), e);
    }
cleanup:
    json_decref(root);
    return s;
}
