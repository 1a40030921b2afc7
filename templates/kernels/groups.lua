-- SPDX-License-Identifier: MIT
-- Which query and which head a row of a workgroup's tile is.  It fills in `at`: head, of a row; first_head, of the workgroup; head_k; query, of a
-- row; query_of, the same for a row's number; fold, for slices whose rows are the tile's.
local M = {}
local GROUP = "ceil_div(heads_q, max(heads_k, 1))" -- heads_q / heads_k, where that is whole; 0 where no head is

-- A row is a query of one head.
function M.alone(layout, at)
  local group = { spread = layout.spread, heads = "heads_q" }
  function group.begin(t, head)
    at.head, at.first_head = head, head
    at.head_k = t.let("head_k", head / (t.size "heads_q" / t.size "heads_k")) -- grouped queries
    at.query = t.index(at.q)
    at.query_of = function(row) return row end
  end
  return group
end

-- Rows are the heads that share a key head, query by query: a tile of keys serves all of them, and few queries fill a tile of rows.
function M.packed(layout, at)
  local rows = layout.spread .. " * " .. GROUP
  local group = { spread = rows, heads = "heads_k" }
  function group.begin(t, head_k)
    t.require(rows, "<=", "1073741824", "gqa_pack=1 counts queries times heads of a group in 31 bits; gqa_pack=0 does not")
    local heads = t.let("heads_group", t.size "heads_q" / t.size "heads_k")
    at.head_k = head_k
    at.first_head = t.let("head_first", head_k * heads)
    at.query_of = function(row) return row / heads end
    at.fold = t.fold(at.q, heads, "heads_q", GROUP)
    at.query, at.head = at.fold.row, t.let("head", at.first_head + at.fold.member)
  end
  return group
end

return M
