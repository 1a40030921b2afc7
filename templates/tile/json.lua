-- SPDX-License-Identifier: MIT
-- JSON text of ordered values: { "key", value, "key", value } tables marked with object(), arrays, strings, integers, booleans.
local M = {}
local Object = {}
function M.object(...)
  local all, out = table.pack(...), {}
  for i = 1, all.n, 2 do -- what is nil is left out
    if all[i + 1] ~= nil then out[#out + 1], out[#out + 2] = all[i], all[i + 1] end
  end
  return setmetatable(out, Object)
end
local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return c == '"' and '\\"' or c == "\\" and "\\\\" or ("\\u%04x"):format(c:byte()) end) .. '"'
end
-- Objects of only plain values stand on one line.
local function plain(x)
  for _, v in ipairs(x) do if type(v) == "table" and (getmetatable(v) == Object or #v > 0 and type(v[1]) == "table") then return false end end
  return true
end
function M.text(x, indent)
  indent = indent or ""
  if type(x) == "string" then return quote(x) end
  if type(x) ~= "table" then return tostring(x) end
  local inner, parts = indent .. "  ", {}
  local flat = plain(x)
  if getmetatable(x) == Object then
    for i = 1, #x, 2 do parts[#parts + 1] = quote(x[i]) .. ": " .. M.text(x[i + 1], inner) end
    if flat then return "{" .. table.concat(parts, ", ") .. "}" end
    return "{\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. "}"
  end
  for i, v in ipairs(x) do parts[i] = M.text(v, inner) end
  if flat then return "[" .. table.concat(parts, ", ") .. "]" end
  return "[\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. "]"
end
return M
