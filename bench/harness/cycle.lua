-- The tokens of a file in turn: cycle.lua FILE PAUSE [NAME VALUE]…, with a pause of so many milliseconds before each
-- request of a connection, or 0, and with these fields. When there is a FILE.more, its tokens take part as well from
-- then on.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local requests, last, served, more, fields = {}, 0, 0, nil, {}

local function add(file)
  for token in file:lines() do
    fields["Authorization"] = "Bearer " .. token
    requests[#requests + 1] = wrk.format("GET", wrk.path, fields)
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
  for i = 3, #arguments, 2 do fields[arguments[i]] = arguments[i + 1] end
  add(assert(io.open(arguments[1])))
  more = arguments[1] .. ".more"
  local pause = tonumber(arguments[2])
  if pause > 0 then
    function delay() return pause end
  end
end

function request()
  served = served + 1
  if more and served % 256 == 0 then look() end
  last = last % #requests + 1
  return requests[last]
end
