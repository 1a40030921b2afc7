/* SPDX-License-Identifier: MIT
 * What a launch on the emulator did, for people and as JSON. */
#include "emulation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static double percent(uint64_t part, uint64_t all) { return all ? 100.0 * (double)part / (double)all : 0.0; }

static void print_counters(FILE *stream, const fa_emu_counters *c) {
  if (c->vector_lanes) fprintf(stream, "EXEC: %.1f %% of the lanes of vector instructions are active\n", percent(c->vector_active, c->vector_lanes));
  if (c->vector_beside)
    fprintf(stream, "turns: %" PRIu64 " vector instructions between two barriers of waves without a product, beside a wave of their SIMD that has some\n", c->vector_beside);
  if (c->lds_accesses)
    fprintf(stream, "LDS: %" PRIu64 " accesses of waves, %" PRIu64 " bytes, %" PRIu64 " cycles, %" PRIu64 " of them bank conflicts (model)\n", c->lds_accesses,
            c->lds_bytes, c->lds_cycles, c->lds_conflicts);
  if (c->buffer_count) fprintf(stream, "%-16s %14s %14s %12s %12s %12s %12s\n", "memory", "bytes read", "bytes written", "req. 64", "req. 128", "lines 64", "lines 128");
  for (size_t i = 0; i < c->buffer_count; i++) {
    const fa_emu_buffer_count *b = &c->buffers[i];
    fprintf(stream, "%-16s %14" PRIu64 " %14" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", b->name, b->read_bytes, b->write_bytes,
            b->requests64, b->requests128, b->lines64, b->lines128);
  }
}

/* Where the waves stood that a limit, Ctrl-C or a deadlock has stopped. */
static void print_standing(FILE *stream, const fa_emulation *e) {
  enum { SHOWN = 64 };
  const fa_emu_result *r = &e->result;
  fa_emu_instruction in;
  for (size_t i = 0; i < r->standing_count && i < SHOWN; i++) {
    const fa_emu_standing *s = &r->standing[i];
    if (fa_emu_object_instruction(&in, e->object, s->instruction_index) != FA_EMU_OK) continue;
    fprintf(stream, "workgroup (%u, %u, %u), wave %u %s%s%s, 0x%" PRIx64 " \"%s\"\n", s->workgroup[0], s->workgroup[1], s->workgroup[2], s->wave, fa_emu_wave_state_name(s->state),
            s->source[0] ? " " : "", s->source, in.address, in.text);
  }
  if (r->standing_count > SHOWN) fprintf(stream, "and %zu more waves (--json has them)\n", r->standing_count - SHOWN);
  if (r->standing_count && r->not_begun) fprintf(stream, "workgroups that have not begun: %" PRIu64 "\n", r->not_begun);
}

