-- What is kept of a kind, in the order of the keys. ARGV: kind, behind which key, how many at most.
-- Reply: key, value, and how many ms it is still kept (-1: for good).
local kind, after, limit = ARGV[FIRST_ARG], ARGV[FIRST_ARG + 1], tonumber(ARGV[FIRST_ARG + 2])
local index = NAMESPACE .. 'index:' .. kind
local reply = { 'OK', epoch, offset }
local PORTION = 100
repeat
  local keys = redis.call('ZRANGE', index, '(' .. after, '+', 'BYLEX', 'LIMIT', 0, PORTION)
  for _, key in ipairs(keys) do
    if #reply - 3 >= limit then return reply end
    after = key
    local stored = NAMESPACE .. 'store:' .. kind .. ':' .. key
    local value = redis.call('GET', stored)
    -- It has expired: the index does not know.
    if not value then redis.call('ZREM', index, key)
    else reply[#reply + 1] = { key, value, redis.call('PTTL', stored) } end
  end
until #keys < PORTION
return reply
