-- Take the lease if it is free, with a fencing token that only grows. KEYS: lease, counter. ARGV: ttl in ms.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], token, 'PX', ARGV[1])
redis.call('PEXPIRE', KEYS[2], 604800000)
return token
