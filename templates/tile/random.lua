-- SPDX-License-Identifier: MIT
-- Random bits for the elements of a tile, as HIP C.  One call of the generator gives four words, 16 bits for each of eight keys of a row:
--   key      ... b5 b4 b3 b2 b1 b0
--   call     ... b5    b3 b2         its number: b2 and b3 are the highest two bits, so that the others are those of a tile of 32
--   word            b4       b1      of the call's four
--   half                        b0   of the word: 0 is the low one
-- So the bits are the same for every layout.  In most of them a lane that holds keys b0, b1 and b4 apart holds whole calls: b2 and b3, which
-- the lanes share out, are not among those of a call.  Where b0 is the lane's (gfx11), two lanes make a call each and exchange halves.
local A, R, formats = require "tile.assign", require "tile.rows", require "tile.formats"
local fmt = string.format
local M = {}

local function unsupported(text, ...) error({ code = "FA_ERR_UNSUPPORTED", message = text:format(...) }, 0) end

local LANE_BIT = 1 << 30 -- b2
local function place(key) return key >> 5 | (key >> 2 & 3) * LANE_BIT, (key >> 4 & 1) * 2 + (key >> 1 & 1), key & 1 end

-- C text of a function of i (0 .. count - 1) that adds a constant for each bit of i.
local function linear(name, count, value)
  local terms, bit = {}, 1
  if value(0) ~= 0 then terms[1] = tostring(value(0)) end
  while bit < count do
    local by = value(bit) - value(0)
    local digit = count == 2 * bit and fmt("%s / %d", name, bit) or fmt("%s / %d %% 2", name, bit)
    if bit == 1 then digit = count == 2 and name or name .. " % 2" end
    if by ~= 0 then terms[#terms + 1] = by == 1 and digit or fmt(by < LANE_BIT and "%s * %d" or "%s * 0x%xu", digit, by) end
    bit = bit * 2
  end
  for i = 0, count - 1 do
    local sum = value(0)
    for b = 0, 10 do if i >> b & 1 == 1 then sum = sum + value(1 << b) - value(0) end end
    assert(sum == value(i), "not a sum over bits")
  end
  return #terms > 0 and table.concat(terms, " + ") or "0"
end

-- How a tile of `keys` in the accumulator's layout is served.  at[call][word]: the register of two neighbours that takes it; calls: their numbers
-- within the tile, of the first lane; lane_bits[group]: what the lanes of a group have besides.  split: a lane has one half of each word only.
function M.deal(inst, wave, keys)
  local deal = { calls = {}, at = {}, lane_bits = {}, split = nil }
  local groups, index = wave // inst.n, {}
  for group = 0, groups - 1 do
    for register = 0, keys // inst.m * inst.c_regs // 2 - 1 do
      local pair = {}
      for i = 0, 1 do
        local r = 2 * register + i
        local call, word, half = place(r // inst.c_regs * inst.m + (inst.c.at(group * inst.n, r % inst.c_regs)))
        pair[i] = { call = call, word = word, half = half }
      end
      local low, high = pair[0], pair[1]
      local split = low.half == high.half
      if deal.split == nil then deal.split = split end
      local fits = low.call == high.call and split == deal.split and
        (split and low.half == group and groups == 2 and high.word == low.word + 1 or not split and low.word == high.word and high.half == 1)
      if not fits then unsupported("features=dropout: %s holds its keys in an order that random bits cannot be dealt to", inst.name) end
      if group == 0 then
        if not index[low.call] then
          deal.calls[#deal.calls + 1] = low.call
          index[low.call] = #deal.calls
          deal.at[#deal.calls] = {}
        end
        deal.at[index[low.call]][split and low.word // 2 or low.word] = register
      end
      if register == 0 then deal.lane_bits[group] = low.call end
      local first = deal.calls[1]
      for i = 1, #deal.calls do
        for word, there in pairs(deal.at[i]) do
          if there == register then
            assert(low.call == deal.calls[i] | deal.lane_bits[group] ~ first and (split and low.word // 2 or low.word) == word,
              "lanes hold calls of different shape")
          end
        end
      end
    end
  end
  return deal
end

-- ---- statements

-- What of the generator a row's keys have in common.
function M.print_source(self, x)
  local n = self.plan.n_blocks
  self:use "random_words"
  self:put("// %s: Philox4x32-10, keyed by the seed; what a row's keys share of it, and of each call what this lane adds to its number", x.name)
  self:put("random_row %s$N;", x.name)
  self:put("$FOR %s$n = make_random_row(%s, %s, %s, %s, %s);", x.name, self:expr(x, x.args[3]), self:expr(x, x.args[4]),
    self:expr(x, x.args[2]), self:expr(x, x.args[1]),
    M.lane_call(self, x.over.size))
end

-- The bits of a call's number that are the lane's, as C text.
function M.lane_call(self, keys)
  local plan = self.plan
  local deal = M.deal(plan.inst, plan.target.wave, keys)
  if deal.split then return fmt("group * 0x%xu", LANE_BIT) end
  return linear("group", plan.groups, function(group) return deal.lane_bits[group] ~ deal.lane_bits[0] end)
end

-- What the tile's first call begins with.
local function print_first(self, source, keys)
  local number = keys < 32 and self.tile .. " / 2" or keys == 32 and self.tile or fmt("%s * %d", self.tile, keys // 32)
  self:use "of_lane"
  if self.plan.n_blocks > 1 then self:put("u32 first_call$N;") end
  self:put("%sfirst_call$n = of_lane(%s$n.second ^ (%s));", self.plan.n_blocks > 1 and "$FOR " or "const u32 ", source.name, number)
end

-- The words of a call: those of the tile's first one are known as far as the row and the tile go (print_first), `number` is what the call differs in.
-- The keys of its rounds are eighteen scalar registers, the same in every call; where others want them they are added up anew.
local function words_text(self, source, number)
  local row = source.name .. "$n"
  if not self.plan.spec.keep_keys then
    self:use "renewed"
    row = fmt("renewed(%s, %s ^ (%s))", row, self.tile, number)
  end
  return fmt("random_words(%s, first_call$n ^ (%s))", row, number)
end

-- Drops of the two neighbours in register `at` of a tile.
local function drop_two(self, tile, at, bits)
  local name = tile.name
  if tile.args[1].op == "cast" and formats.bytes[tile.dtype] == 2 then
    self:use "kept2"
    return self:put("%s$n[%s] = kept2(%s$n[%s], %s, least);", name, at, name, at, bits)
  end
  self:use "kept1"
  local half = self.plan.inst.c_regs // 2
  for odd = 0, 1 do
    local element = fmt("%s$n[(%s) / %d][(%s) %% %d * 2 + %d]", name, at, half, at, half, odd)
    self:put("%s = kept1(%s, %s, %d, least);", element, element, bits, odd)
  end
end

local function print_own(self, tile, source, deal, keys)
  local calls, halved = #deal.calls, keys < 32
  local words = halved and 2 or 4
  print_first(self, source, keys)
  self:open("$FOR FOR(c, %d) { // eight keys at a time%s", calls, halved and ", of which this tile has four" or "")
  self:put("const u32x4 words = %s;", words_text(self, source, linear("c", calls, function(c) return deal.calls[c + 1] end)))
  if halved then self:put("const u32x2 bits = %s %% 2 ? words.zw : words.xy;", self.tile) end
  local at = linear("c", calls, function(c) return deal.at[c + 1][0] - deal.at[1][0] end) .. " + " .. linear("i", words, function(i) return deal.at[1][i] end)
  self:open("FOR(i, %d) {", words)
  drop_two(self, tile, at, (halved and "bits" or "words") .. "[i]")
  self:close()
  self:close()
end

-- A lane makes every other call and gives its neighbour the half that that one's keys have.
local function print_split(self, tile, source, deal, keys)
  local halved, exchange = keys < 32, self.plan.target.other_half
  local words, evens, index = halved and 1 or 2, {}, {}
  for i, call in ipairs(deal.calls) do
    index[call] = i
    if call & LANE_BIT == 0 then evens[#evens + 1] = call end
  end
  self:use "other_half"
  print_first(self, source, keys)
  self:open("$FOR FOR(c, %d) { // two times eight keys: each half of the wave makes one, and has every other key of both", #evens)
  self:put("const u32x4 words = %s;", words_text(self, source, linear("c", #evens, function(c) return evens[c + 1] end)))
  for i = 0, words - 1 do
    local low, high = i == 0 and "x" or "z", i == 0 and "y" or "w"
    local pair = halved and fmt("%s %% 2 ? words.w : words.y, %s %% 2 ? words.z : words.x", self.tile, self.tile) or fmt("words.%s, words.%s", high, low)
    self:put("const u32 own%d = __builtin_amdgcn_perm(%s, group ? 0x07060302u : 0x05040100u);", i, pair)
    self:put("const u32 given%d = __builtin_amdgcn_perm(%s, group ? 0x05040100u : 0x07060302u), taken%d = %s;", i, pair, i,
      (exchange:gsub("%$x", "given" .. i)))
    for odd = 0, 1 do
      local at = linear("c", #evens, function(c) return deal.at[index[evens[c + 1] | odd * LANE_BIT]][i] end)
      drop_two(self, tile, at, fmt("group ? %s%d : %s%d", odd == 1 and "own" or "taken", i, odd == 1 and "taken" or "own", i))
    end
  end
  self:close()
end

-- Some elements of a tile become 0, in place.
function M.print_keep(self, x)
  local keys = select(2, A.kind(x.args[1], self.plan.spread)).size
  local deal = M.deal(self.plan.inst, self.plan.target.wave, keys)
  self:use "least_kept"
  self:open "{"
  self:put("const u32 least = least_kept(%s);", self:expr(x, x.args[3]))
  local print = deal.split and print_split or print_own
  print(self, A.root(x.args[1]), x.args[2], deal, keys)
  self:close()
end

-- The mask itself, a byte an element: every key of the row, whoever sees it.
function M.print_store(self, x)
  local slice, plan = x.slice, self.plan
  local name, columns = slice.tensor.name, slice.columns or slice.tensor.dims[#slice.tensor.dims][1]
  local source = x.args[1].name
  local first = slice.fold and self:expr(nil, slice.fold.first, 13) or plan.spread.name .. "_first"
  self:use "least_kept"
  self:open("if (%s_base) { // the mask, for those who ask: a byte each, 1 where the key is kept", name)
  self:put("unsigned char* %s_tile = %s + (long)%s * %s;", name, self:slice_base(slice), first, R.stride(slice))
  self:open("$FOR if (%s) {", R.inside(self, slice))
  self:put("unsigned char* row = %s_tile + %s;", name, R.offset(self, slice, 1))
  self:open("for (int block = 0; block < %s; block += 32) {", columns)
  self:open("for (int part = group; part < 4; part += %d) { // those of the row's lanes in turn", plan.groups)
  self:put("const u32x4 words = random_words(%s$n, %s$n.second ^ %s$n.lane_call ^ (block / 32 | part * 0x%xu));", source, source, source, LANE_BIT)
  self:open("FOR(i, 8) {")
  self:put("const int key = block + i / 4 * 16 + part * 4 + i % 4, number = (int)(words[i / 2] << (i % 2 ? 0 : 16)) >> 16;")
  self:put("if (key < %s) row[key] = number >= %s - 32768;", columns, self:expr(x, x.args[2]))
  for _ = 1, 5 do self:close() end
end

M.device = {
  { "random_row", text = [[

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).  The counter's words: query; sequence, plus the high word of
// the offset; its low word; number of the call, eight keys.  That word first meets a product in the second round, and
// part of the state only in the fourth: the rest is a row's.
#define PHILOX_A 0xd2511f53u
#define PHILOX_B 0xcd9e8d57u
#define STEP_A 0x9e3779b9u
#define STEP_B 0xbb67ae85u
typedef unsigned long u64;
typedef struct { u32 key_a, key_b, lane_call, second, third, fourth, into_third, into_fourth; } random_row;
DEVICE u32 low_word(u64 x) { return (u32)x; }
DEVICE u32 high_word(u64 x) { return (u32)(x >> 32); }
DEVICE u64 times_a(u32 x) { return (u64)x * PHILOX_A; }
DEVICE u64 times_b(u32 x) { return (u64)x * PHILOX_B; }
DEVICE random_row make_random_row(u32 query, u32 sequence, u64 offset, u64 seed, u32 lane_call) {
  const u32 a = __builtin_amdgcn_readfirstlane(low_word(seed)), b = __builtin_amdgcn_readfirstlane(high_word(seed));
  const u64 first_a = times_a(query), first_b = times_b(low_word(offset));
  const u64 second_a = times_a(high_word(first_b) ^ (sequence + high_word(offset)) ^ a);
  const u64 third_b = times_b(high_word(second_a) ^ low_word(first_a) ^ (b + STEP_B));
  random_row x;
  x.key_a = a;
  x.key_b = b;
  x.lane_call = lane_call;
  x.second = high_word(first_a) ^ lane_call ^ b;
  x.third = low_word(first_b) ^ (a + STEP_A);
  x.into_third = low_word(second_a) ^ (b + 2 * STEP_B);
  x.fourth = high_word(third_b) ^ (a + 2 * STEP_A);
  x.into_fourth = low_word(third_b) ^ (a + 3 * STEP_A);
  return x;
}
]] },
  { "of_lane", text = [[
DEVICE u32 of_lane(u32 x) { // keeps the compiler from joining what is a lane's with constants of calls in scalar registers: these want an instruction each
  asm("" : "+v"(x));
  return x;
}
]] },
  { "renewed", needs = { "random_row" }, text = [[
DEVICE random_row renewed(random_row x, u32 call) { // hides that the key is the same in every call
  asm("" : "+s"(x.key_a), "+s"(x.key_b) : "s"(call));
  return x;
}
]] },
  { "xor3", text = "DEVICE u32 xor3(u32 x, u32 y, u32 z) { return x ^ y ^ z; }\n" },
  { "random_words", needs = { "random_row", "xor3" }, text = [[
DEVICE u32x4 random_words(random_row x, u32 second) { // second: x.second ^ the call's number, without what the lane adds
  u64 b = times_b(second);
  u64 a = times_a(high_word(b) ^ x.third);
  u32 c0 = low_word(b) ^ x.fourth, c1, c2 = high_word(a) ^ x.into_third, c3 = low_word(a);
  b = times_b(c2);
  a = times_a(c0);
  c0 = high_word(b) ^ x.into_fourth;
  c1 = low_word(b);
  c2 = xor3(high_word(a), c3, x.key_b + 3 * STEP_B);
  c3 = low_word(a);
  FOR(i, 6) {
    b = times_b(c2);
    a = times_a(c0);
    c0 = xor3(high_word(b), c1, x.key_a + (4 + i) * STEP_A);
    c1 = low_word(b);
    c2 = xor3(high_word(a), c3, x.key_b + (4 + i) * STEP_B);
    c3 = low_word(a);
  }
  u32x4 words = {c0, c1, c2, c3};
  return words;
}
]] },
  { "least_kept", text = [[
DEVICE u32 least_kept(int dropped) { // the least number that is kept, signed and 16 bits, twice; where all are dropped the scale of O is 0
  const int least = (dropped < 65535 ? dropped : 65535) - 32768;
  return (u32)least << 16 | ((u32)least & 0xffffu);
}
]] },
  { "without", text = [[
DEVICE u32 without(u32 x, u32 mask) { // x where the halves of the mask are 0, else 0; one instruction, as "and not" is not everywhere
  return __builtin_bit_cast(u32, __builtin_elementwise_sub_sat(__builtin_bit_cast(u16x2, x), __builtin_bit_cast(u16x2, mask)));
}
]] },
  { "kept1", text = [[
DEVICE float kept1(float x, u32 numbers, int odd, u32 least) { // 0 where the signed number in a half of `numbers` is below the least
  return (int)(odd ? numbers : numbers << 16) >> 16 < (int)least >> 16 ? 0.0f : x;
}
]] },
  { "kept2", needs = { "without" }, text = [[
DEVICE u32 kept2(u32 x, u32 numbers, u32 least) { // two 16-bit values; 0 where the signed number is below the least
  const i16x2 below = __builtin_elementwise_sub_sat(__builtin_bit_cast(i16x2, numbers), __builtin_bit_cast(i16x2, least));
  const u32 bits = __builtin_bit_cast(u32, below);
  return without(x, __builtin_amdgcn_perm(bits, bits, 0x09090808u)); // the signs of both halves, sixteen times
}
]] },
}

return M
