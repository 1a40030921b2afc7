-- SPDX-License-Identifier: MIT
-- Causal behind a prefix that everybody sees; its length is each sequence's own.
local prefix = buffer("prefix", "i32", { "batch" })

function mask(b, h, q, kv)
  return kv < prefix[b] or kv <= place(q)
end
