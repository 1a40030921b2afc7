-- SPDX-License-Identifier: MIT
-- Masks.  A mask is a function of the row: a query sees the keys before `stop` and, where the function gives a second value, from `start` on
-- (0 or more).  at: the lengths of the sequence.  The loop's range, the tiles that need no test and the test itself all follow from it.  Neither value may fall as the row grows.
local M = {}

-- The key that stands at the row's place when the last query stands at the last key (bottom-right alignment).
local function place(at, row) return row + (at.seqlen_k - at.seqlen_q) end
local function upto(t, at, stop) return t.max(t.min(at.seqlen_k, stop), 0) end -- the keys there are

function M.none(t, at) -- every query sees every key
  return function(row) return at.seqlen_k end
end

function M.causal(t, at) -- bottom-right aligned: the last query sees the last key
  return function(row) return upto(t, at, place(at, row) + 1) end
end

function M.causal_top_left(t, at) -- the first query sees the first key, as PyTorch's is_causal
  return function(row) return upto(t, at, row + 1) end
end

function M.window(t, at) -- window_left keys before the row's place and window_right behind it; negative: no limit
  local left, right = t.scalar("window_left", "i32"), t.scalar("window_right", "i32")
  t.require(at.total, "<=", "2147482624", "places of a window are counted in 31 bits")
  -- as many as there are is no limit either
  left = t.let("left", t.where(left:lt(0), at.seqlen_k, t.min(left, at.seqlen_k)))
  right = t.let("right", t.where(right:lt(0), at.seqlen_q, t.min(right, at.seqlen_q)))
  return function(row) return upto(t, at, place(at, row) + right + 1), t.max(place(at, row) - left, 0) end
end

function M.chunked(t, at) -- causal within chunks of chunk_size keys, as Llama 4's local layers
  local size = t.scalar("chunk_size", "i32")
  t.require("chunk_size", ">=", "1", "a chunk holds a key")
  return function(row) return upto(t, at, place(at, row) + 1), t.max(place(at, row), 0) / size * size end
end

function M.prefix(t, at) -- causal, and every query sees the first prefix_lens[batch] keys (a prefix language model)
  local all = t.tensor("prefix_lens", "read", "i32", { { "batch" } })
  local length = t.element("prefix", t.slice(all, { batch = at.batch }))
  return function(row) return upto(t, at, t.max(place(at, row) + 1, length)) end
end

-- How the loop visits tiles, where it is not one after the other from start to stop (tile/record.lua, loop).
function M.visit(t, spec, at)
  local visit = { hidden = at.own.hidden }
  return next(visit) and visit or nil
end

return M
