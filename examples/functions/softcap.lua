-- SPDX-License-Identifier: MIT
-- cap * tanh(s / cap), only where the query and the key are of different parity.
local cap = scalar("cap", "f32")

function score(s, b, h, q, kv)
  if (q + kv) % 2 == 1 then return cap * tanh(s / cap) end
  return s
end
