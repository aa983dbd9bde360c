#!lua flags=allow-oom
-- A node renews its lease and tells everyone where the log stands, so that who hears nothing knows that it is deaf.
-- Ends the claims of nodes whose lease ran out; sweep.lua then shows their users out.
if not redis.call('ZSCORE', NODES, NODE) then return { 'LAPSED', epoch, offset, claims_left() } end
local newest = tonumber(redis.call('HGET', META, 'beat') or now)
-- Nobody could beat for a while: that was Redis, or the way to it, and not the nodes. Or the clock was set back.
if now - newest > LEASE / 2 or newest > now then renew_all() end
redis.call('HSET', META, 'beat', now)
redis.call('ZADD', NODES, now + LEASE, NODE)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', NODES, '-inf', '(' .. now)) do
  redis.call('ZREM', NODES, id)
  redis.call('SADD', SWEPT, id)
end
-- Accounts expire by themselves; the index of their names is looked through a little at a time.
local index = NAMESPACE .. 'index:account'
for _, name in ipairs(redis.call('ZRANDMEMBER', index, 10)) do
  if redis.call('EXISTS', account_key(name)) == 0 then redis.call('ZREM', index, name) end
end
-- So are bans.
local bans = redis.call('HRANDFIELD', BANS, 10, 'WITHVALUES')
for at = 1, #bans, 2 do
  if is_over(bans[at + 1]) then redis.call('HDEL', BANS, bans[at]) end
end
redis.call('PUBLISH', EVENTS, 'h\t' .. epoch .. '\t' .. offset)
-- And how many there are to be shown out: nodes, and those who were held for long enough.
return { 'OK', epoch, offset, claims_left(), redis.call('SCARD', SWEPT) + redis.call('ZCOUNT', HELD, '-inf', now) }
