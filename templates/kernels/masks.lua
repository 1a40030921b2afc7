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
  local visit = { hidden = at.own.hidden, head = at.first_tokens, table = spec.has.block_table and M.block_table(t, spec, at) or nil }
  return next(visit) and visit or nil
end

-- The keys that a bound on the left does not hide from anybody.
function M.first_tokens(t)
  t.require("first_tokens", ">=", "0", "first_tokens counts keys")
  return t.scalar("first_tokens", "i32")
end

-- Which blocks of keys a block of queries meets, as FlexAttention's BlockMask: for each (batch, head, block of queries) a count and a list, and the
-- same again for the blocks that the user's mask need not be asked for.
function M.block_table(t, spec, at)
  local q_blocks = ("ceil_div(%s, block_q)"):format(at.layout.longest "q")
  local kv_blocks = ("ceil_div(%s, block_kv)"):format(at.layout.longest "k")
  local rows = spec.gqa_pack == 1 and "block_q * (heads_q / max(heads_k, 1))" or "block_q"
  local block_q, block_kv = t.scalar("block_q", "i32"), t.scalar("block_kv", "i32")
  local row = t.let("table_row", at.query_of(t.first_index()) / block_q)
  t.require("block_q", ">=", "1", "a block holds a query")
  t.require("block_kv", ">=", "1", "a block holds a key")
  t.require(("(%s) %% %d"):format(rows, spec.block_m), "==", "0", ("a block of the table holds whole tiles: block_q must be a multiple of %d queries; a smaller block_m of the problem allows smaller ones"):format(spec.block_m))
  t.require(("block_kv %% %d"):format(spec.block_n), "==", "0", ("a block of the table holds whole tiles: block_kv must be a multiple of %d keys; a smaller block_n of the problem allows smaller ones"):format(spec.block_n))
  local function list(prefix, name)
    local number = t.tensor(prefix .. "kv_num_blocks", "read", "i32", { { "batch", "batch" }, { "heads_q", "head" }, { q_blocks } }, { optional = prefix ~= "" })
    local indices = t.tensor(prefix .. "kv_indices", "read", "i32", { { "batch", "batch" }, { "heads_q", "head" }, { q_blocks, "row" }, { kv_blocks } }, { optional = prefix ~= "" })
    if spec.gqa_pack == 1 then
      for _, x in ipairs { number, indices } do t.require(x.name .. "_stride_head", "==", "0", "gqa_pack=1 works on several heads at once: the table is one for all heads (stride 0)") end
    end
    return t.element("table_" .. name, t.slice(number, { batch = at.batch, head = at.first_head, [q_blocks] = row }), prefix ~= "" and t.constant(0, "i32") or nil),
      t.slice(indices, { batch = at.batch, head = at.first_head, row = row })
  end
  local visit = { parts = t.let("table_parts", block_kv / spec.block_n) }
  visit.partial, visit.list = list("", "partial")
  visit.full, visit.full_list = list("full_", "full")
  return visit
end

-- The test of an element of a tile, made in front of the loop for the rows' bounds.
function M.test(t, at, sees)
  local stop, start = sees(at.query)
  stop, start = t.let("row_stop", stop), start and t.let("row_start", start)
  local keys = start and t.let("row_keys", t.max(stop - start, 0))
  local head = start and at.first_tokens and t.let("row_head", t.min(at.first_tokens, stop))
  return function()
    local here, step = t.index_first(at.kv), t.index_step(at.kv)
    if not start then return step:lt(t.let("stop_here", stop - here)) end
    local seen = t.within(step - t.let("start_here", start - here), keys)
    return head and t["or"](seen, step:lt(t.let("head_here", head - here))) or seen
  end
end

return M
