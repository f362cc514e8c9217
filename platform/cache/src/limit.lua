-- Takes one request from a bucket, as buckets.rs does, by the clock of Redis. KEYS: the bucket, as debt:microseconds. ARGV: rate,
-- burst. Answers: 1 if allowed; microseconds until the next, if not; how many are left. All numbers stay below 2^53.
local request = 1000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local rate, full = tonumber(ARGV[1]), tonumber(ARGV[2]) * request
local debt = 0
local owed, at = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%d+)$')
if owed then
  debt = math.max(0, tonumber(owed) - math.max(0, now - tonumber(at)) * rate)
end
if debt + request > full then
  return { 0, math.ceil((debt + request - full) / rate), math.floor(math.max(0, full - debt) / request) }
end
debt = debt + request
redis.call('SET', KEYS[1], string.format('%.0f:%.0f', debt, now), 'PX', math.ceil(debt / rate / 1000) + 1)
return { 1, 0, math.floor((full - debt) / request) }
