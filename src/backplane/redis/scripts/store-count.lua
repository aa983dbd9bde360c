-- Counts in a window of time that begins with the first. ARGV: kind, key, by how many, ms of the window. Reply: the count, and how many ms are
-- left of the window. Such counts are in no index: there may be many, and each is gone soon.
local by, window = tonumber(ARGV[FIRST_ARG + 2]), ARGV[FIRST_ARG + 3]
local stored = NAMESPACE .. 'count:' .. ARGV[FIRST_ARG] .. ':' .. ARGV[FIRST_ARG + 1]
local count = tonumber(redis.call('GET', stored) or 0)
-- What is not there cannot be taken back.
by = math.max(by, -count)
if by ~= 0 then
  redis.call('SET', stored, 0, 'PX', window, 'NX')
  count = redis.call('INCRBY', stored, by)
end
return { 'OK', epoch, offset, count, math.max(redis.call('PTTL', stored), 0) }
