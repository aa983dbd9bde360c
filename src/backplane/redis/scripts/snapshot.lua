-- Everyone present and all bans that hold, and the position at which that is so.
local bans = {}
for _, ban in ipairs(redis.call('HVALS', BANS)) do
  if not is_over(ban) then bans[#bans + 1] = ban end
end
return { 'OK', epoch, offset, redis.call('HGETALL', USERS), bans }
