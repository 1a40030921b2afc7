-- SPDX-License-Identifier: MIT
-- Schedules: what follows from a line, and that a wrong line is refused.
local S = require "tile.schedule"
local lines = require "schedules.lines"
local cases = {}
local stages = { "scores", "rescale", "softmax", "output" }
local staged = { { name = "k", stage = "scores" }, { name = "v", stage = "output" } }

local function refused(line, depth, part)
  local ok, e = pcall(function() S.prove(S.derive(line, stages), staged, depth) end)
  assert(not ok, line .. " must be refused")
  assert(type(e) == "table" and e.code == "FA_ERR_UNSUPPORTED", tostring(e))
  assert(e.message:find(part, 1, true), e.message)
end

function cases.every_line_is_proven_at_its_depth()
  for _, by_depth in pairs(lines) do
    for depth, line in pairs(by_depth) do S.prove(S.derive(line, stages), staged, depth) end
  end
end

function cases.every_barrier_is_needed()
  for _, by_depth in pairs(lines) do
    for depth, line in pairs(by_depth) do
      local at = 1
      while true do
        local from, to = line:find("|", at, true)
        if not from then break end
        local without = line:sub(1, from - 1) .. line:sub(to + 1)
        local ok = pcall(function() S.prove(S.derive(without, stages), staged, depth) end)
        assert(not ok or line:find("+", 1, true), without .. " is accepted")
        at = to + 1
      end
    end
  end
end

function cases.errors_name_the_line_and_the_fault()
  refused("< scores rescale softmax > |", 2, "stage output is missing")
  refused("< * * > |", 2, "stands twice")
  refused("* > |", 2, "< and > are needed")
  refused("< * wander > |", 2, "no stage is called wander")
  refused("< * > |", 1, "meets a read of the same buffer")
  refused("< * >", 2, "meets a read of the same buffer")
  refused("< * | >", 1, "before a barrier behind its deposit")
end

-- Half of the waves one barrier behind: what one half deposits must not meet what the other reads.
function cases.halves_do_not_meet()
  local function ok(line, direct)
    local tiles = { { name = "k", stage = "scores", direct = direct }, { name = "v", stage = "output", direct = direct } }
    return pcall(function() S.prove(S.derive(line, stages), tiles, 2) end)
  end
  assert(ok "~ scores+ output > | < rescale+ softmax+ |" and ok "~ < scores+ output > | rescale+ softmax+ |")
  assert(ok("~ < scores+ output > | rescale+ softmax+ |", true), "a buffer is free when the other half has read it")
  -- each of these is right where all waves go together
  for _, line in ipairs { "scores+ output > | < rescale+ softmax+", "scores+ output > < rescale+ softmax+ |" } do
    assert(ok(line) and not ok("~ " .. line), line)
  end
  -- the load into a buffer is under way from its issue on
  assert(ok("scores+ output | < rescale+ softmax+ > |", true) and not ok("~ scores+ output | < rescale+ softmax+ > |", true))
  assert(ok "~ < scores+ output | > rescale+ softmax+ |" == false)
  refused("~ < * > |", 2, "wants a stage that runs ahead")
  local loaded = { { name = "k", stage = "scores", direct = true }, { name = "v", stage = "output", direct = true } }
  local taken, e = pcall(function() S.prove(S.derive("scores+ output > | < rescale+ softmax+ |", stages), loaded, 2) end)
  assert(not taken and e.message:find("< must stand before >", 1, true))
end

function cases.ahead_stages_run_before_and_the_others_behind()
  local s = S.derive("scores+ output > | < rescale+ softmax+ |", stages)
  assert(s.carried and s.any_ahead)
  assert(#s.before == 3 and s.before[1].name == "scores" and #s.after == 1 and s.after[1].name == "output")
end

return cases
