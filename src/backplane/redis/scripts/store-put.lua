-- Keeps a value unless there is one. ARGV: kind, key, value, for how many ms ('': for good). Reply: what is kept.
local kind, key, value, ttl = ARGV[FIRST_ARG], ARGV[FIRST_ARG + 1], ARGV[FIRST_ARG + 2], ARGV[FIRST_ARG + 3]
local stored = NAMESPACE .. 'store:' .. kind .. ':' .. key
local kept = redis.call('GET', stored)
if not kept then
  redis.call('SET', stored, value)
  if ttl ~= '' then redis.call('PEXPIRE', stored, ttl) end
  redis.call('ZADD', NAMESPACE .. 'index:' .. kind, 0, key)
end
return { 'OK', epoch, offset, kept or value }
