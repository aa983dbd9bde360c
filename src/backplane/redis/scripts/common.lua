-- What every script begins with. Not a script of its own: it stands before each of the others.
-- KEYS: meta, log, users, nodes, swept. ARGV: namespace, lease in ms, the calling node, the epoch it knows, a random new one.
local META, LOG, USERS, NODES, SWEPT = unpack(KEYS)
local NAMESPACE, LEASE, NODE, KNOWN, FRESH = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local FIRST_ARG = 6
local FORMAT = '1'
local EVENTS = NAMESPACE .. 'events'

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local meta = redis.call('HMGET', META, 'format', 'run_id', 'epoch', 'offset', 'prev', 'prev_end', 'claims_until', 'top')
if meta[1] and meta[1] ~= FORMAT then
  return redis.error_reply('TERTULIAFORMAT ' .. meta[1] .. ' is the format of what is kept here; this node knows ' .. FORMAT)
end
local epoch, offset = meta[3], tonumber(meta[4] or 0)
local prev, prev_end = meta[5], tonumber(meta[6] or 0)
local claims_until = tonumber(meta[7] or 0)
-- The highest place that anyone has been given; said only where it is beyond the offset.
local top = tonumber(meta[8] or 0)

local function node_key(id) return NAMESPACE .. 'node:' .. id end
local function owned_key(id) return NAMESPACE .. 'owned:' .. id end

-- Nobody is swept for Redis's own absence.
local function renew_all()
  for _, id in ipairs(redis.call('ZRANGE', NODES, 0, -1)) do
    redis.call('ZADD', NODES, now + LEASE, id)
  end
end

-- After a restart or a failover the log may be shorter than what nodes have seen: what follows is another epoch.
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if meta[2] ~= run_id then
  if epoch then
    prev, prev_end = epoch, offset
  else
    prev, prev_end = '', 0
    -- Everything is gone, and a node that lives knows of it: those who are still connected come first.
    if KNOWN ~= '' then claims_until = now + LEASE end
  end
  epoch = FRESH
  redis.call('HSET', META, 'format', FORMAT, 'run_id', run_id, 'epoch', epoch, 'offset', offset, 'prev', prev,
    'prev_end', prev_end, 'claims_until', claims_until)
  renew_all()
end

local function claims_left() return math.max(claims_until - now, 0) end

-- A user is kept as lines: node, session, status, order, identity (JSON), and the frame of its departure up to the time.
local function owner_of(value)
  if not value then return nil end
  return string.match(value, '^([^\n]*)\n([^\n]*)\n')
end

-- Appends what happened to the log and tells every node: one entry, one message, the same bytes.
local function publish(lines, keep)
  local first = offset - #lines + 1
  local payload = 'e\t' .. epoch .. '\t' .. first .. '\n' .. table.concat(lines, '\n')
  redis.call('HSET', META, 'offset', offset)
  redis.call('XADD', LOG, 'MINID', '~', math.max(offset - keep, 0), offset .. '-0', 'e', payload)
  redis.call('PUBLISH', EVENTS, payload)
end
