-- SPDX-License-Identifier: MIT
-- Score functions: what stands between S = softmax_scale * Q K^T and the mask, in this order.  Each is made once for a kernel and takes and
-- returns a tile of scores in natural units.
local M = {}
local LOG2_E = 1.4426950408889634

-- cap * tanh(s / cap), as cap - 2 cap / (1 + exp(2 s / cap)): exact at both ends, within 2^-22 * cap between, which fp32 would see.
function M.softcap(t, at, spec)
  local cap = t.scalar("softcap", "f32", { positive = true })
  if spec.dtype_kv == "fp32" then
    local inv_cap = t.let("inv_cap", 1.0 / cap)
    return function(s) return cap * t.call("tanh_f32", "f32", s * inv_cap) end
  end
  local rate, twice = t.let("cap_rate", 2.0 * LOG2_E / cap), t.let("cap_twice", cap * 2.0)
  return function(s) return cap - twice * t.rcp(t.exp2(s * rate) + 1.0) end
end

-- - slope * |place of the query - key|; slopes of shape (batch, heads_q), the batch stride 0 where all share them.
function M.alibi(t, at)
  local slopes = t.tensor("alibi_slopes", "read", "fp32", { { "batch", "batch" }, { "heads_q" } })
  local slope = t.element("alibi_slope", t.slice(slopes, { batch = at.batch, heads_q = at.head }))
  return function(s)
    local place = at.query + (at.seqlen_k - at.seqlen_q)
    local from = t.let("alibi_from", t.float(place - t.index_first(at.kv)))
    return s - slope * t.abs(from - t.float(t.index_step(at.kv)))
  end
end

-- A value for each query and key, in the type of Q; strides of 0 broadcast it over batch, heads or queries.
function M.bias(t, at, spec)
  local all = at.layout.pairs("bias", spec.dtype_q)
  return function(s) return s + t.load_elements("bias_tile", all(), at.q, at.kv) end
end

-- A byte for each query and key: 0 hides the key from the query.
function M.bool_mask(t, at)
  local all = at.layout.pairs("bool_mask", "u8")
  return function(s) return t.where(t.load_elements("bool_tile", all(), at.q, at.kv):gt(0.0), s, -math.huge) end
end

-- The user's own (user_tile.lua).
function M.user(t, at) return at.own.score end

local order = { "softcap", "alibi", "bias", "user", "bool_mask" }

-- An attention sink: one more score a head, in natural units, that takes part in the maximum and in the sum and has no value.  Takes the
-- running maximum m (in powers of two) and sum l of a row; returns what stands for them and the factor of O.
function M.sink(t, at)
  local all = t.tensor("sinks", "read", "fp32", { { "heads_q" } })
  local sink = t.let("sink_log2", t.element("sink", t.slice(all, { heads_q = at.head })) * LOG2_E)
  return function(m, l)
    local with = t.let("max_with_sink", t.max(m, sink))
    local shrink = t.let("sink_shrink", t.exp2(m - with))
    return with, t.let("sum_with_sink", l * shrink + t.exp2(sink - with)), shrink
  end
end

-- The score functions that the problem asks for as one; nil where the softmax takes Q K^T as it is.
function M.chain(t, spec, at)
  local chain = {}
  for _, name in ipairs(order) do
    if spec.has[name] then chain[#chain + 1] = M[name](t, at, spec) end
  end
  if #chain == 0 then return nil end
  return function(s)
    for _, f in ipairs(chain) do s = f(s) end
    return t.let("score", s)
  end
end

return M
