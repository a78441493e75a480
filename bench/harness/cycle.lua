-- The tokens of a file in turn: cycle.lua FILE [PAUSE], with a pause of so many milliseconds before each request of a
-- connection. When there is a FILE.more, its tokens take part as well from then on.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local requests, last, served, more = {}, 0, 0, nil

local function add(file)
  for token in file:lines() do
    requests[#requests + 1] = wrk.format("GET", wrk.path, { ["Authorization"] = "Bearer " .. token })
  end
  file:close()
end

local function look()
  local file = io.open(more)
  if file then
    add(file)
    more = nil
  end
end

function init(arguments)
  add(assert(io.open(arguments[1])))
  more = arguments[1] .. ".more"
  local pause = tonumber(arguments[2])
  if pause then
    function delay() return pause end
  end
end

function request()
  served = served + 1
  if more and served % 256 == 0 then look() end
  last = last % #requests + 1
  return requests[last]
end
