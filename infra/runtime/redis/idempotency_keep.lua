-- Keep the answer, unless the lease ran out and another request took the key. KEYS: hash. ARGV: fingerprint, response, ms.
local holder = redis.call('HGET', KEYS[1], 'fingerprint')
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'response', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
