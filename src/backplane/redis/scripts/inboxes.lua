-- What is kept of inboxes. ARGV: for each, the hash of the session's secret, and behind which seq.
-- Reply: for each a list of messages, or '' where that is lost.
local reply = { 'OK', epoch, offset }
for at = FIRST_ARG, #ARGV, 2 do
  local secret, after = ARGV[at], tonumber(ARGV[at + 1])
  local last = tonumber(redis.call('HGET', session_key(secret), 'seq'))
  local missing = last and last - after
  local kept = missing and missing > 0 and redis.call('LLEN', inbox_key(secret)) or 0
  if not missing or missing < 0 or kept < missing then reply[#reply + 1] = ''
  elseif missing == 0 then reply[#reply + 1] = {}
  else reply[#reply + 1] = redis.call('LRANGE', inbox_key(secret), -missing, -1) end
end
return reply
