-- Give up a place, or the wait for one. KEYS: running, waiting, alive. ARGV: id.
for _, key in ipairs(KEYS) do
  redis.call('ZREM', key, ARGV[1])
end
return 1
