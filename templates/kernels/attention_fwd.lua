-- SPDX-License-Identifier: MIT
-- Attention, forward: FlashAttention-2 (Dao 2023), Algorithm 1.  The rescale of the running output is taken only when a row maximum grew by
-- more than SLACK (exact for any slack: the final division uses the same maximum).
local masks, scores, dropout = require "kernels.masks", require "kernels.scores", require "kernels.dropout"
local layouts, groups, statistics = require "kernels.layouts", require "kernels.groups", require "kernels.statistics"
local functions = require "kernels.user_tile"

local NEVER = -3.0e38 -- below every score, finite: exp2(-inf - NEVER) is 0 and no NaN arises from an empty row
local SLACK = 8.0     -- powers of two by which exp2 may grow before that
local LIFT = 7.0      -- and which it has from the start: small weights stay normal numbers of fp16, large ones (2^15) within its range
local LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453
local TINY = 0x1p-126 -- a scale of 0 counts as this, so that a masked score stays -inf

return function(t, spec)
  local at = {} -- where a workgroup works
  local layout = layouts[spec.has.varlen and "packed" or "batched"](t, at)
  local q, kv = t.axis("q", spec.block_m), t.axis("kv", spec.block_n)
  at.q, at.kv, at.layout, at.total = q, kv, layout, layout.total
  local group = groups[spec.gqa_pack == 1 and "packed" or "alone"](layout, at)
  t.spread(q, group.spread)
  local parts = spec.value_block and (spec.head_dim_v + spec.value_block - 1) // spec.value_block or 1
  local batch, head, part = t.each("batch", group.heads, parts > 1 and tostring(parts) or nil) -- a part: of the columns of V and O
  local d = t.axis("d", spec.head_dim_qk)
  local dv = parts > 1 and t.axis("dv", spec.value_block, part * spec.value_block) or t.axis("dv", spec.head_dim_v)
  at.batch = layout.sequence(batch)
  group.begin(t, head)

  local q_of = layout.rows("q", "read", spec.dtype_q, "q", spec.head_dim_qk)
  local k_of = layout.rows("k", "read", spec.dtype_kv, "k", spec.head_dim_qk)
  local v_of = layout.rows("v", "read", spec.dtype_kv, "k", spec.head_dim_v)
  local o_of = layout.rows("o", "write", spec.dtype_o, "q", spec.head_dim_v)
  local lse_of = layout.row_values "lse"
  layout.begin()

  t.require("heads_k", ">=", "1", "query heads need a key head")
  t.require("heads_q % heads_k", "==", "0", "every key head serves equally many query heads: heads_q must be a multiple of heads_k")

  at.own = spec.has.user and functions.program(t, spec, at) or {} -- the user's
  local score = scores.chain(t, spec, at) -- nil: the softmax takes the product as it is
  local sink = spec.has.sink and scores.sink(t, at)
  local drop = spec.has.dropout and dropout(t, spec, at)
  local softmax_scale = t.scalar "softmax_scale"
  local scale = t.positive(score and LOG2_E or t.let("scale_log2", t.max(t.abs(softmax_scale) * LOG2_E, TINY))) -- exp(x) = exp2(x * log2(e))
  local sees = masks[spec.mask](t, at)
  at.first_tokens = spec.has.first_tokens and masks.first_tokens(t) or nil
  local seen = masks.test(t, at, sees)

  local Q = t.load("q", q_of(at.first_head), q, d)
  if not score then Q = t.flip_sign(Q, softmax_scale:lt(0.0)) end
  local K_all, V_all = k_of(at.head_k), v_of(at.head_k)
  local lift = spec.dtype_kv == "fp32" and 0.0 or LIFT -- there a key that is seen alone has the weight 1 to the last bit
  local m = t.full("row_max", { q }, NEVER) -- in powers of two, scale included
  local l = t.full("row_sum", { q }, 0.0)
  local O = t.full("o", { q, dv }, 0.0)
  local largest = spec.has.max_logit and statistics.max_logit(t, at)

  local function visible(first, last) -- to where some row sees, to where all see; from where some see, from where all
    local stop, all_from = sees(at.query_of(last))
    local full, start = sees(at.query_of(first))
    return stop, full, start, all_from
  end
  local visit = masks.visit(t, spec, at) -- nil: all tiles of the range
  m, l, O = t.loop(kv, visible, { m, l, O }, function(m, l, O)
    t.stage "scores"
    local K = t.load("k", K_all, kv, d)
    local S = t.dot("s", Q, K, d)
    if score then S = score(S * softmax_scale) end
    t.stage "rescale"
    S = t.when("the mask or the end of the keys cuts this tile", t.cut(kv), function()
      return t.where(seen(), S, -math.huge)
    end, S)
    if at.own.mask then S = at.own.mask(S) end
    local top = t.rowmax("top", S, kv)
    if largest then largest.watch(top) end
    top = top * scale
    m, l, O = t.when("a row maximum grew: rescale what was summed", (top - (lift + SLACK)):gt(m), function()
      local m_new = t.let("new_max", t.max(m, top - lift))
      local shrink = t.let("shrink", t.exp2(m - m_new))
      return m_new, l * shrink, O * shrink
    end, m, l, O)
    t.stage "softmax"
    local P = t.let("p", t.exp2(S * scale - m))
    l = t.rowsum("row_sum", P, kv, l)
    P = t.let("p16", t.cast(P, spec.dtype_kv))
    if drop then P = drop.of(P) end
    t.stage "output"
    local V = t.load("v", V_all, kv, dv)
    O = t.dot("o", P, V, kv, O)
    return m, l, O
  end, visit)

  local shrink = 1.0
  if sink then m, l, shrink = sink(m, l) end
  if drop then shrink = drop.scale() * shrink end
  local inv_sum = t.let("inv_sum", t.where(l:gt(0.0), shrink / l, 0.0)) -- a row that sees no key gives 0
  t.store(o_of(at.first_head), t.cast(O * inv_sum, spec.dtype_o), q, dv)
  local function store_statistics()
    t.store(lse_of(), statistics.lse(t, spec, m, l), q)
    if largest then largest.store(score and 1.0 or scale * LN_2) end
    if drop then drop.export() end
  end
  if part then t.when("one part writes it", part:lt(1), store_statistics) else store_statistics() end
end
