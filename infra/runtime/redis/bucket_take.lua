-- Take up to so many tokens, at least one, from a bucket that refills by Redis' own clock. KEYS: hash.
-- ARGV: tokens a second, most tokens, tokens wanted. Returns tokens taken, tokens left, ms until there is one.
local per_s, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1]) or burst
tokens = math.min(burst, tokens + math.max(0, now - (tonumber(kept[2]) or now)) * per_s)
local taken = math.min(wanted, math.floor(tokens))
tokens = tokens - taken
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / per_s * 1000) + 1000)
if taken >= 1 then
  return {taken, math.floor(tokens), 0}
end
return {0, 0, math.ceil((1 - tokens) / per_s * 1000)}
