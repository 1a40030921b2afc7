-- SPDX-License-Identifier: MIT
-- A learned bias for each head and each distance up to `reach`.
local reach = scalar("reach", "i32")
local rel_bias = buffer("rel_bias", "fp16", { "heads_q", 2 * reach + 1 })

function score(s, b, h, q, kv)
  return s + rel_bias[h][clamp(q - kv, -reach, reach) + reach]
end
