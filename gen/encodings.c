/* SPDX-License-Identifier: MIT
 * Which instructions a target has: see encodings.h.  Formats: the microcode chapters of AMD's ISA documents.  What an opcode means, and whether
 * it exists, the disassembler says: a row gives only where the opcode stands and words that make plausible operands around it. */
#include "encodings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { WORDS = 4, FILLS = 12 };
enum { G9 = 1, G10 = 2, G11 = 4, G12 = 8 }; /* gfx9 with CDNA, gfx10.3, gfx11, gfx12 */

typedef struct encoding {
  unsigned families;
  uint32_t fixed;        /* of the first word */
  uint8_t shift;         /* of the opcode within it */
  uint16_t first, count; /* opcodes */
  uint8_t fields;        /* that an opcode may not have: see below */
  uint32_t fills[FILLS][WORDS]; /* added to the fixed bits and the opcode; ends with two words of 0 */
} encoding;

/* Fields that some opcodes of a row do not have; the disassembler wants zero there. What may be cleared, fewest first. */
enum { ALL, SOURCES, BYTES, ADDRESS, ADDRESS12 };
static const uint32_t cleared[][16][WORDS] = {
  [ALL] = {{0}},
  [SOURCES] = {{0}, {0, 0x1ffu << 18}, {0, 0x3ffffu << 9}, {0xff}, {0xff, 0x1ffu << 18}, {0xff, 0x7ffffff}}, /* the third; second and third; the result */
  [BYTES] = {{0}, {0, 0xff000000}, {0, 0x00ff0000}, {0, 0x0000ff00}, {0, 0xffff0000}, {0, 0x00ffff00}, {0, 0xff00ff00}, {0, 0xffffff00}, {0, 0x00ffffff}, {0, 0xffff00ff}, {0, 0xffffffff}},
  [ADDRESS] = {{0}, {0, 0xff000000}, {0, 0x0000ff00}, {0, 0xff00ff00}, {0, 0x0000ffff}, {0, 0xff0000ff}, {0, 0x000000ff}, {0, 0xff00ffff}, {0, 0xffffffff}},
  [ADDRESS12] = {{0}, {0, 0xff}, {0, 0xffu << 23}, {0, 0xff | 0xffu << 23}, {0, 0, 0xff}, {0, 0xff, 0xff}, {0, 0xffu << 23, 0xff}, {0, 0xff | 0xffu << 23, 0xff}},
};

/* Registers stand where their numbers divide by four: tuples of any width are aligned. Source fields have 9 bits. */
enum { S8 = 8, S16 = 16, VCC = 106, M0 = 124, M0_11 = 125, EXEC = 126, ONE = 129, MINUS = 193, HALF = 240, LITERAL = 255, V8 = 256 + 8, V12 = 256 + 12, V16 = 256 + 16 };
#define VALUE 0x40490fdbu /* a literal */
#define SRC(a, b, c) ((uint32_t)(a) | (uint32_t)(b) << 9 | (uint32_t)(c) << 18)

/* second words of SDWA and DPP */
#define SDWA_PLAIN 0x06060608u  /* v8, DWORD all through */
#define SDWA_PARTS 0x05011508u  /* v8 BYTE_1, WORD_1; WORD_1 of the result, the rest preserved */
#define SDWA_SCALAR 0x06860608u /* s8 */
#define DPP_QUAD 0xff00b108u    /* quad_perm:[1,0,3,2] */
#define DPP_SHIFT 0xff091108u   /* row_shr:1 bound_ctrl */
#define DPP8 0x05397708u        /* dpp8 */
enum { IS_DPP8 = 0xe9, IS_SDWA = 0xf9, IS_DPP = 0xfa };

