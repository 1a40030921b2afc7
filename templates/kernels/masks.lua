-- SPDX-License-Identifier: MIT
-- Masks.  A mask is a bound: query `row` sees the keys before stop(row).  The loop's range, the tiles that need no test and the test itself
-- all follow from that one function, which must not fall as the row grows.
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
