-- Turn a hold into an amount spent, once per key, also when the hold has expired.
-- KEYS: per scope three (counter hash, holds by expiry, holds by key), then the record. ARGV: number of scopes, key, amount, window.
local scopes, key, amount = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local record = KEYS[#KEYS]
if redis.call('HGET', record, 'settled') == '1' then
  return 0
end
for i = 1, scopes do
  local counter, expiry, holds = KEYS[i * 3 - 2], KEYS[i * 3 - 1], KEYS[i * 3]
  local held = redis.call('HGET', holds, key)
  if held then
    redis.call('HINCRBY', counter, 'held', -tonumber(held))
    redis.call('HDEL', holds, key)
    redis.call('ZREM', expiry, key)
  end
  redis.call('HINCRBY', counter, 'spent', amount)
end
redis.call('HSET', record, 'window', ARGV[4], 'settled', '1')
redis.call('PEXPIRE', record, 3456000000)
return 1
