-- SPDX-License-Identifier: MIT
-- A query sees the keys up to its own place.  (mask=causal is faster to write; this one is to begin with.)
function mask(b, h, q, kv)
  return kv <= place(q)
end
