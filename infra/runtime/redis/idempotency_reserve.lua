-- Take a key for a request, unless another has it. KEYS: hash. ARGV: fingerprint, lease in ms.
-- Answers {0} for the first, {1, same} while one is at work, {2, same, response} when one was answered.
local kept = redis.call('HMGET', KEYS[1], 'fingerprint', 'response')
if not kept[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {0}
end
local same = kept[1] == ARGV[1] and 1 or 0
if kept[2] then
  return {2, same, kept[2]}
end
return {1, same}
