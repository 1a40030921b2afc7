-- SPDX-License-Identifier: MIT
-- Layouts, conversions and the bank model.
local L, B = require "tile.layout", require "tile.banks"
local cases = {}
local all = require "targets.all"
local targets = { "gfx942", "gfx950", "gfx1030", "gfx1100", "gfx1201" }
local function each_instruction(f)
  for _, name in ipairs(targets) do
    local target = all.load(name)
    for _, inst in ipairs(target.matrix) do f(target, inst) end
  end
end
local function fails(f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "this must fail")
  return message
end
local function copy(x) local y = {}; for k, v in pairs(x) do y[k] = v end; return y end

function cases.every_instruction_passes_its_self_check()
  each_instruction(function(target, inst) L.check_instruction(inst, target.wave) end)
end

function cases.self_check_finds_wrong_maps()
  each_instruction(function(target, inst)
    local wrong = copy(inst)
    wrong.c = copy(inst.c)
    wrong.c.at = function(lane, r) local m, n = inst.c.at(lane, r); return (m + 1) % inst.m, n end
    fails(L.check_instruction, wrong, target.wave)
    wrong.c = copy(inst.c)
    wrong.c.row_text = "r + 1"
    fails(L.check_instruction, wrong, target.wave)
    wrong = copy(inst)
    wrong.ab = copy(inst.ab)
    wrong.ab.at = function(lane, e) return lane % inst.n, 1 + e // 2 end
    fails(L.check_instruction, wrong, target.wave)
    wrong = copy(inst)
    wrong.a = copy(L.a_map(inst, target.wave))
    wrong.a.row_text = wrong.a.row_text .. " / 2"
    fails(L.check_instruction, wrong, target.wave)
  end)
end

