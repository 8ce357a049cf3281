-- Move a partition's mark forward, never back. KEYS: hash. ARGV: partition, unix microseconds.
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if tonumber(ARGV[2]) > before then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 1
