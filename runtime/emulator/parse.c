/* SPDX-License-Identifier: MIT
 *
 * The grammar of one line of disassembly: mnemonic, operands, modifiers. What a name means is not known here.
 */
#include "emu.h"

#include <ctype.h>
#include <stdlib.h>

/* ---- operands --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint8_t kind, dwords;
    uint16_t index;
} emu_named[] = {
    {"vcc", K_SGPR, 2, S_VCC},
    {"vcc_lo", K_SGPR, 1, S_VCC},
    {"vcc_hi", K_SGPR, 1, S_VCC + 1},
    {"exec", K_SGPR, 2, S_EXEC},
    {"exec_lo", K_SGPR, 1, S_EXEC},
    {"exec_hi", K_SGPR, 1, S_EXEC + 1},
    {"m0", K_SGPR, 1, S_M0},
    {"flat_scratch", K_SGPR, 2, S_FLAT_SCRATCH},
    {"flat_scratch_lo", K_SGPR, 1, S_FLAT_SCRATCH},
    {"flat_scratch_hi", K_SGPR, 1, S_FLAT_SCRATCH + 1},
    {"xnack_mask", K_SGPR, 2, S_XNACK},
    {"xnack_mask_lo", K_SGPR, 1, S_XNACK},
    {"xnack_mask_hi", K_SGPR, 1, S_XNACK + 1},
    {"null", K_NULL, 1, 0},
    {"off", K_OFF, 0, 0},
    {"scc", K_SPECIAL, 1, SP_SCC},
    {"src_scc", K_SPECIAL, 1, SP_SCC},
    {"src_vccz", K_SPECIAL, 1, SP_VCCZ},
    {"src_execz", K_SPECIAL, 1, SP_EXECZ},
    {"src_shared_base", K_SPECIAL, 2, SP_SHARED_BASE},
    {"src_shared_limit", K_SPECIAL, 2, SP_SHARED_LIMIT},
    {"src_private_base", K_SPECIAL, 2, SP_PRIVATE_BASE},
    {"src_private_limit", K_SPECIAL, 2, SP_PRIVATE_LIMIT},
    {"src_pops_exiting_wave_id", K_SPECIAL, 1, SP_ZERO},
};

/* "v7", "s[4:7]", "a3", "ttmp9", "v5.h" */
static bool parse_register(emu_operand *a, const char *s)
{
    static const struct {
        const char *prefix;
        uint8_t kind;
        uint16_t base, limit;
    } files[] = {{"ttmp", K_SGPR, S_TTMP, 16}, {"v", K_VGPR, 0, 256}, {"a", K_VGPR, 256, 256},
                 {"s", K_SGPR, 0, EMU_MAX_SGPR}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t n = strlen(files[i].prefix);
        unsigned long first, last;
        char *end;
        if (strncmp(s, files[i].prefix, n) != 0 || !(isdigit((unsigned char)s[n]) || s[n] == '['))
            continue;
        if (s[n] == '[') {
            first = last = strtoul(s + n + 1, &end, 10);
            if (*end == ':')
                last = strtoul(end + 1, &end, 10);
            if (*end++ != ']')
                return false;
        } else {
            first = last = strtoul(s + n, &end, 10);
        }
        if (last < first || last >= files[i].limit || last - first >= 32)
            return false;
        a->half = strcmp(end, ".l") == 0 ? 1 : strcmp(end, ".h") == 0 ? 2 : 0;
        if (*end && !a->half)
            return false;
        a->kind = files[i].kind;
        a->index = (uint16_t)(files[i].base + first);
        a->dwords = (uint8_t)(last - first + 1);
        return true;
    }
    return false;
}

static bool parse_number(emu_operand *a, const char *s)
{
    char *end;
    if (!isdigit((unsigned char)*s) && *s != '-' && *s != '+' && *s != '.')
        return false;
    bool hex = strncmp(s, "0x", 2) == 0 || strncmp(s, "-0x", 3) == 0;
    if (!hex && strpbrk(s, ".eE")) {
        a->number = strtod(s, &end);
        a->is_float = true;
    } else {
        a->value = (uint64_t)strtoll(s, &end, 0);
        if (hex && *s != '-')
            a->value = strtoull(s, &end, 0);
        a->literal = hex;
    }
    if (*end || end == s)
        return false;
    a->kind = K_CONST;
    return true;
}

