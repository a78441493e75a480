-- The tokens of a file in turn, each answer compared with what it must be:
-- verdicts.lua FILE STATUS USER PAUSE [NAME VALUE]…; USER is `-` where no answer names one, PAUSE is in milliseconds.
-- Writes one line of JSON at the end.
local requests, last, expected, user, fields = {}, 0, 0, nil, {}
local seen

right, wrong, first = 0, 0, ""

function setup(thread) seen = thread end

function init(arguments)
  expected = tonumber(arguments[2])
  if arguments[3] ~= "-" then user = arguments[3] end
  for i = 5, #arguments, 2 do fields[arguments[i]] = arguments[i + 1] end
  for token in io.lines(arguments[1]) do
    fields["Authorization"] = "Bearer " .. token
    requests[#requests + 1] = wrk.format("GET", wrk.path, fields)
  end
  local pause = tonumber(arguments[4])
  if pause > 0 then
    function delay() return pause end
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function response(status, headers, _)
  local named = headers["x-authgear-user-id"]
  if status == expected and named == user then
    right = right + 1
    return
  end
  wrong = wrong + 1
  if first == "" then first = string.format("%d for %s", status, tostring(named)) end
end

function done(summary, _, _)
  local errors = summary.errors
  io.write(string.format(
    '{"right":%d,"wrong":%d,"first":"%s","requests":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    seen:get("right"), seen:get("wrong"), seen:get("first"),
    summary.requests, errors.connect, errors.read, errors.write, errors.timeout))
end
