-- wrk script: sends the requests of a file in turn and prints one machine-readable line at the end.
-- A line of the file is METHOD TAB path TAB body, and a key of its own after another TAB.
-- Arguments: the file, the client key, where in the file to begin (0..1).
local requests, count, at = {}, 0, 0

function init(args)
    local headers = { ["Accept"] = "application/json", ["User-Agent"] = "bench/1" }
    for line in io.lines(args[1]) do
        local method, path, body, key = line:match("^(%S+)\t(%S+)\t([^\t]*)\t?(.*)$")
        headers["Host"] = (path:sub(1, 5) == "/2010" and "twilio" or "hubspot") .. ".bench.internal"
        headers["Hushgate-Key"] = #key > 0 and key or args[2]
        headers["Content-Type"] = #body > 0 and "application/x-www-form-urlencoded" or nil
        count = count + 1
        requests[count] = wrk.format(method, path, headers, #body > 0 and body or nil)
    end
    at = math.floor(count * tonumber(args[3]))
end

function request()
    at = at % count + 1
    return requests[at]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT requests=%d us=%d bytes=%d failed=%d p50=%d p99=%d\n",
        summary.requests, summary.duration, summary.bytes,
        e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
