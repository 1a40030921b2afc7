-- SPDX-License-Identifier: MIT
-- C = A B, row-major: A (m, k), B (k, n), C (m, n), 16-bit in and out, fp32 sums.  A plain product through the passes that attention goes
-- through.  Tile: block_m rows on the waves, head_dim_v columns, block_n of the contracted axis at a time.
return function(t, spec)
  for _, size in ipairs { "m", "n", "k" } do t.size(size) end
  local m, k = t.axis("m", spec.block_m), t.axis("k", spec.block_n)
  t.spread(m, "m")
  local n = t.axis("n", spec.head_dim_v, t.each(("ceil_div(n, %d)"):format(spec.head_dim_v)) * spec.head_dim_v)
  local A = t.slice(t.tensor("a", "read", spec.dtype_q, { { "m", "row" }, { "k" } }), {})
  local B = t.slice(t.tensor("b", "read", spec.dtype_kv, { { "k", "row" }, { "n" } }), {})
  local C = t.slice(t.tensor("c", "write", spec.dtype_o, { { "m", "row" }, { "n" } }), {})
  t.require("k % 16", "==", "0", "a row of A is read in pieces of up to 16 elements")
  t.require("n % 8", "==", "0", "a row of C is written in pieces of up to 8 elements")

  local sum = t.full("sum", { m, n }, 0.0)
  sum = t.loop(k, function() return t.size "k", t.size "k" end, { sum }, function(sum)
    t.stage "product"
    return t.dot("sum", t.load("a", A, m, k), t.load("b", B, k, n), k, sum)
  end)
  t.store(C, t.cast(sum, spec.dtype_o), m, n)
end
