-- SPDX-License-Identifier: MIT
-- Dropout: each element of P is kept or made 0 by 16 random bits of its own, a function of (batch, head, query, key), the seed and the offset
-- alone, so that any layout of any kernel drops the same ones.  The sum of a row is that of P before it, so LSE stays what it is.
local HALVES = 65536 -- values of 16 bits

-- Returns { of = function(P), scale = function(), export = function() }: P with some elements 0; what O is to be multiplied with; writes the mask.
return function(t, spec, at)
  local probability = t.scalar("dropout_p", "f32", { at_least = 0, below = 1 })
  local function state(name) -- a value, and a place in device memory for graphs that are captured once and launched with new ones
    local there = t.tensor(name .. "_at", "read", "i64", { { "1" } }, { optional = true })
    return t.scalar(name, "i64"), t.slice(there, { ["1"] = 0 })
  end
  local seed, seed_at = state "philox_seed"
  local offset, offset_at = state "philox_offset"
  local mask_of = at.layout.pairs("dropout_mask", "u8", "write")
  local dropped = t.let("dropped", t.int(probability * HALVES + 0.5)) -- of the values that 16 bits have
  local random = t.random("random", {
    seed = t.element("seed", seed_at, seed), offset = t.let("offset", offset + t.element("offset_there", offset_at, 0)),
    sequence = at.batch * t.size "heads_q" + at.head, row = at.query, over = at.kv,
  })
  return {
    of = function(P) return t.keep(P, random, dropped) end,
    scale = function() return t.let("keep_scale", t.where(dropped:lt(HALVES), HALVES / t.float(HALVES - dropped), 0.0)) end, -- for the share kept in fact
    export = function() t.store_kept(mask_of(), random, dropped, at.q) end,
  }
end
