-- SPDX-License-Identifier: Apache-2.0
-- embed.lua: what wrk sends: POST PATH with one line of TEXTS a request, every request another line (equal texts in one batch would be computed
-- once); its results as one line of JSON. In: wrk -s embed.lua URL -- PATH TEXTS [FIELD]. Called by generators.py, which sees to it that TEXTS
-- holds more lines than there are connections and none twice.

local requests, at = {}, 0
local n_threads = 0

function setup(thread)
  thread:set("start", n_threads)
  n_threads = n_threads + 1
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
end

function init(args)
  local path, texts, field = args[1], args[2], args[3] or "inputs"
  for line in io.lines(texts) do
    local body = '{"' .. field .. '":' .. quoted(line) .. '}'
    requests[#requests + 1] = wrk.format("POST", path, { ["Content-Type"] = "application/json" }, body)
  end
  at = start * 1000 % #requests -- threads begin at different lines
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, all)
  local ms = function(p) return latency:percentile(p) / 1000 end
  io.write(string.format(
    '\nJSON {"requests":%d,"seconds":%.6f,"bytes":%d,"p50":%.3f,"p95":%.3f,"p99":%.3f,"max":%.3f,"mean":%.3f,' ..
    '"not_2xx":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, ms(50), ms(95), ms(99), latency.max / 1000, latency.mean / 1000,
    summary.errors.status, summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.timeout))
end