void fa_emulation_print(FILE *stream, const fa_emulation *e) {
  const fa_emu_result *r = &e->result;
  const fa_emu_launch_params *p = &e->params;
  fprintf(stream, "%s on %s, grid %u,%u,%u, block %u,%u,%u: %s\n", e->kernel, fa_emu_object_target(e->object), p->grid[0], p->grid[1], p->grid[2], p->block[0],
          p->block[1], p->block[2], r->status == FA_EMU_OK ? "done" : r->status == FA_EMU_ERR_LIMIT || r->status == FA_EMU_ERR_INTERRUPTED ? "stopped" : "FAILED");
  for (size_t i = 0; i < r->report_count; i++) fprintf(stream, "report: %s\n", r->reports[i].text);
  if (r->status != FA_EMU_OK && r->report_count == 0) fprintf(stream, "%s\n", r->text);
  print_standing(stream, e);
  fprintf(stream, "%" PRIu64 " workgroups, %" PRIu64 " waves, %" PRIu64 " wave instructions", r->workgroups, r->waves, r->instructions);
  for (int i = 0; i < FA_EMU_CLASS_COUNT; i++)
    if (r->classes[i]) fprintf(stream, ", %s %" PRIu64, fa_emu_class_name((fa_emu_class)i), r->classes[i]);
  fprintf(stream, "\n");
  if (r->clamped) fprintf(stream, "%" PRIu64 " buffer accesses of lanes outside of their descriptors' bounds\n", r->clamped);
  if (e->has_occupancy)
    fprintf(stream, "occupancy: %u workgroup%s of %u wave%s a compute unit of %u SIMDs, %.2f waves a SIMD, limited by %s\n", e->occupancy.groups,
            e->occupancy.groups == 1 ? "" : "s", e->occupancy.waves_per_group, e->occupancy.waves_per_group == 1 ? "" : "s", e->occupancy.simds,
            e->occupancy.waves_per_simd, e->occupancy.limited_by);
  if (r->counters) print_counters(stream, r->counters);
  for (size_t i = 0; i < r->mnemonic_count; i++) fprintf(stream, "%12" PRIu64 " %s\n", r->mnemonics[i].count, r->mnemonics[i].mnemonic);
  fprintf(stream, "%.3f seconds, %u thread%s, %s\n", r->seconds, r->threads, r->threads == 1 ? "" : "s", r->simd);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static json_t *number(uint64_t value) { return json_integer((json_int_t)value); }

/* "LINE\tFILE\tFUNCTION" of each frame, the innermost first */
static json_t *stack_json(const char *frames) {
  json_t *stack = json_array();
  for (const char *at = frames; at && *at;) {
    char *end;
    json_int_t line = (json_int_t)strtoul(at, &end, 10);
    const char *file = end + (*end == '\t'), *function = file + strcspn(file, "\t");
    int file_bytes = (int)(function - file), bytes;
    function += *function == '\t';
    bytes = (int)strcspn(function, "\t");
    json_array_append_new(stack, json_pack("{s:s%,s:s%,s:I}", "function", function, (size_t)bytes, "file", file, (size_t)file_bytes, "line", line));
    at = function + bytes + (function[bytes] == '\t');
  }
  return stack;
}

static json_t *report_json(const fa_emu_report *r) {
  json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:I,s:[i,i,i],s:i,s:i,s:I,s:i,s:b}", "kind", fa_emu_report_kind_name(r->kind), "text", r->text, "kernel", r->kernel, "instruction", r->instruction, "instruction_address",
                        (json_int_t)r->instruction_address, "workgroup", (int)r->workgroup[0], (int)r->workgroup[1], (int)r->workgroup[2], "wave", (int)r->wave, "lane",
                        (int)r->lane, "address", (json_int_t)r->address, "bytes", (int)r->bytes, "write", (int)r->write);
  if (r->source[0]) json_object_set_new(o, "source", json_string(r->source));
  if (r->frames) json_object_set_new(o, "stack", stack_json(r->frames));
  if (r->has_other) {
    json_t *other = json_pack("{s:s,s:I,s:[i,i,i],s:i,s:i,s:b}", "instruction", r->other_instruction, "instruction_address", (json_int_t)r->other_instruction_address, "workgroup",
                              (int)r->other_workgroup[0], (int)r->other_workgroup[1], (int)r->other_workgroup[2], "wave", (int)r->other_wave, "lane", (int)r->other_lane,
                              "write", (int)r->other_write);
    if (r->other_source[0]) json_object_set_new(other, "source", json_string(r->other_source));
    if (r->other_frames) json_object_set_new(other, "stack", stack_json(r->other_frames));
    json_object_set_new(o, "other", other);
  }
  if (r->region[0]) {
    json_object_set_new(o, "memory", json_string(r->region));
    json_object_set_new(o, "offset", json_integer(r->offset));
    json_object_set_new(o, "distance", json_integer(r->distance));
  }
  return o;
}

