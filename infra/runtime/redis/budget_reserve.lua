-- Hold an amount in every scope, or in none.
-- KEYS: per scope three (counter hash, holds by expiry, holds by key), then the record.
-- ARGV: number of scopes, key, amount, ttl in ms, window, then a limit per scope (-1 is none).
-- Answers {1} held, {2} held or settled before, {0, scope number, left}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local scopes, key, amount, ttl = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local record = KEYS[#KEYS]
if redis.call('EXISTS', record) == 1 then
  return {2}
end
for i = 1, scopes do
  local counter, expiry, holds = KEYS[i * 3 - 2], KEYS[i * 3 - 1], KEYS[i * 3]
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', now)) do
    redis.call('HINCRBY', counter, 'held', -tonumber(redis.call('HGET', holds, dead) or '0'))
    redis.call('HDEL', holds, dead)
    redis.call('ZREM', expiry, dead)
  end
end
for i = 1, scopes do
  local counter, limit = KEYS[i * 3 - 2], tonumber(ARGV[5 + i])
  local spent = tonumber(redis.call('HGET', counter, 'spent') or '0')
  local held = tonumber(redis.call('HGET', counter, 'held') or '0')
  if limit >= 0 and (spent + held + amount > limit or spent + held >= limit) then
    return {0, i, limit - spent - held}
  end
end
for i = 1, scopes do
  redis.call('HINCRBY', KEYS[i * 3 - 2], 'held', amount)
  redis.call('ZADD', KEYS[i * 3 - 1], now + ttl, key)
  redis.call('HSET', KEYS[i * 3], key, amount)
end
redis.call('HSET', record, 'window', ARGV[5], 'settled', '0')
redis.call('PEXPIRE', record, 3456000000)
return {1}
