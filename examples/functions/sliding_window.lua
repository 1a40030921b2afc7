-- SPDX-License-Identifier: MIT
-- Causal, `window` keys back; each head may have a window of its own.
local window = buffer("window", "i32", { "heads_q" })

function mask(b, h, q, kv)
  return kv <= place(q) and place(q) - kv <= window[h]
end