static json_t *counters_json(const fa_emu_counters *c) {
  json_t *memory = json_array(), *o = json_object();
  for (size_t i = 0; i < c->buffer_count; i++) {
    const fa_emu_buffer_count *b = &c->buffers[i];
    json_array_append_new(memory, json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "name", b->name, "read_bytes", number(b->read_bytes), "write_bytes", number(b->write_bytes),
                                            "requests64", number(b->requests64), "requests128", number(b->requests128), "lines64", number(b->lines64), "lines128",
                                            number(b->lines128)));
  }
  json_object_set_new(o, "vector_lanes", number(c->vector_lanes));
  json_object_set_new(o, "vector_active", number(c->vector_active));
  json_object_set_new(o, "vector_beside", number(c->vector_beside));
  json_object_set_new(o, "lds_model", json_pack("{s:o,s:o,s:o,s:o}", "accesses", number(c->lds_accesses), "bytes", number(c->lds_bytes), "cycles", number(c->lds_cycles),
                                                "conflicts", number(c->lds_conflicts)));
  json_object_set_new(o, "memory", memory);
  return o;
}

static json_t *standing_json(const fa_emulation *e) {
  const fa_emu_result *r = &e->result;
  json_t *waves = json_array();
  for (size_t i = 0; i < r->standing_count; i++) {
    const fa_emu_standing *s = &r->standing[i];
    fa_emu_instruction in = { .text = "" };
    fa_emu_object_instruction(&in, e->object, s->instruction_index);
    json_array_append_new(waves, json_pack("{s:[i,i,i],s:i,s:s,s:s,s:s,s:o}", "workgroup", (int)s->workgroup[0], (int)s->workgroup[1], (int)s->workgroup[2], "wave",
                                           (int)s->wave, "state", fa_emu_wave_state_name(s->state), "source", s->source, "instruction", in.text, "address",
                                           number(in.address)));
  }
  return waves;
}

json_t *fa_emulation_json(const fa_emulation *e) {
  const fa_emu_result *r = &e->result;
  const fa_emu_launch_params *p = &e->params;
  json_t *classes = json_object(), *reports = json_array();
  for (int i = 0; i < FA_EMU_CLASS_COUNT; i++) json_object_set_new(classes, fa_emu_class_name((fa_emu_class)i), number(r->classes[i]));
  for (size_t i = 0; i < r->report_count; i++) json_array_append_new(reports, report_json(&r->reports[i]));
  json_t *o = json_pack("{s:i,s:b,s:s,s:s,s:[i,i,i],s:[i,i,i],s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:f,s:i}", "schema", 1, "ok", r->status == FA_EMU_OK, "target",
                        fa_emu_object_target(e->object), "kernel", e->kernel, "grid", (int)p->grid[0], (int)p->grid[1], (int)p->grid[2], "block", (int)p->block[0],
                        (int)p->block[1], (int)p->block[2], "text", r->text, "reports", reports, "workgroups", number(r->workgroups), "waves", number(r->waves),
                        "wave_instructions", number(r->instructions), "classes", classes, "clamped", number(r->clamped), "seconds", r->seconds, "threads",
                        (int)r->threads);
  if (e->has_occupancy)
    json_object_set_new(o, "occupancy", json_pack("{s:i,s:i,s:i,s:f,s:s}", "groups", (int)e->occupancy.groups, "waves_per_group", (int)e->occupancy.waves_per_group, "simds",
                                                  (int)e->occupancy.simds, "waves_per_simd", e->occupancy.waves_per_simd, "limited_by", e->occupancy.limited_by));
  if (r->standing) json_object_set_new(o, "standing", standing_json(e));
  if (r->standing) json_object_set_new(o, "not_begun", number(r->not_begun));
  if (r->counters) json_object_set_new(o, "counters", counters_json(r->counters));
  if (r->mnemonics) {
    json_t *mnemonics = json_object();
    for (size_t i = 0; i < r->mnemonic_count; i++) json_object_set_new(mnemonics, r->mnemonics[i].mnemonic, number(r->mnemonics[i].count));
    json_object_set_new(o, "mnemonics", mnemonics);
  }
  return o;
}
