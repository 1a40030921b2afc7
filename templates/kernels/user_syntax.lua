-- SPDX-License-Identifier: MIT
-- A user's file as Lua that records.  Lua turns the result of a comparison into a plain boolean and tests conditions itself; so comparisons,
-- and, or, not, and the conditions of if, while and until become calls (user.lua has the functions).  What is returned goes through a call, too: a
-- tail call would take its line along, which an error is to name.  Everything else, and every line's number, stays.  The text is known to be right Lua.
local M = {}

local function set(text) local out = {}; for word in text:gmatch "%S+" do out[word] = true end return out end
local keywords = set "and break do else elseif end false for function goto if in local nil not or repeat return then true until while"
local block_ends = set "end else elseif until"
-- priorities of binary operators: left, right (as in Lua's manual, 3.4.8)
local binary = { ["or"] = { 1, 1 }, ["and"] = { 2, 2 }, ["<"] = { 3, 3 }, [">"] = { 3, 3 }, ["<="] = { 3, 3 }, [">="] = { 3, 3 }, ["~="] = { 3, 3 }, ["=="] = { 3, 3 },
  ["|"] = { 4, 4 }, ["~"] = { 5, 5 }, ["&"] = { 6, 6 }, ["<<"] = { 7, 7 }, [">>"] = { 7, 7 }, [".."] = { 9, 8 }, ["+"] = { 10, 10 }, ["-"] = { 10, 10 },
  ["*"] = { 11, 11 }, ["/"] = { 11, 11 }, ["//"] = { 11, 11 }, ["%"] = { 11, 11 }, ["^"] = { 14, 13 } }
local unary, UNARY = set "not - # ~", 12
local calls = { ["<"] = "__lt", [">"] = "__gt", ["<="] = "__le", [">="] = "__ge", ["=="] = "__eq", ["~="] = "__ne" }
local operators = { "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>" }

-- { kind, text, space before it }; comments are space
local function tokens_of(text)
  local out, at, space = {}, 1, ""
  local function take(kind, last) out[#out + 1] = { kind, text:sub(at, last), space }; at, space = last + 1, "" end
  while at <= #text do
    local blank = text:match("^%s+", at)
    local level = text:match("^%-%-%[(=*)%[", at)
    local long = text:match("^%[(=*)%[", at)
    if blank then space, at = space .. blank, at + #blank
    elseif level then
      local _, last = text:find("]" .. level .. "]", at, true)
      space, at = space .. text:sub(at, last), last + 1
    elseif text:find("^%-%-", at) then
      local comment = text:match("^[^\n]*", at)
      space, at = space .. comment, at + #comment
    elseif long then take("string", select(2, text:find("]" .. long .. "]", at, true)))
    elseif text:find("^[\"']", at) then
      local quote, last = text:sub(at, at), at + 1
      while text:sub(last, last) ~= quote do last = last + (text:sub(last, last) == "\\" and 2 or 1) end
      take("string", last)
    elseif text:find("^%.?%d", at) then
      local _, last = text:find(text:find("^0[xX]", at) and "^0[xX][%x%.]*[pP]?" or "^[%d%.]*[eE]?", at)
      if text:sub(last, last):find "[eEpP]" then last = select(2, text:find("^[+-]?%d+", last + 1)) or last end
      take("number", last)
    elseif text:find("^[%a_]", at) then
      local _, last = text:find("^[%w_]+", at)
      take(keywords[text:sub(at, last)] and "keyword" or "name", last)
    else
      local length = 1
      for _, o in ipairs(operators) do if text:sub(at, at + #o - 1) == o then length = #o break end end
      take("operator", at + length - 1)
    end
  end
  out[#out + 1] = { "end", "", space }
  return out
end

function M.rewrite(source)
  local tokens, at = tokens_of((source:gsub("^#[^\n]*", ""))), 1
  local expression, block
  local function peek(text) return tokens[at][1] ~= "string" and tokens[at][2] == text end
  local function take() local x = tokens[at]; at = at + 1; return x[3] .. x[2] end
  local function line_of(token)
    local line = 1
    for i = 1, token do for _ in (tokens[i][3] .. (i < token and tokens[i][2] or "")):gmatch "\n" do line = line + 1 end end
    return line
  end
  local function list(item)
    local out = { item() }
    while peek "," do out[#out + 1] = take(); out[#out + 1] = item() end
    return table.concat(out)
  end
  local function expressions() return list(function() return expression(0) end) end
  local function body() -- of a function, from its parameters on
    local out = { take() }
    while not peek ")" do out[#out + 1] = take() end
    out[#out + 1] = take(); out[#out + 1] = block(); out[#out + 1] = take()
    return table.concat(out)
  end
  local function constructor()
    local out = { take() }
    while not peek "}" do
      if peek "[" then out[#out + 1] = take() .. expression(0) .. take() .. take() .. expression(0)
      elseif tokens[at][1] == "name" and tokens[at + 1][2] == "=" then out[#out + 1] = take() .. take() .. expression(0)
      else out[#out + 1] = expression(0) end
      if peek "," or peek ";" then out[#out + 1] = take() end
    end
    return table.concat(out) .. take()
  end
  local function suffixed()
    local out = { peek "(" and take() .. expression(0) .. take() or take() }
    while true do
      if peek "." or peek ":" then out[#out + 1] = take() .. take()
      elseif peek "[" then out[#out + 1] = take() .. expression(0) .. take()
      elseif peek "(" then
        local text = take()
        if not peek ")" then text = text .. expressions() end
        out[#out + 1] = text .. take()
      elseif peek "{" then out[#out + 1] = constructor()
      elseif tokens[at][1] == "string" then out[#out + 1] = take()
      else return table.concat(out) end
    end
  end
  local function simple()
    local kind, text = tokens[at][1], tokens[at][2]
    if kind == "number" or kind == "string" or text == "nil" or text == "true" or text == "false" or text == "..." then return take() end
    if peek "function" then return take() .. body() end
    if peek "{" then return constructor() end
    return suffixed()
  end
  function expression(limit)
    local left
    if tokens[at][1] ~= "string" and unary[tokens[at][2]] then
      local is_not = peek "not"
      local operator = take()
      left = is_not and " __not(" .. operator:sub(1, -4) .. expression(UNARY) .. ")" or operator .. expression(UNARY)
    else left = simple() end
    while true do
      local operator = tokens[at][1] ~= "string" and tokens[at][2]
      local priority = binary[operator]
      if not priority or priority[1] <= limit then return left end
      local space = tokens[at][3]
      at = at + 1
      local right = expression(priority[2])
      if calls[operator] then left = (" %s(%s%s,%s)"):format(calls[operator], left, space, right)
      elseif operator == "and" or operator == "or" then left = (" __%s(%s%s, function() return%s end)"):format(operator, left, space, right)
      else left = left .. space .. operator .. right end
    end
  end
  local function condition() return " __is(" .. expression(0) .. ")" end

  local function conditional()
    local out = { take(), condition(), take(), block() }
    while peek "elseif" do out[#out + 1] = take() .. condition() .. take() .. block() end
    if peek "else" then out[#out + 1] = take() .. block() end
    return table.concat(out) .. take()
  end
  local function attributed() return take() .. (peek "<" and take() .. take() .. take() or "") end
  local statements = {
    [";"] = take,
    ["if"] = conditional,
    ["while"] = function() return take() .. condition() .. take() .. block() .. take() end,
    ["repeat"] = function() return take() .. block() .. take() .. condition() end,
    ["do"] = function() return take() .. block() .. take() end,
    ["for"] = function() return take() .. list(take) .. take() .. expressions() .. take() .. block() .. take() end,
    ["break"] = take,
    ["goto"] = function() return take() .. take() end,
    ["::"] = function() return take() .. take() .. take() end,
    ["function"] = function()
      local text = take() .. take()
      while not peek "(" do text = text .. take() end
      return text .. body()
    end,
    ["local"] = function()
      local text = take()
      if peek "function" then return text .. take() .. take() .. body() end
      text = text .. list(attributed)
      return peek "=" and text .. take() .. expressions() or text
    end,
    ["return"] = function()
      local text, line = take(), line_of(at - 1)
      if not (block_ends[tokens[at][2]] or tokens[at][1] == "end" or peek ";") then text = text .. (" __values(%d,%s)"):format(line, expressions()) end
      return peek ";" and text .. take() or text
    end,
  }
  function block()
    local out = {}
    while not (tokens[at][1] == "end" or tokens[at][1] == "keyword" and block_ends[tokens[at][2]]) do
      local statement = tokens[at][1] ~= "string" and statements[tokens[at][2]]
      if statement then out[#out + 1] = statement()
      else
        out[#out + 1] = list(suffixed)
        if peek "=" then out[#out + 1] = take() .. expressions() end
      end
    end
    return table.concat(out)
  end
  return block() .. tokens[at][3]
end

return M
