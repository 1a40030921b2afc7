-- SPDX-License-Identifier: MIT
-- How sequences lie in memory.  A layout names the sizes, gives the lengths of the sequence that a workgroup works on, and cuts one head of that
-- sequence out of the tensors.
local M = {}

-- One length for all: (batch, seqlen, heads, head_dim).
function M.batched(t, at)
  for _, size in ipairs { "batch", "seqlen_q", "seqlen_k", "heads_q", "heads_k" } do t.size(size) end
  local layout = { spread = "seqlen_q", total = "seqlen_q + seqlen_k" }
  function layout.sequence(index) return index end
  function layout.longest(side) return "seqlen_" .. side end
  function layout.begin() at.seqlen_q, at.seqlen_k = t.size "seqlen_q", t.size "seqlen_k" end
  function layout.rows(name, access, dtype, side, dim)
    local all = t.tensor(name, access, dtype, { { "batch", "batch" }, { "seqlen_" .. side, "seq" }, { "heads_" .. side, "head" }, { dim } }, { align = 16 })
    return function(head) return t.slice(all, { batch = at.batch, head = head }, { fold = side == "q" and at.fold }) end
  end
  function layout.row_values(name) -- one a query and head
    local all = t.tensor(name, "write", "fp32", { { "batch" }, { "heads_q" }, { "seqlen_q" } }, { optional = true })
    return function() return t.slice(all, { batch = at.batch, heads_q = at.first_head }, { fold = at.fold }) end
  end
  function layout.pairs(name, dtype, access) -- one a query and key
    local all = t.tensor(name, access or "read", dtype, { { "batch", "batch" }, { "heads_q", "head" }, { "seqlen_q", "seq" }, { "seqlen_k" } }, { align = 4, optional = access == "write" })
    return function() return t.slice(all, { batch = at.batch, head = at.first_head }, { fold = at.fold }) end
  end
  return layout
end

-- Sequences of their own lengths behind one another: (total, heads, head_dim); sequence b has rows cu_seqlens[b] .. cu_seqlens[b + 1] - 1, of
-- keys the first seqused_k[b] where that is given.
function M.packed(t, at)
  for _, size in ipairs { "batch", "total_q", "total_k", "max_seqlen_q", "heads_q", "heads_k" } do t.size(size) end
  local layout = { spread = "max_seqlen_q", total = "total_q + total_k" }
  function layout.longest(side) return t.size("max_seqlen_" .. side).name end
  local cu_q = t.tensor("cu_seqlens_q", "read", "i32", { { "batch + 1" } })
  local cu_k = t.tensor("cu_seqlens_k", "read", "i32", { { "batch + 1" } })
  local used = t.tensor("seqused_k", "read", "i32", { { "batch" } }, { optional = true })
  local order = t.tensor("batch_order", "read", "i32", { { "batch" } }, { optional = true }) -- in which the grid takes the sequences
  local first = {}
  function layout.sequence(index) return t.element("sequence", t.slice(order, { batch = index }), index) end
  local function length(side, cu)
    first[side] = t.element("first_" .. side, t.slice(cu, { ["batch + 1"] = at.batch }))
    return t.element("next_" .. side, t.slice(cu, { ["batch + 1"] = at.batch + 1 })) - first[side]
  end
  function layout.begin()
    at.seqlen_q = t.let("seqlen_q", length("q", cu_q))
    t.leave(at.query_of(t.first_index()):ge(at.seqlen_q)) -- the grid is made for the longest
    at.seqlen_k = t.let("seqlen_k", t.element("keys", t.slice(used, { batch = at.batch }), length("k", cu_k)))
  end
  function layout.rows(name, access, dtype, side, dim)
    local all = t.tensor(name, access, dtype, { { "total_" .. side, "seq" }, { "heads_" .. side, "head" }, { dim } }, { align = 16 })
    return function(head) return t.slice(all, { head = head }, { first = first[side], rows = "seqlen_" .. side, fold = side == "q" and at.fold }) end
  end
  function layout.row_values(name)
    local all = t.tensor(name, "write", "fp32", { { "heads_q" }, { "total_q" } }, { optional = true })
    return function() return t.slice(all, { heads_q = at.first_head }, { first = first.q, rows = "seqlen_q", fold = at.fold }) end
  end
  function layout.pairs(name, dtype, access) -- places of queries and keys are those within their sequence
    layout.longest "k"
    local all = t.tensor(name, access or "read", dtype, { { "batch", "batch" }, { "heads_q", "head" }, { "max_seqlen_q", "seq" }, { "max_seqlen_k" } }, { align = 4, optional = access == "write" })
    return function() return t.slice(all, { batch = at.batch, head = at.first_head }, { rows = "seqlen_q", columns = "seqlen_k", fold = at.fold }) end
  end
  return layout
end

return M
