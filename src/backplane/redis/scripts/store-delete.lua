#!lua flags=allow-oom
-- Forgets a value. ARGV: kind, key. Reply: how many there were.
local kind, key = ARGV[FIRST_ARG], ARGV[FIRST_ARG + 1]
redis.call('ZREM', NAMESPACE .. 'index:' .. kind, key)
return { 'OK', epoch, offset, redis.call('DEL', NAMESPACE .. 'store:' .. kind .. ':' .. key) }
