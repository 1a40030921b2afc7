-- SPDX-License-Identifier: MIT
-- ALiBi with slopes 2^(-8 (h + 1) / heads_q), without an argument for them.
function score(s, b, h, q, kv)
  local slope = exp2(-8.0 * (h + 1) / heads_q)
  return s - slope * abs(place(q) - kv)
end