static bool parse_operand(emu_operand *a, char *s)
{
    size_t n = strlen(s);
    *a = (emu_operand){.sdwa = 6};
    if (strncmp(s, "sext(", 5) == 0 && s[n - 1] == ')') {
        a->sext = true;
        s[n - 1] = 0;
        s += 5;
    } else if (strncmp(s, "neg(", 4) == 0 && s[n - 1] == ')') {
        a->neg = true;
        s[n - 1] = 0;
        s += 4;
    } else if (strncmp(s, "lit(", 4) == 0 && s[n - 1] == ')') {
        s[n - 1] = 0;
        s += 4;
    }
    if (*s == '-' && (s[1] == '|' || s[1] == 'v' || s[1] == 's' || s[1] == 'a' || s[1] == 't' || s[1] == 'm' ||
                      s[1] == 'e' || s[1] == '(')) {
        a->neg = true;
        s++;
    }
    n = strlen(s);
    if (n > 2 && *s == '|' && s[n - 1] == '|') {
        a->abs = true;
        s[n - 1] = 0;
        s++;
    } else if (n > 2 && *s == '(' && s[n - 1] == ')') {
        s[n - 1] = 0;
        s++;
    }
    for (size_t i = 0; i < sizeof emu_named / sizeof emu_named[0]; i++)
        if (strcmp(emu_named[i].name, s) == 0) {
            a->kind = emu_named[i].kind;
            a->dwords = emu_named[i].dwords;
            a->index = emu_named[i].index;
            return true;
        }
    return parse_register(a, s) || parse_number(a, s);
}

/* ---- modifiers -------------------------------------------------------------------------------------------- */

/* "[1,0,1]": element i to bit i */
static bool parse_bits(uint8_t *out, const char *s)
{
    *out = 0;
    if (*s != '[')
        return false;
    for (unsigned i = 0; *s && *s != ']' && i < 8; i++) {
        long v = strtol(s + 1, (char **)&s, 10);
        *out |= (uint8_t)((v & 1) << i);
    }
    return *s == ']';
}

static bool parse_list(uint8_t *out, unsigned count, const char *s)
{
    if (*s != '[')
        return false;
    for (unsigned i = 0; i < count; i++) {
        out[i] = (uint8_t)(strtol(s + 1, (char **)&s, 10) & 7);
        if (*s != ',' && *s != ']')
            return false;
    }
    return *s == ']';
}

/* ds_swizzle_b32's offset in words: the encodings of the ISA documents' section on LDS swizzle */
static bool parse_swizzle(int32_t *out, const char *s)
{
    unsigned v[5] = {0}, n = 0;
    const char *comma = strchr(s, ',');
    if (strncmp(s, "swizzle(", 8) != 0 || !comma)
        return false;
    s += 8;
    if (strncmp(s, "BITMASK_PERM", 12) == 0) {
        const char *q = strchr(comma, '"');
        unsigned and = 0, or = 0, xor = 0;
        if (!q || strlen(q) < 7)
            return false;
        for (unsigned i = 0; i < 5; i++) {
            unsigned bit = 1u << (4 - i);
            char c = q[1 + i];
            and |= c == 'p' || c == 'i' ? bit : 0;
            or |= c == '1' ? bit : 0;
            xor |= c == 'i' ? bit : 0;
        }
        *out = (int32_t)(and | or << 5 | xor << 10);
        return true;
    }
    for (const char *p = comma; *p == ',' && n < 5; n++)
        v[n] = (unsigned)strtoul(p + 1, (char **)&p, 10);
    if (strncmp(s, "QUAD_PERM", 9) == 0 && n == 4)
        *out = (int32_t)(0x8000 | (v[0] & 3) | (v[1] & 3) << 2 | (v[2] & 3) << 4 | (v[3] & 3) << 6);
    else if (strncmp(s, "SWAP", 4) == 0 && n == 1)
        *out = (int32_t)(0x1f | v[0] << 10);
    else if (strncmp(s, "REVERSE", 7) == 0 && n == 1)
        *out = (int32_t)(0x1f | (v[0] - 1) << 10);
    else if (strncmp(s, "BROADCAST", 9) == 0 && n == 2 && v[0])
        *out = (int32_t)((0x1f & ~(v[0] - 1)) | v[1] << 5);
    else
        return false;
    return true;
}

