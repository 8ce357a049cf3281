-- Take a place if there is one for this id, in the order of the queue. KEYS: running, waiting, alive (scores: end of life, order, end of life).
-- ARGV: id, limit, order, ttl in ms, 1 where the place is held already. Returns 0 when held, else the place in the queue from 1 on.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life = now + ARGV[4]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
  redis.call('ZREM', KEYS[2], gone)
  redis.call('ZREM', KEYS[3], gone)
end
local ahead = 0
if ARGV[5] ~= '1' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
  redis.call('ZADD', KEYS[3], life, ARGV[1])
  ahead = redis.call('ZRANK', KEYS[2], ARGV[1])
  if redis.call('ZCARD', KEYS[1]) + ahead >= tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[2], ARGV[4])
    redis.call('PEXPIRE', KEYS[3], ARGV[4])
    return ahead + 1
  end
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[1], life, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
