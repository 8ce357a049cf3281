-- Give a key back whose request was not answered. KEYS: hash. ARGV: fingerprint.
local kept = redis.call('HMGET', KEYS[1], 'fingerprint', 'response')
if kept[1] == ARGV[1] and not kept[2] then
  return redis.call('DEL', KEYS[1])
end
return 0
