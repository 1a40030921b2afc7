-- SPDX-License-Identifier: MIT
-- A tile of both axes, element by element in the accumulator's layout, as HIP C: what is added to a product, or masks it.  Rows behind the end
-- and keys behind the last row's end read 0; other keys behind the end are whatever lies there, and the mask of the end throws them away.
local formats, R = require "tile.formats", require "tile.rows"
local M = {}

function M.load(self, x)
  local plan, tensor = self.plan, x.slice.tensor
  local inst, width, name = plan.inst, formats.bytes[tensor.dtype], x.name
  local columns = x.slice.columns or tensor.dims[#tensor.dims][1]
  local function value(text, half)
    local convert = ("%s_%s"):format(tensor.dtype, half or "low")
    self:use(convert)
    return ("%s(%s)"):format(convert, text)
  end
  self:use "max_i32"; self:use "ROW"
  local row = R.buffer(self, name, x.slice, "const " .. formats.type[tensor.dtype], width,
    ("max_i32(min_i32(%s - %s, %d), 0) * %d"):format(columns, self:column_first(x.column), x.column.size, width), " + " .. self:column_first(x.column))
  self:need(x, name)
  local run = plan.run
  local single = ("$FOR FOR(b, %d) FOR(r, %d) %s$n[b][r] = %s;"):format(x.m_blocks, inst.c_regs, name,
    value(("buffer_read%d(%s_rsrc, %s + (row_lane + b * %d + ROW(r)) * %d)"):format(width, name, row, inst.m, width)))
  self:use("buffer_read" .. width)
  if width >= 2 and run * width % 4 == 0 and run > 1 and (tensor.align or 16) >= 4 and plan.spec.alignment >= 4 then
    local bytes = math.min(16, run * width)
    run = bytes // width
    self:use("buffer_read" .. bytes)
    self:open("if (%s + %d <= %s) { // neighbours at once; a buffer's end would take a whole register with it", self:column_first(x.column), x.column.size, columns)
    self:open("$FOR FOR(b, %d) FOR(i, %d) {", x.m_blocks, inst.c_regs // run)
    self:put("const int r = i * %d;", run)
    self:put("const u32x%d part = buffer_read%d(%s_rsrc, %s + (row_lane + b * %d + ROW(r)) * %d);", bytes // 4, bytes, name, row, inst.m, width)
    if width == 4 then self:put("FOR(j, %d) %s$n[b][r + j] = %s;", run, name, value "part[j]")
    else
      self:open("FOR(j, %d) {", run // 2)
      self:put("%s$n[b][r + 2 * j] = %s;\n%s$n[b][r + 2 * j + 1] = %s;", name, value "part[j]", name, value("part[j]", "high"))
      self:close()
    end
    self:close(); self:close()
    self:put("else " .. single)
    return
  end
  self:put(single)
end

-- ---- views and gathers: an element for each index, behind a buffer resource, so that no index leaves the tensor
local function c_text(dim, counts) return counts[dim] or "(" .. tostring(dim):gsub("[%a_][%w_]*", counts) .. ")" end

-- dims of a view's tensor may be expressions over sizes and scalars; leading ones stand in `args`.
function M.view(self, x)
  local tensor, width, names = x.tensor, formats.bytes[x.tensor.dtype], {}
  for _, list in ipairs { self.plan.recording.sizes, self.plan.recording.scalars } do for _, n in ipairs(list) do names[n.name] = n.c_name or n.name end end
  local function product(from)
    local out = {}
    for i = from, #tensor.dims do out[#out + 1] = "(long)" .. c_text(tensor.dims[i][1], names) end
    return #out > 0 and table.concat(out, " * ") or "1"
  end
  local base = { tensor.name .. "_base" }
  for i, index in ipairs(x.args) do base[#base + 1] = self:expr(x, index, 13) .. " * " .. product(i + 1) end
  self:use "rsrc"
  self:put("const rsrc_t %s = buffer(%s, (int)(%s * %d)); // what lies outside of it reads 0", x.name, table.concat(base, " + "), product(#x.args + 1), width)
end

function M.gather(self, x, offset)
  local dtype = x.view.tensor.dtype
  local width = formats.bytes[dtype]
  self:use("buffer_read" .. width)
  local at = width > 1 and offset .. " * " .. width or offset
  if not x.not_negative then self:use "as_one"; at = "as_one(" .. at .. ")" end
  local text = ("buffer_read%d(%s, %s)"):format(width, x.view.name, at)
  if dtype == "fp32" then text = ("__builtin_bit_cast(float, %s)"):format(text)
  elseif dtype == "fp16" or dtype == "bf16" then self:use(dtype .. "_low"); text = ("%s_low(%s)"):format(dtype, text)
  else text = "(int)" .. text end
  if #x.axes > 0 then return text end
  local uniform = x.dtype == "i32" and "uniform_i32" or "uniform_f32" -- one value for all lanes
  self:use(uniform)
  return ("%s(%s)"):format(uniform, text)
end

return M
