-- SPDX-License-Identifier: MIT
-- Schedules by name and depth of buffers; the notation is explained in tile/schedule.lua.
return {
  -- one tile after the other; the waves of the other workgroups and of this one fill the gaps
  plain = { [1] = "< * | > |", [2] = "< * > |" },
  -- attention: while one half of the waves multiplies (scores of a tile, output of the one before), the other half does the softmax
  pingpong = { [2] = "~ scores+ output > | < rescale+ softmax+ |" },
  -- the same, and what is loaded waits in registers during the products only; loads straight into LDS want it so too, for the buffer must be free
  -- when they are issued.  Targets with `issue_early` take it for pingpong.
  pingpong_early = { [2] = "~ < scores+ output > | rescale+ softmax+ |" },
  -- for problems whose first choice spills: table.lua
  light1 = { [1] = "< * | > |" },
  light2 = { [1] = "< * | > |" },
  light3 = { [1] = "< * | > |" },
  light4 = { [1] = "< * | > |" },
  light5 = { [1] = "< * | > |" },
  light6 = { [1] = "< * | > |" },
}
