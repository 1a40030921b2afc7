-- SPDX-License-Identifier: MIT
-- NATTEN: queries and keys are the pixels of an image; a pixel sees the square of `reach` around it, which is moved inward at the edges.
local width, height = scalar("width", "i32"), scalar("height", "i32")
local reach = scalar("reach", "i32")

function mask(b, h, q, kv)
  local x = clamp(q % width, reach, width - 1 - reach)
  local y = clamp(q // width, reach, height - 1 - reach)
  return abs(kv % width - x) <= reach and abs(kv // width - y) <= reach
end