/* What src0 of VOP1, VOP2 and VOPC may be; the other fields of the row in `rest`. */
#define VECTOR_SOURCES(rest) \
  {(rest) | V8}, {(rest) | S8}, {(rest) | ONE}, {(rest) | HALF}, {(rest) | LITERAL, VALUE}, {(rest) | V8, VALUE}, {(rest) | IS_SDWA, SDWA_PLAIN}, \
  {(rest) | IS_SDWA, SDWA_PARTS}, {(rest) | IS_DPP, DPP_QUAD}, {(rest) | IS_DPP, DPP_SHIFT}, {(rest) | IS_DPP8, DPP8}
/* true16: upper halves */
#define UPPER 0x80u

static const encoding table[] = {
  /* scalar */
  {G9 | G10 | G11 | G12, 0x80000000, 23, 0, 0x60, ALL, {{S16 << 16 | S8 << 8 | 4}, {S16 << 16 | S8 << 8 | LITERAL, VALUE}, {S16 << 16 | ONE << 8 | MINUS}, {VCC << 16 | EXEC << 8 | 4, VALUE}}},
  {G9 | G10 | G11 | G12, 0xb0000000, 23, 0, 0x20, ALL, {{S16 << 16 | 0x1234}, {S16 << 16 | 0xf801, VALUE}, {S16 << 16 | 3}, {125 << 16 | 3}, {124 << 16 | 3}}},
  {G9 | G10 | G11 | G12, 0xbe800000, 8, 0, 0x100, ALL, {{S16 << 16 | 4}, {S16 << 16 | LITERAL, VALUE}, {S16 << 16 | MINUS}, {VCC << 16 | EXEC}, {M0 << 16 | 4}}},
  {G9 | G10 | G11 | G12, 0xbf000000, 16, 0, 0x80, ALL, {{S8 << 8 | 4}, {S8 << 8 | LITERAL, VALUE}, {ONE << 8 | S8}}},
  {G9 | G10 | G11 | G12, 0xbf800000, 16, 0, 0x80, ALL, {{1}, {0, VALUE}, {0x0f70}, {0xffff}}},
  {G9, 0xc0000000, 18, 0, 0x100, ALL, {{1 << 17 | S16 << 6 | 4, 0x40}, {S16 << 6 | 4, S8}, {1 << 17 | 1 << 16 | S16 << 6 | 4, 0x40}, {3 << 14 | S16 << 6 | 4, 8u << 25 | 0x40}}},
  {G10, 0xf4000000, 18, 0, 0x100, ALL, {{S16 << 6 | 4, 0xfa000040}, {S16 << 6 | 4, 8u << 25}, {1 << 16 | S16 << 6 | 4, 0xfa000040}}},
  {G11, 0xf4000000, 18, 0, 0x100, ALL, {{S16 << 6 | 4, 0xf8000040}, {S16 << 6 | 4, 8u << 25}, {1 << 14 | S16 << 6 | 4, 0xf8000040}}},
  {G12, 0xf4000000, 13, 0, 0x100, ALL, {{S16 << 6 | 4, 0xf8000040}, {S16 << 6 | 4, 8u << 25}, {S16 << 6 | 4, 8u << 25 | 0x40}}},
  /* vector, 32 bits and their SDWA and DPP */
  {G9 | G10 | G11 | G12, 0x00000000, 25, 0, 0x3e, ALL, {VECTOR_SOURCES(4 << 17 | 12 << 9), {4 << 17 | (12 | UPPER) << 9 | V8 | UPPER, VALUE}}},
  {G9 | G10 | G11 | G12, 0x7e000000, 9, 0, 0x100, ALL, {VECTOR_SOURCES(4 << 17), {(4 | UPPER) << 17 | V8 | UPPER}}},
  {G9 | G10 | G11 | G12, 0x7c000000, 17, 0, 0x100, ALL, {VECTOR_SOURCES(12 << 9), {(12 | UPPER) << 9 | V8 | UPPER}}},
  /* VOP3 and VOP3P: three, two, one operands; scalars and constants; modifiers */
#define VOP3(fixed, w) \
  {w, fixed, 16, 0, 0x400, SOURCES, {{4, SRC(V8, V12, V16)}, {4, SRC(S8, V12, HALF)}, {4, SRC(V8, S8, V16)}, {4, SRC(V8, V12, S16)}, {4, SRC(V8, S8, S16)}, {4, SRC(ONE, V12, V16)}, \
                            {0x704, SRC(V8, V12, V16) | 7u << 29}, {0x304, SRC(V8, V12, V16) | 3u << 29}, {0x104, SRC(V8, V12, V16) | 1u << 29}, {0x8004, SRC(V8, V12, V16)}, \
                            {4, SRC(V8, V12, V16) | 2u << 27}, {0x8004, SRC(V8, V12, V16) | 1u << 27}}}, \
  {w, fixed, 16, 0, 0x400, SOURCES, {{0x7804, SRC(V8, V12, V16)}, {0x5804, SRC(V8, V12, V16)}, {0x4804, SRC(V8, V12, V16)}, {0x1004, SRC(V8, V12, V16)}, {0x6a04, SRC(V8, V12, S16)}, \
                            {0x8004, SRC(V8, V12, S16)}}}
  VOP3(0xd0000000, G9),
  VOP3(0xd4000000, G10 | G11 | G12),
  {G10 | G11 | G12, 0xd4000000, 16, 0, 0x400, SOURCES, {{4, SRC(LITERAL, V12, V16), VALUE}, {4, SRC(V8, LITERAL, V16), VALUE}}},
  {G11 | G12, 0xd4000000, 16, 0, 0x400, SOURCES, {{4, SRC(IS_DPP, V12, V16), DPP_QUAD}, {4, SRC(IS_DPP8, V12, V16), DPP8}, {4, SRC(IS_DPP, V12, S16), DPP_QUAD}, {4, SRC(IS_DPP8, V12, S16), DPP8},
                                                  {4, SRC(IS_DPP, S8, V16), DPP_SHIFT}}},
#define VOP3P(fixed, w) \
  {w, fixed, 16, 0, 0x80, SOURCES, {{0x4004, SRC(V8, V12, V16) | 3u << 27}, {0x5b04, SRC(V8, V12, V16) | 5u << 29 | 1u << 27}, {0xc004, SRC(V8, V12, V16) | 3u << 27}, \
                           {0x4004, SRC(S8, V12, V16) | 3u << 27}, {0x4004, SRC(V8, HALF, V16) | 3u << 27}, {0x4004, SRC(V8, V12, ONE) | 3u << 27}, {0x4004, SRC(V8, V12, S16) | 3u << 27}, \
                           {0x4004, SRC(V8, 256 + 24, 256 + 64) | 3u << 27}, {0x4304, SRC(V8, V12, V16) | 3u << 27 | 3u << 29}}}
  VOP3P(0xd3800000, G9),
  VOP3P(0xcc000000, G10 | G11 | G12),
  {G11 | G12, 0xcc000000, 16, 0, 0x80, SOURCES, {{0x4004, SRC(IS_DPP, V12, V16) | 3u << 27, DPP_QUAD}, {0x4004, SRC(IS_DPP8, V12, V16) | 3u << 27, DPP8}}},
  /* MFMA: accumulators in the two files, a constant, broadcasts; the scaled products with their first half */
  {G9, 0xd3800000, 16, 0x40, 0x40, SOURCES, {{4, SRC(V8, V12, V16)}, {0x8004, SRC(V8, V12, V16)}, {4, SRC(V8, V12, HALF)}, {4, SRC(V8, V12, V16) | 3u << 27}, {4, SRC(V8, V16, V16)}, {4, SRC(V8, 256 + 24, 256 + 64)}, {4, SRC(S8, 0, 0)}}},
  {G9, 0xd3ac0000, 0, 0, 1, ALL, {{0x1000, SRC(S8, V12, 0), 0xd3ad0004, SRC(V8, 256 + 24, 256 + 64)}, {0x1000, SRC(V8, V12, 0), 0xd3ae0004, SRC(V8, 256 + 24, 256 + 64)}}},
  /* VOPD: below */
  /* LDS */
#define DS(fixed, shift, count, w, gds) \
  {w, fixed, shift, 0, count, BYTES, {{0x10, 0x04100c08}, {0x0201, 0x04100c08}, {gds | 0x10, 0x04100c08}}}
  DS(0xd8000000, 17, 0x100, G9, 1 << 16),
  DS(0xd8000000, 18, 0x100, G10 | G11 | G12, 1 << 17),
  /* global, flat, scratch: a scalar base, none, results */
#define FLAT9(segment) {G9, 0xdc000000 | (segment) << 14, 18, 0, 0x80, ADDRESS, {{0x10, 0x047f0c08}, {0x10, 0x04080c08}, {0x10010, 0x047f0c08}, {0x10010, 0x04080c08}, {0x2010, 0x047f0c08}, {0x2010, 0x04080c08}}}
  FLAT9(0), FLAT9(1), FLAT9(2),
#define FLAT10(segment) {G10, 0xdc000000 | (segment) << 14, 18, 0, 0x80, ADDRESS, {{0x10, 0x047d0c08}, {0x10, 0x04080c08}, {0x10010, 0x047d0c08}, {0x10010, 0x04080c08}, {0x2010, 0x047d0c08}}}
  FLAT10(0), FLAT10(1), FLAT10(2),
#define FLAT11(segment) {G11, 0xdc000000 | (segment) << 16, 18, 0, 0x80, ADDRESS, {{0x10, 0x047c0c08}, {0x10, 0x04080c08}, {0x4010, 0x047c0c08}, {0x4010, 0x04080c08}, {0x10, 0x04fc0c08}, {0x10, 0x04880c08}}}
  FLAT11(0), FLAT11(1), FLAT11(2),
  {G12, 0xec000000, 14, 0, 0x100, ADDRESS12, {{0x7c, 12u << 23 | 4, 0x1008}, {0x7c, 12u << 23 | 1 << 20 | 4, 0x1008}}},
  {G12, 0xed000000, 14, 0, 0x100, ADDRESS12, {{0x7c, 12u << 23 | 1 << 17 | 4, 0x1008}, {8, 12u << 23 | 1 << 17 | 4, 0x1008}, {8, 12u << 23 | 4, 0x1000}}},
  {G12, 0xee000000, 14, 0, 0x100, ADDRESS12, {{0x7c, 12u << 23 | 4, 0x1008}, {8, 12u << 23 | 4, 0x1008}, {0x7c, 12u << 23 | 1 << 20 | 4, 0x1008}, {8, 12u << 23 | 1 << 20 | 4, 0x1008}}},
  /* buffers: no address, an offset, an index, both; results, into LDS, with a status word */
#define MUBUF(fixed, w, offset, index, result) \
  {w, fixed, 18, 0, 0x100, ALL, {{0x10, 0x10040408}, {offset | 0x10, 0x10040408}, {index | 0x10, 0x80040408}, {offset | index | 0x10, 0x10040408}, {result | offset | 0x10, 0x10040408}, {result | 0x10, 0x10040408}}}
  MUBUF(0xe0000000, G9 | G10, 1 << 12, 1 << 13, 1 << 14),
  {G9 | G10, 0xe0000000, 18, 0, 0x80, ALL, {{0x11010, 0x10040008}, {0x1010, 0x10040008}, {0x1010, 0x10840408}}},
  {G11, 0xe0000000, 18, 0, 0x100, ALL, {{0x10, 0x10040408}, {0x10, 0x10440408}, {0x10, 0x80840408}, {0x10, 0x10c40408}, {0x4010, 0x10440408}, {0x4010, 0x10040408}, {0x10, 0x10640408}}},
  {G12, 0xc4000000, 14, 0, 0x100, ALL, {{8, 16 << 9 | 4, 0x1008}, {0x7c, 1u << 30 | 16 << 9 | 4, 0x1008}, {8, 1u << 31 | 16 << 9 | 4, 0x1008}, {8, 3u << 30 | 16 << 9 | 4, 0x1008},
                                   {8, 1u << 30 | 1 << 20 | 16 << 9 | 4, 0x1008}, {0x400008, 1u << 30 | 16 << 9 | 4, 0x1008}, {0x7c, 22u << 23 | 1u << 30 | 16 << 9 | 4, 0x1008}}},
  {G9, 0xe8000000, 15, 0, 16, ALL, {{0x1010 | 4 << 19 | 7u << 23, 0x10040408}, {0x2010 | 4 << 19 | 7u << 23, 0x10040408}, {0x3010 | 10 << 19, 0x80040408}}},
  {G10, 0xe8000000, 16, 0, 8, ALL, {{0x1010 | 22 << 19, 0x10040408}, {0x3010 | 22 << 19, 0x10040408}, {0x1010 | 22 << 19, 0x10240408}}},
  {G11, 0xe8000000, 15, 0, 16, ALL, {{0x10 | 22 << 19, 0x10440408}, {0x10 | 22 << 19, 0x10c40408}}},
  /* what is not for compute: exports, interpolation, images */
  {G9, 0xc4000000, 0, 0, 1, ALL, {{0x0f, 0x08080808}}},
  {G10 | G11 | G12, 0xf8000000, 0, 0, 1, ALL, {{0x0f, 0x08080808}}},
  {G9, 0xd4000000, 16, 0, 4, ALL, {{4 << 18 | 8}, {4 << 18 | 1}}},
  {G10, 0xc8000000, 16, 0, 4, ALL, {{4 << 18 | 8}, {4 << 18 | 1}}},
  {G11 | G12, 0xcd000000, 16, 0, 0x80, ALL, {{4, SRC(V8, V12, V16)}}},
  {G11 | G12, 0xce000000, 20, 0, 16, ALL, {{4}}},
  {G9, 0xf0000000, 18, 0, 0x80, ALL, {{0xf00, 0x00040408}, {0x2f00, 0x00040408}, {0x0100, 0x00040408}}},
  {G10, 0xf0000000, 18, 0, 0x80, ALL, {{0xf08, 0x00040408}, {0xf09, 0x00040408}, {0x0108, 0x00040408}, {0x9f01, 0x00040408}, {0x2108, 0x00040408}}},
  {G11, 0xf0000000, 18, 0, 0x100, ALL, {{0xf04, 0x00040408}, {0x104, 0x00040408}, {0x9f80, 0x00040408}, {0x4104, 0x00040408}, {0x9f81, 0x00040408, 0x0c0c0c0c}}},
  {G12, 0xd0000000, 14, 0, 0x100, ALL, {{0x03c00001, 0x4 | 16 << 9, 0x08080808}, {0x00400001, 0x4 | 16 << 9, 0x08080808}, {0x03c00011, 0x4 | 16 << 9, 0x08080808}}},
  {G12, 0xe4000000, 14, 0, 0x100, ALL, {{0x03c00001, 0x4 | 16 << 9, 0x08080808}, {0x00400001, 0x4 | 16 << 9, 0x08080808}}},
};

