#!lua flags=allow-oom
-- Shows out a portion of the users of nodes that are no more, and of those who were held for long enough; extended sessions of such nodes are held. Whoever calls it goes on until nobody is left: if the caller
-- dies in between, the next beat of any node takes over.
-- ARGV: how many events and how many bytes the log keeps, for how many ms an account that nobody uses, how many users at most, the time
--   as it stands in frames.
local keep, keep_bytes = tonumber(ARGV[FIRST_ARG]), tonumber(ARGV[FIRST_ARG + 1])
local account_ttl = ARGV[FIRST_ARG + 2]
local most, stamp = tonumber(ARGV[FIRST_ARG + 3]), ARGV[FIRST_ARG + 4]
-- How long a batch whose answer was lost may still be asked for.
local OUTCOMES_KEPT_S = 3600
local lines = {}

local function show_out(name, value, session)
  local secret = secret_of(value)
  redis.call('HDEL', USERS, name)
  if secret ~= '' then
    redis.call('DEL', session_key(secret), inbox_key(secret))
    redis.call('ZREM', HELD, name)
  end
  leave_account(name, value, account_ttl)
  offset = offset + 1
  local departure = string.match(value, '\n([^\n]*)$')
  lines[#lines + 1] = table.concat({ 'l', session, name, departure .. stamp .. '"}' }, '\t')
end

local function hold(name, value, session)
  redis.call('HSET', USERS, name, string.match(value, '\n.*$'))
  redis.call('ZADD', HELD, now + GRACE, name)
  offset = offset + 1
  lines[#lines + 1] = table.concat({ 'h', session, name, '' }, '\t')
end

for _, id in ipairs(redis.call('SMEMBERS', SWEPT)) do
  local names = redis.call('SPOP', owned_key(id), most - #lines)
  for _, name in ipairs(names) do
    local value = redis.call('HGET', USERS, name)
    local node, session = owner_of(value)
    if node == id then
      if GRACE > 0 and secret_of(value) ~= '' then hold(name, value, session) else show_out(name, value, session) end
    end
  end
  if redis.call('EXISTS', owned_key(id)) == 0 then
    redis.call('SREM', SWEPT, id)
    redis.call('EXPIRE', node_key(id), OUTCOMES_KEPT_S)
  end
  if #lines >= most then break end
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', HELD, '-inf', now, 'LIMIT', 0, most - #lines)) do
  local value = redis.call('HGET', USERS, name)
  local node, session = owner_of(value)
  -- Whoever is held has an entry, and nobody else.
  if node == '' then show_out(name, value, session) else redis.call('ZREM', HELD, name) end
end
if #lines > 0 then publish(lines, keep, keep_bytes) end
return { 'OK', epoch, offset, redis.call('SCARD', SWEPT) + redis.call('ZCOUNT', HELD, '-inf', now) }
