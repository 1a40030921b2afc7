-- SPDX-License-Identifier: MIT
-- Schedules by name and depth of buffers; the notation is explained in tile/schedule.lua.
return {
  -- one tile after the other; the waves of the other workgroups and of this one fill the gaps
  plain = { [1] = "< * | > |", [2] = "< * > |" },
  -- attention: the products of one tile stand beside the softmax of the next
  pingpong = { [2] = "scores+ output > | < rescale+ softmax+ |" },
  -- for problems whose first choice spills: table.lua
  light1 = { [1] = "< * | > |" },
  light2 = { [1] = "< * | > |" },
  light3 = { [1] = "< * | > |" },
  light4 = { [1] = "< * | > |" },
}
