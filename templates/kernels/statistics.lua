-- SPDX-License-Identifier: MIT
-- What the softmax leaves behind besides O.
local M = {}
local LN_2 = 0.6931471805599453

-- log(sum(exp(s))) of a row, from its maximum m in powers of two and the sum l of exp2(s - m).
function M.lse(t, spec, m, l)
  local lse = m + t.log2(l)
  return spec.lse == "base2" and lse or lse * LN_2
end

-- The largest score of a head over all batches, queries and keys that they see.  watch(top) takes a tile's row maxima; store(unit) raises what
-- is in memory, unit: a natural unit in those of the maxima.
function M.max_logit(t, at)
  local all = t.tensor("max_logit", "readwrite", "fp32", { { "heads_q" } }, { optional = true, initial = "-inf" })
  local best = t.full("row_best", { at.q }, -math.huge)
  return {
    watch = function(top) t.grow(best, top) end,
    store = function(unit) t.raise(t.slice(all, { heads_q = at.head }), best * unit, at.q, at.query:lt(at.seqlen_q)) end,
  }
end

return M
