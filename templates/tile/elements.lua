-- SPDX-License-Identifier: MIT
-- A tile of both axes, element by element in the accumulator's layout, as HIP C: what is added to a product, or masks it.  Rows behind the end
-- and keys behind the last row's end read 0; other keys behind the end are whatever lies there, and the mask of the end throws them away.
local R, formats = require "tile.rows", require "tile.formats"

return function(self, x)
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
