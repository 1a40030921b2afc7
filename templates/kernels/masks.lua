-- SPDX-License-Identifier: MIT
-- Masks.  A mask is a function of the row: a query sees the keys before `stop` and, where the function gives a second value, from `start` on
-- (0 or more).  The loop's range, the tiles that need no test and the test itself all follow from it.  Neither value may fall as the row grows.
-- A sliding window of the last 128 keys would be: return stop, t.max(row + (seqlen_k - seqlen_q) - 127, 0).
local M = {}

function M.none(t) -- every query sees every key
  return function(row) return t.size "seqlen_k" end
end

function M.causal(t) -- bottom-right aligned: the last query sees the last key
  return function(row)
    local seqlen_q, seqlen_k = t.size "seqlen_q", t.size "seqlen_k"
    return t.max(t.min(seqlen_k, row + 1 + (seqlen_k - seqlen_q)), 0)
  end
end

return M