/* ---- a set of lines ---- */

enum { BUCKETS = 1 << 16 }; /* open addressing by the text's hash; a target has about 10,000 lines */

typedef struct lines {
  fa_text text;
  size_t *places; /* of lines, plus 1; 0: free */
  size_t count;
} lines;

static size_t hash(const char *s) {
  size_t h = 5381;
  while (*s) h = h * 33 + (unsigned char)*s++;
  return h;
}

static void add_line(lines *l, const char *line) {
  size_t n = strlen(line), at = hash(line) % BUCKETS;
  for (; l->places[at]; at = (at + 1) % BUCKETS) {
    const char *other = l->text.data + l->places[at] - 1;
    if (strncmp(other, line, n) == 0 && other[n] == '\n') return;
  }
  if (++l->count > BUCKETS / 2) l->text.failed = true;
  l->places[at] = l->text.size + 1;
  fa_text_print(&l->text, "%s\n", line);
}

static unsigned family_of(const char *target) {
  static const struct {
    const char *prefix;
    unsigned family;
  } families[] = {{"gfx9", G9}, {"gfx103", G10}, {"gfx11", G11}, {"gfx12", G12}};
  for (size_t i = 0; i < sizeof families / sizeof *families; i++)
    if (strncmp(target, families[i].prefix, strlen(families[i].prefix)) == 0) return families[i].family;
  return 0;
}

