-- SPDX-License-Identifier: MIT
-- The order in which a loop visits tiles, where that is not one range: tiles that nobody sees are passed over, the first keys come before a
-- window, or a table lists the tiles.  `next` is the tile that is fetched while `tile` is worked on.
local transfer = require "tile.transfer"
local M = {}

-- Moves `next` on; at the end it is <axis>_tiles.
local function seek(c)
  local p, visit, axis = c.p, c.x.visit, c.axis.name
  local again = {}
  p:open("do {")
  if visit.table then
    p:use "uniform_i32"
    p:put("if (++table_part >= table_parts) { table_part = 0; ++table_entry; }")
    p:put("next_whole = table_entry >= table_partial;")
    p:open("if (table_entry >= table_entries) {"); p:put("next = %s_tiles;\nbreak;", axis); p:close()
    p:put("next = uniform_i32(next_whole ? table_full_list[table_entry - table_partial] : table_list[table_entry]) * table_parts + table_part;")
    again[1] = ("(u32)next >= (u32)%s_tiles"):format(axis)
    if c.x.start then
      again[2] = visit.head and ("(next < %s_first_tile && next >= %s_head_tiles)"):format(axis, axis) or ("next < %s_first_tile"):format(axis)
    end
  else
    p:put("++next;")
    if visit.head then p:put("if (next >= %s_head_tiles && next < %s_first_tile) next = %s_first_tile; // between the first keys and the window", axis, axis, axis) end
  end
  if visit.block then
    p.visit = "next"
    again[#again + 1] = "hidden"
    p:put("hidden = next < %s_tiles && (%s);", axis, p:bind(visit.block, "may"))
    p.visit = nil
  end
  p:leave(("} while (%s);"):format(#again > 0 and table.concat(again, " || ") or "false"))
end

-- In front of the loop, when the counts of tiles are known.
function M.begin(c)
  local p, x, axis = c.p, c.x, c.axis
  if x.visit.head then
    p:put("const int %s_head_tiles = (%s + %d) / %d, %s_head_full_tiles = %s / %d; // of the first keys; of these without a test", axis.name, p:expr(nil, x.visit.head.stop, 13), axis.size - 1,
      axis.size, axis.name, p:expr(nil, x.visit.head.full, 13), axis.size)
  end
  if x.visit.table then
    local list = x.visit.table
    p:put("const int* table_list = %s;\nconst int* table_full_list = %s;", p:slice_base(list.list), p:slice_base(list.full_list))
    p:put("const int table_entries = table_partial + table_full; // blocks of the table, first those that are asked for their elements")
    p:put("int table_entry = -1, table_part = table_parts - 1; // a block, and a tile of it")
  end
  p:put("// the tiles are visited one by one: the first")
  p:put("int next = %s;%s%s", x.start and not x.visit.head and axis.name .. "_first_tile - 1" or "-1", x.visit.block and " bool hidden;" or "", x.visit.table and " bool next_whole;" or "")
  seek(c)
end

-- The head of the loop.
function M.open(c)
  c.p:open("for (int tile = next; tile < %s_tiles; tile = next) {", c.axis.name)
  if c.x.visit.table then c.p:put("const bool tile_whole = next_whole; (void)tile_whole;") end
end

-- Before the loads of the next tile.
function M.move(c, each)
  local p = c.p
  seek(c)
  p:open("if (next != tile + 1) {")
  each(c, function(s) transfer.jump(p, s, "next - tile - 1") end)
  p:close()
end

-- What else a wave asks before it works on a tile; nil: nothing.
function M.wave(c) return c.x.visit and c.x.visit.wave and ("!(%s)"):format(c.p:bind(c.x.visit.wave, "sees")) end

return M
