#!lua flags=allow-oom
-- Shows out a portion of the users of nodes that are no more. Whoever calls it goes on until nobody is left: if the caller
-- dies in between, the next beat of any node takes over.
-- ARGV: how many events and how many bytes the log keeps, for how many ms an account that nobody uses, how many users at most, the time
--   as it stands in frames.
local keep, keep_bytes = tonumber(ARGV[FIRST_ARG]), tonumber(ARGV[FIRST_ARG + 1])
local account_ttl = ARGV[FIRST_ARG + 2]
local most, stamp = tonumber(ARGV[FIRST_ARG + 3]), ARGV[FIRST_ARG + 4]
-- How long a batch whose answer was lost may still be asked for.
local OUTCOMES_KEPT_S = 3600
local lines = {}
for _, id in ipairs(redis.call('SMEMBERS', SWEPT)) do
  local names = redis.call('SPOP', owned_key(id), most - #lines)
  for _, name in ipairs(names) do
    local value = redis.call('HGET', USERS, name)
    local node, session = owner_of(value)
    if node == id then
      local departure = string.match(value, '\n([^\n]*)$')
      redis.call('HDEL', USERS, name)
      leave_account(name, value, account_ttl)
      offset = offset + 1
      lines[#lines + 1] = table.concat({ 'l', session, name, departure .. stamp .. '"}' }, '\t')
    end
  end
  if redis.call('EXISTS', owned_key(id)) == 0 then
    redis.call('SREM', SWEPT, id)
    redis.call('EXPIRE', node_key(id), OUTCOMES_KEPT_S)
  end
  if #lines >= most then break end
end
if #lines > 0 then publish(lines, keep, keep_bytes) end
return { 'OK', epoch, offset, redis.call('SCARD', SWEPT) }