/* LLVM 21 ends by a signal when it prints gfx950's conversions of 32 values (opcodes 0x256 to 0x263) with no vector as source. */
static bool disassembles(const uint32_t words[WORDS]) {
  uint32_t op = words[0] >> 16;
  return !(op >= 0xd256 && op <= 0xd263 && !(words[1] & 0x100));
}

static void try_words(lines *l, fa_comgr_decoder *decoder, const uint32_t words[WORDS], unsigned fields) {
  static const uint32_t nothing[WORDS];
  for (size_t i = 0; i < 16 && (i == 0 || memcmp(cleared[fields][i], nothing, sizeof nothing)); i++) {
    uint32_t less[WORDS];
    for (size_t k = 0; k < WORDS; k++) less[k] = words[k] & ~cleared[fields][i][k];
    if (!disassembles(less)) continue;
    const char *text = fa_comgr_decode(decoder, less, sizeof less, NULL);
    /* operands that no assembler takes are marked; formats without a meaning are no instruction */
    if (!text || strstr(text, "FMT_INVALID") || strstr(text, "cbsz:7") || strstr(text, "/*") || strstr(text, "; ") || strstr(text, "// ")) continue;
    add_line(l, text);
    return;
  }
}

/* VOPD: two opcodes in one instruction, each with every partner. */
static void try_pairs(lines *l, fa_comgr_decoder *decoder) {
  for (uint32_t x = 0; x < 16; x++)
    for (uint32_t y = 0; y < 32; y++) {
      const uint32_t words[WORDS] = {0xc8000000 | x << 22 | y << 17 | 12 << 9 | V8, 4u << 24 | 2 << 17 | 13 << 9 | (V8 + 1), VALUE};
      try_words(l, decoder, words, ALL);
    }
}

