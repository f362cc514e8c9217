-- Reads a value; see shared.rs for what is kept. KEYS: value, its tag's last change, everybody's last change, who refreshes it.
-- ARGV: how many milliseconds before its end a value is due. Answers: the generation; the value, or false; 1 if the caller refreshes it.
local none = '----------------'
local generation = (redis.call('GET', KEYS[2]) or none) .. (redis.call('GET', KEYS[3]) or none)
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, 32) ~= generation then
  return { generation, false, 0 }
end
if redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[1]) and redis.call('SET', KEYS[4], '', 'NX', 'PX', ARGV[1]) then
  return { generation, false, 1 }
end
return { generation, held, 0 }