static bool parse_sdwa(uint8_t *out, const char *s)
{
    static const char *const names[] = {"BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3", "WORD_0", "WORD_1", "DWORD"};
    for (uint8_t i = 0; i < 7; i++)
        if (strcmp(s, names[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

enum flag_kind { F_BOOL, F_NUMBER, F_BITS, F_DPP, F_OFFSET, F_QUAD, F_DPP8, F_SDWA, F_UNUSED, F_OMOD, F_TH, F_SCOPE, F_IGNORE };
#define AT(field) offsetof(emu_mods, field)
static const struct {
    const char *key;
    uint8_t kind, arg;
    size_t at;
} emu_flags[] = {
    {"offen", F_BOOL, 0, AT(offen)}, {"idxen", F_BOOL, 0, AT(idxen)}, {"addr64", F_BOOL, 0, AT(addr64)},
    {"lds", F_BOOL, 0, AT(lds)}, {"glc", F_BOOL, 0, AT(glc)}, {"slc", F_BOOL, 0, AT(slc)},
    {"gds", F_BOOL, 0, AT(gds)}, {"sc0", F_BOOL, 0, AT(sc0)}, {"sc1", F_BOOL, 0, AT(sc1)}, {"nt", F_BOOL, 0, AT(nt)},
    {"tfe", F_BOOL, 0, AT(tfe)}, {"dlc", F_BOOL, 0, AT(dlc)}, {"scc", F_IGNORE, 0, 0},
    {"clamp", F_BOOL, 0, AT(clamp)}, {"offset0", F_NUMBER, 0, AT(offset0)}, {"offset1", F_NUMBER, 0, AT(offset1)},
    {"offset", F_OFFSET, 0, AT(offset)}, {"op_sel", F_BITS, 1, AT(op_sel)}, {"op_sel_hi", F_BITS, 2, AT(op_sel_hi)},
    {"neg_lo", F_BITS, 0, AT(neg_lo)}, {"neg_hi", F_BITS, 0, AT(neg_hi)}, {"neg", F_BITS, 0, AT(neg3)},
    {"cbsz", F_NUMBER, 0, AT(cbsz)}, {"abid", F_NUMBER, 0, AT(abid)}, {"blgp", F_NUMBER, 0, AT(blgp)},
    {"byte_sel", F_NUMBER, 0, AT(byte_sel)}, {"bitop3", F_NUMBER, 0, AT(bitop3)},
    {"index_key", F_NUMBER, 0, AT(abid)},
    {"format", F_IGNORE, 0, 0}, {"dfmt", F_NUMBER, 0, AT(format)}, {"nfmt", F_IGNORE, 0, 0},
    {"mul", F_OMOD, 0, AT(omod)}, {"div", F_OMOD, 1, AT(omod)},
    {"dst_sel", F_SDWA, 0, AT(dst_sel)}, {"dst_unused", F_UNUSED, 0, AT(dst_unused)},
    {"row_mask", F_NUMBER, 0, AT(row_mask)}, {"bank_mask", F_NUMBER, 0, AT(bank_mask)},
    {"bound_ctrl", F_BOOL, 0, AT(bound_ctrl)}, {"fi", F_NUMBER, 0, AT(fi)},
    {"quad_perm", F_QUAD, DPP_QUAD_PERM, 0}, {"dpp8", F_DPP8, DPP_DPP8, 0},
    {"row_shl", F_DPP, DPP_ROW_SHL, 0}, {"row_shr", F_DPP, DPP_ROW_SHR, 0}, {"row_ror", F_DPP, DPP_ROW_ROR, 0},
    {"wave_shl", F_DPP, DPP_WAVE_SHL, 0}, {"wave_rol", F_DPP, DPP_WAVE_ROL, 0},
    {"wave_shr", F_DPP, DPP_WAVE_SHR, 0}, {"wave_ror", F_DPP, DPP_WAVE_ROR, 0},
    {"row_mirror", F_DPP, DPP_ROW_MIRROR, 0}, {"row_half_mirror", F_DPP, DPP_ROW_HALF_MIRROR, 0},
    {"row_bcast", F_DPP, DPP_ROW_BCAST15, 0}, {"row_newbcast", F_DPP, DPP_ROW_SHARE, 0},
    {"row_share", F_DPP, DPP_ROW_SHARE, 0}, {"row_xmask", F_DPP, DPP_ROW_XMASK, 0},
    {"wait_exp", F_IGNORE, 0, 0}, {"wait_vdst", F_IGNORE, 0, 0}, {"wait_va_vdst", F_IGNORE, 0, 0},
    {"wait_vm_vsrc", F_IGNORE, 0, 0},
    {"th", F_TH, 0, AT(glc)}, {"scope", F_SCOPE, 0, AT(scope)}, {"wait_va_vsrc", F_IGNORE, 0, 0},
};

static bool set_dpp(emu_mods *m, uint8_t mode, const char *value)
{
    m->dpp = mode;
    m->dpp_arg = (uint8_t)strtoul(value, NULL, 0);
    if (mode == DPP_ROW_BCAST15 && m->dpp_arg == 31)
        m->dpp = DPP_ROW_BCAST31;
    return true;
}

static bool set_unused(emu_mods *m, const char *value)
{
    m->dst_unused = strcmp(value, "UNUSED_SEXT") == 0 ? 1 : strcmp(value, "UNUSED_PRESERVE") == 0 ? 2 : 0;
    m->sdwa = true;
    return true;
}

static bool parse_modifier(emu_text *t, char *word)
{
    emu_mods *m = &t->mods;
    char *value = strchr(word, ':');
    size_t n = value ? (size_t)(value - word) : strlen(word);
    value = value ? value + 1 : word + n;
    if (n == 8 && strncmp(word, "src", 3) == 0 && strncmp(word + 4, "_sel", 4) == 0) {
        /* after the destination, and after the carry that v_add_co_u32 and its kin write */
        unsigned i = (unsigned)(word[3] - '0') + (strstr(t->full, "_co_") ? 2 : 1);
        m->sdwa = true;
        return i && i < t->arg_count + 1 && i < 4 && parse_sdwa(&t->args[i].sdwa, value);
    }
    for (size_t i = 0; i < sizeof emu_flags / sizeof emu_flags[0]; i++) {
        if (strncmp(emu_flags[i].key, word, n) != 0 || emu_flags[i].key[n])
            continue;
        uint8_t *field = (uint8_t *)m + emu_flags[i].at, arg = emu_flags[i].arg;
        switch (emu_flags[i].kind) {
        case F_BOOL: *field = 1; return true;
        case F_NUMBER: *field = (uint8_t)strtoul(value, NULL, 0); return true;
        case F_BITS:
            m->has_op_sel |= arg == 1;
            m->has_op_sel_hi |= arg == 2;
            return parse_bits(field, value);
        case F_OFFSET:
            return parse_swizzle(&m->offset, value) || (m->offset = (int32_t)strtol(value, NULL, 0), true);
        case F_DPP: return set_dpp(m, arg, value);
        case F_QUAD: m->dpp = arg; return parse_list(m->quad, 4, value);
        case F_DPP8: m->dpp = arg; return parse_list(m->quad, 8, value);
        case F_SDWA: m->sdwa = true; return parse_sdwa(field, value);
        case F_UNUSED: return set_unused(m, value);
        case F_TH: /* temporal hints; bit 0 of an atomic's asks for the old value */
            *field |= strncmp(value, "TH_ATOMIC_", 10) == 0 &&
                      (strstr(value, "RETURN") || strtoul(value + 10, NULL, 0) & 1);
            return true;
        case F_SCOPE: *field = strstr(value, "SYS") ? 3 : strstr(value, "DEV") ? 2 : strstr(value, "SE") ? 1 : 0; return true;
        case F_OMOD: m->omod = (int8_t)(arg ? 3 : *value == '4' ? 2 : 1); return true;
        default: return true;
        }
    }
    return false;
}

/* ---- a line ----------------------------------------------------------------------------------------------- */

/* Ends the word that starts at s (brackets, quotes and parentheses keep blanks and commas inside); returns what
 * ended it and moves *next behind it. */
static char end_word(char *s, char **next)
{
    int depth = 0;
    bool quoted = false;
    for (;; s++) {
        char c = *s;
        if (c == '"')
            quoted = !quoted;
        if (c == '(' || c == '[')
            depth++;
        if (c == ')' || c == ']')
            depth--;
        if (!c || (!quoted && depth <= 0 && (c == ',' || c == ' ' || c == '\t'))) {
            *next = c ? s + 1 : s;
            *s = 0;
            return c;
        }
    }
}

/* Parses `text` using `copy` (of at least its size) as room. False: a word that is neither operand nor modifier;
 * then args before it are filled in, and out->raw still has the operand text. */
bool emu_parse_text(emu_text *out, char *copy, const char *text)
{
    char *s = copy, *next;
    bool ok = true, operand = true;
    memset(out, 0, sizeof *out);
    out->mods.row_mask = out->mods.bank_mask = 0xf;
    out->mods.dst_sel = 6;
    strcpy(copy, text);
    out->full = s;
    char ended = end_word(s, &next);
    out->raw = text + (ended ? next - copy : (ptrdiff_t)strlen(text));
    for (s = next; ended; s = next) {
        while (*s == ' ' || *s == '\t')
            s++;
        if (!*s)
            break;
        ended = end_word(s, &next);
        if (operand && out->arg_count < 12 && parse_operand(&out->args[out->arg_count], s))
            out->arg_count++;
        else
            ok &= parse_modifier(out, s);
        operand = ended == ',';
        while (*next == ' ')
            next++;
        if (*next == ',') { /* "a , b" */
            operand = true;
            next++;
        }
    }
    return ok;
}