fa_status fa_encodings_list(char **list, fa_comgr *comgr, const char *target, fa_error *error) {
  unsigned family = family_of(target);
  fa_comgr_decoder *decoder;
  lines l = {.places = NULL};
  *list = NULL;
  if (!family) return fa_fail(error, FA_ERR_UNSUPPORTED, "the encodings of %s are not known here; known are gfx9, gfx10.3, gfx11 and gfx12", target);
  fa_status status = fa_comgr_decoder_open(&decoder, comgr, target, error);
  if (status) return status;
  l.places = calloc(BUCKETS, sizeof *l.places);
  if (!l.places) l.text.failed = true;
  for (const encoding *e = table; e < table + sizeof table / sizeof *table && !l.text.failed; e++)
    for (uint32_t op = e->first; e->families & family && op < (uint32_t)e->first + e->count; op++)
      for (size_t k = 0; k < FILLS && (e->fills[k][0] || e->fills[k][1]); k++) {
        uint32_t words[WORDS];
        memcpy(words, e->fills[k], sizeof words);
        words[0] |= e->fixed | op << e->shift;
        try_words(&l, decoder, words, e->fields);
      }
  if (family & (G11 | G12) && !l.text.failed) try_pairs(&l, decoder);
  fa_comgr_decoder_close(decoder);
  free(l.places);
  *list = fa_text_take(&l.text, NULL);
  return *list ? FA_OK : fa_fail(error, FA_ERR_NOMEM, "instructions of %s: out of memory", target);
}
