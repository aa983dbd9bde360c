-- What was said last, the latest first. ARGV: before which offset ('' for all), how many at most.
local before = ARGV[FIRST_ARG] == '' and '+inf' or '(' .. ARGV[FIRST_ARG]
local reply = { 'OK', epoch, offset }
for _, message in ipairs(redis.call('ZREVRANGEBYSCORE', HISTORY, before, '-inf', 'LIMIT', 0, ARGV[FIRST_ARG + 1])) do
  reply[#reply + 1] = message
end
return reply