-- AMD's matrix instruction calculator, register layouts printed as formulas of (i, j, k); written here from the element's side.
local published = {
  mfma_32x32x8 = {
    a = function(i, k) return i + 32 * (k // 4), k % 4 end,
    c = function(i, j) return j + 32 * ((i // 4) % 2), 4 * (i // 8) + i % 4 end,
  },
  mfma_16x16x16 = {
    a = function(i, k) return i + 16 * (k // 4), k % 4 end,
    c = function(i, j) return j + 16 * (i // 4), i % 4 end,
  },
  mfma_32x32x16 = {
    a = function(i, k) return i + 32 * (k // 8), k % 8 end,
    c = function(i, j) return j + 32 * ((i // 4) % 2), 4 * (i // 8) + i % 4 end,
  },
  mfma_16x16x32 = {
    a = function(i, k) return i + 16 * (k // 8), k % 8 end,
    c = function(i, j) return j + 16 * (i // 4), i % 4 end,
  },
  mfma_32x32x2 = { -- fp32
    a = function(i, k) return i + 32 * k, 0 end,
    c = function(i, j) return j + 32 * ((i // 4) % 2), 4 * (i // 8) + i % 4 end,
  },
  mfma_16x16x4 = { -- fp32
    a = function(i, k) return i + 16 * k, 0 end,
    c = function(i, j) return j + 16 * (i // 4), i % 4 end,
  },
  wmma_16x16x16 = {
    a = function(i, k) return i, k end,
    c = function(i, j) return j + 16 * (i % 2), i // 2 end,
  },
  wmma_16x16x16_gfx12 = {
    a = function(i, k) return i + 16 * (k // 8), k % 8 end,
    c = function(i, j) return j + 16 * (i // 8), i % 8 end,
  },
  dpp_16x16x16 = { -- no instruction, ours: dot products that take A from other lanes; `a` here is B's map, `own_a` A's
    a = function(i, k) return i, k end,
    own_a = function(i, k) return 16 * (i // 8) + 8 * (k // 8) + i % 8, k % 8 end,
    c = function(i, j) return j + 16 * (i // 8), i % 8 end,
  },
  dpp_16x16x8 = { -- the same of multiply-adds in fp32
    a = function(i, k) return i, k end,
    own_a = function(i, k) return 16 * (i // 8) + 8 * (k // 4) + i % 8, k % 4 end,
    c = function(i, j) return j + 16 * (i // 8), i % 8 end,
  },
}
function cases.maps_equal_the_published_ones()
  each_instruction(function(target, inst)
    local p = assert(published[inst.name], inst.name .. " has no published map in this test")
    for i = 0, inst.m - 1 do
      for k = 0, inst.k - 1 do
        local lane, e = p.a(i, k)
        local index, kk = inst.ab.at(lane, e)
        assert(index == i and kk == k, inst.name .. " operand")
        local l2, e2 = inst.ab.find(i, k)
        assert(l2 == lane and e2 == e, inst.name .. " operand, inverse")
        local a_lane, a_e = (p.own_a or p.a)(i, k)
        local m, k2 = L.a_map(inst, target.wave).at(a_lane, a_e)
        assert(m == i and k2 == k, inst.name .. " A")
      end
      for j = 0, inst.n - 1 do
        local lane, r = p.c(i, j)
        local m, n = inst.c.at(lane, r)
        assert(m == i and n == j, inst.name .. " accumulator")
      end
    end
  end)
end

function cases.tiles_are_inverse_pairs()
  each_instruction(function(target, inst)
    for _, blocks in ipairs { { 1, 1 }, { 2, 3 }, { 1, 4 } } do
      L.check(L.accumulator(inst, target.wave, blocks[1], blocks[2]), inst.name)
    end
    for _, length in ipairs { 32, 64, 80, 96, 128 } do
      local chunks = assert(L.chunks(inst, target.wave, length, 8), "80 is tiled without padding")
      L.check(L.operand(inst, target.wave, 2, chunks), inst.name)
    end
  end)
end

function cases.a_length_that_no_instruction_divides_is_refused()
  each_instruction(function(target, inst) assert(L.chunks(inst, target.wave, inst.k + 1, 8) == nil) end)
end

function cases.scores_become_the_operand_without_lds()
  local expected = { mfma_32x32x8 = "none", mfma_16x16x16 = "none", mfma_32x32x16 = "none", mfma_16x16x32 = "none", wmma_16x16x16 = "exchange",
    wmma_16x16x16_gfx12 = "none", dpp_16x16x16 = "exchange", mfma_32x32x2 = "none", mfma_16x16x4 = "none", dpp_16x16x8 = "exchange" }
  each_instruction(function(target, inst)
    for _, keys in ipairs { 32, 64, 128 } do
      local chunks = L.chunks(inst, target.wave, keys, 8)
      local c = assert(L.convert(inst, target.wave, keys // inst.m, chunks))
      assert(c.kind == expected[inst.name], inst.name .. ": " .. c.kind)
      -- played through: the operand's slot (lane, element) holds the key that k_at names for its position
      local operand, accumulator = L.operand(inst, target.wave, 1, chunks), L.accumulator(inst, target.wave, 1, keys // inst.m)
      for lane = 0, target.wave - 1 do
        for register = 0, operand.registers - 1 do
          local column, position = operand.at(lane, register)
          local source, r = accumulator.find(c.k_at[position], column)
          if c.kind == "none" then assert(source == lane and r == register, "a register is its own slot") end
        end
      end
    end
  end)
end

function cases.bank_model_counts_conflicts()
  for _, name in ipairs(targets) do
    local target = all.load(name)
    assert(B.cycles(target, 4, function(lane) return lane * 4 end) == target.wave // 32)
    assert(B.cycles(target, 4, function(lane) return lane * 8 end) == target.wave // 32 * 2, "stride of two banks: two words a bank")
    assert(B.cycles(target, 4, function(lane) return lane * 128 end) == target.wave, "one bank for all lanes")
    assert(B.cycles(target, 4, function(lane) return 64 end) == target.wave // 32, "one word for all is a broadcast")
    assert(B.cycles(target, 16, function(lane) return lane * 16 end) == B.least(target, 16))
    assert(B.cycles(target, 16, function(lane) return lane % 32 * 256 end) > B.least(target, 16), "rows of 256 bytes meet in a bank")
  end
end

function cases.rows_are_rotated_once()
  for by = 0, 2 do
    local seen = {}
    for row = 0, 63 do
      local r = B.rotate_row(row, by)
      assert(r >= 0 and r < 64 and not seen[r])
      seen[r] = true
      assert(load("local x = ... return " .. B.rotate_row_text("x", by))(row) == r)
    end
  end
end

function cases.pieces_are_dealt_once()
  for c = 0, 3 do
    for q = 0, 2 do
      local seen = {}
      for id = 0, 16 * 8 - 1 do
        local column, quad = B.deal(id, { c = c, q = q }, 16)
        local key = column * 8 + quad
        assert(column < 16 and quad < 8 and not seen[key])
        seen[key] = true
        local column_text, quad_text = B.deal_text("id", { c = c, q = q }, 16)
        local env = { id = id }
        assert(load("return " .. column_text:gsub("/", "//"), "=column", "t", env)() == column)
        assert(load("return " .. quad_text:gsub("/", "//"), "=quad", "t", env)() == quad)
      end
    end
  end
end

return cases
