-- SPDX-License-Identifier: MIT
-- T5: distances fall into 32 buckets, half of them exact, the others wider and wider; a learned bias for each bucket and head.
local t5_bias = buffer("t5_bias", "fp32", { 32, "heads_q" })

local function bucket(distance) -- bidirectional
  local half, exact, farthest = 16, 8, 128
  local base = where(distance < 0, half, 0)
  local n = abs(distance)
  local wide = exact + int(log2(max(n, 1) / exact) * ((half - exact) / math.log(farthest / exact, 2)))
  return base + where(n < exact, n, min(wide, half - 1))
end

function score(s, b, h, q, kv)
  return s + t5_bias[bucket(q - kv)][h]
end
