// SPDX-License-Identifier: MIT
// What choose.c tries and driver.c runs.
#ifndef FAGEN_TESTS_TABLE_SHOT_H
#define FAGEN_TESTS_TABLE_SHOT_H

#include "driver.h"

enum { SOURCE = 0, RESULT = 40, SCALAR = 20, MASKS = 60 }; // first registers

static inline uint32_t below(uint32_t n) { return table_random() % n; }
static inline bool chance(uint32_t percent) { return below(100) < percent; }
static inline bool has(const table_row *r, char flag) { return strchr(r->flags, flag) != NULL; }
static inline bool wide(char type) { return type == 'd' || type == 'l' || type == 'F'; }
static inline bool is_float(char type) { return strchr("fdhPFx", type) != NULL; }
static inline bool short_type(char type) { return type == 'h' || type == 's'; }
static inline number_format format_of(char type)
{
    return type == 'd' ? double_format : type == 'h' || type == 'P' ? half_format : single_format;
}

// One shot: a text and what it means.
enum { PART_ALL = 6 };
typedef struct source {
    char kind; // v register, s scalar, c constant
    uint64_t constant;
    bool neg, abs, sext, high, mixed;
    bool lo_high, hi_high, neg_lo, neg_hi; // packed
    unsigned part;                         // SDWA: 0..3 byte, 4..5 word
} source;
typedef struct shot {
    const table_row *row;
    const char *target;
    char family;
    source src[3];
    unsigned sources, lanes;
    char type[4]; // result, sources
    bool clamp, sdwa, dpp, halves, select, result_high;
    int omod, unused;
    unsigned part;
    char dpp_kind;
    unsigned dpp_arg, dpp_quad[8], row_mask, bank_mask;
    bool bound, fetch_inactive;
    uint32_t mode;
    uint64_t exec, vcc;
    unsigned imm;
    char text[256];
} shot;

void table_choose(shot *s, const table_row *r, const char *target);

#endif
