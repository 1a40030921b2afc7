-- SPDX-License-Identifier: MIT
-- Several documents in one sequence: a query sees the keys of its own document, up to its place.  The numbers ascend, so whole tiles of other
-- documents are left out.
local document = buffer("document", "i32", { "batch", "seqlen_k" }, { ascending = true })

function mask(b, h, q, kv)
  return document[b][place(q)] == document[b][kv] and kv <= place(q)
end
