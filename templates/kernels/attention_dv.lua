-- SPDX-License-Identifier: MIT
-- Gradient of V: dV = P^T dO with P = exp(softmax_scale * Q K^T - lse), FlashAttention-2 (Dao 2023), Algorithm 2, lines 11 and 12, one query
-- head at a time.  Here the keys are spread over the waves and the loop walks the queries: P^T is the operand of the second product as it
-- leaves the first, as in the forward kernel with the roles exchanged.
local masks = require "kernels.masks"
local LOG2_E = 1.4426950408889634

return function(t, spec)
  for _, size in ipairs { "batch", "seqlen_q", "seqlen_k", "heads_q" } do t.size(size) end
  local kv, q = t.axis("kv", spec.block_m), t.axis("q", spec.block_n)
  local d, dv = t.axis("d", spec.head_dim_qk), t.axis("dv", spec.head_dim_v)
  t.spread(kv, "seqlen_k")
  local batch, head = t.each("batch", "heads_q")

  local function bshd(seqlen, dim) return { { "batch", "batch" }, { seqlen, "seq" }, { "heads_q", "head" }, { dim } } end
  local at = { batch = batch, head = head }
  local Q = t.slice(t.tensor("q", "read", spec.dtype_q, bshd("seqlen_q", d.size)), at)
  local dO = t.slice(t.tensor("do", "read", spec.dtype_q, bshd("seqlen_q", dv.size)), at)
  local lse = t.slice(t.tensor("lse", "read", "fp32", { { "batch" }, { "heads_q" }, { "seqlen_q" } }), { batch = batch, heads_q = head })
  local dV = t.slice(t.tensor("dv", "write", spec.dtype_kv, bshd("seqlen_k", dv.size)), at)
  local K = t.load("k", t.slice(t.tensor("k", "read", spec.dtype_kv, bshd("seqlen_k", d.size)), at), kv, d)
  local scale = t.let("scale_log2", t.scalar "softmax_scale" * LOG2_E)
  local stop = masks[spec.mask](t, { batch = batch, seqlen_q = t.size "seqlen_q", seqlen_k = t.size "seqlen_k", total = "seqlen_q + seqlen_k" })

  local sum = t.full("sum", { kv, dv }, 0.0)
  sum = t.loop(q, function() return t.size "seqlen_q", t.size "seqlen_q" end, { sum }, function(sum)
    t.stage "scores"
    local S = t.dot("s", K, t.load("q", Q, q, d), d)
    t.stage "softmax"
    local LSE = t.load_vector("lse", lse, q)
    local visible = t["and"](t.index(q):lt(t.size "seqlen_q"), t.index(kv):lt(stop(t.index(q))))
    local P = t.let("p", t.where(visible, t.exp2(S * scale - LSE * LOG2_E), 0.0))
    P = t.let("p16", t.cast(P, spec.dtype_kv))
    t.stage "output"
    return t.dot("sum", P, t.load("do", dO, q, dv), q, sum)
  end)
  t.store(dV, t.cast(sum, spec.dtype_kv), kv, dv)
end
