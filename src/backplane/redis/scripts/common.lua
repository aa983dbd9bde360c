-- What every script begins with. Not a script of its own: it stands before each of the others.
-- KEYS: meta, log, users, nodes, swept, bans, held, history. ARGV: namespace, lease in ms, the calling node, the epoch it knows, a random
-- new one, for how many ms an extended session is held (0: not at all).
local META, LOG, USERS, NODES, SWEPT, BANS, HELD, HISTORY = unpack(KEYS)
local NAMESPACE, LEASE, NODE, KNOWN, FRESH = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local GRACE = tonumber(ARGV[6])
local FIRST_ARG = 7
local FORMAT = '4'
local EVENTS = NAMESPACE .. 'events'
local LOG_MARKS = NAMESPACE .. 'marks'

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local meta = redis.call('HMGET', META, 'format', 'replid', 'epoch', 'offset', 'past', 'claims_until', 'top', 'fresh_bytes', 'said_bytes')
if meta[1] and meta[1] ~= FORMAT then
  return redis.error_reply('TERTULIAFORMAT ' .. meta[1] .. ' is the format of what is kept here; this node knows ' .. FORMAT)
end
local epoch, offset = meta[3], tonumber(meta[4] or 0)
-- The epochs before this one, the latest first, each with the offset at which it ended here: epoch:offset,epoch:offset
local past = meta[5] or ''
local claims_until = tonumber(meta[6] or 0)
-- The highest place that anyone has been given; said only where it is beyond the offset.
local top = tonumber(meta[7] or 0)
-- What was appended to the log since its last mark.
local fresh_bytes = tonumber(meta[8] or 0)
-- What the history has.
local said_bytes = tonumber(meta[9] or 0)

local function node_key(id) return NAMESPACE .. 'node:' .. id end
local function owned_key(id) return NAMESPACE .. 'owned:' .. id end
-- Of an extended session, by the hash of its secret. `session`, a hash: seq (of its last private message), bytes (of its inbox), refs (how many
-- it has had), waited (seq of the last message that there was when it was taken up; '' before that), the latest refs (s:<which> → ref), and
-- what became of their frames (r:<ref> → outcome). `inbox`, a list: its latest private messages, each as seq, position that it stands
-- behind, frame.
local function session_key(secret) return NAMESPACE .. 'session:' .. secret end
local function inbox_key(secret) return NAMESPACE .. 'inbox:' .. secret end

-- Nobody is swept for Redis's own absence. The terms are those that nodes gave themselves: who calls may have another.
local function renew_all()
  for _, id in ipairs(redis.call('ZRANGE', NODES, 0, -1)) do
    redis.call('ZADD', NODES, now + (redis.call('HGET', node_key(id), 'lease') or LEASE), id)
  end
  -- Those who are held could not come back meanwhile, either.
  for _, name in ipairs(redis.call('ZRANGE', HELD, 0, -1)) do redis.call('ZADD', HELD, now + GRACE, name) end
end

-- How many epochs are remembered: so often may Redis restart while a node is away, without its losing a word.
local PAST = 32
-- More than could be lost in a failover: those who claim the places that they had stand before those who come new.
local PLACES = 1000000

-- After a restart or a failover the log may be shorter than what nodes have seen: what follows is another epoch. Every process begins
-- with a replication id of its own, and a replica takes another when it becomes the master.
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
if meta[2] ~= replid then
  if epoch then
    past = epoch .. ':' .. offset .. (past ~= '' and ',' .. past or '')
    local last = 0
    for _ = 1, PAST do last = string.find(past, ',', last + 1, true) or #past + 1 end
    past = string.sub(past, 1, last - 1)
    top = math.max(top, offset) + PLACES
  else
    past = ''
    -- What may be left would not fit what comes.
    redis.call('DEL', LOG, LOG_MARKS, USERS, NODES, SWEPT, HELD, HISTORY)
  end
  epoch = FRESH
  redis.call('HSET', META, 'format', FORMAT, 'replid', replid, 'epoch', epoch, 'offset', offset, 'past', past, 'top', top,
    'claims_until', claims_until)
  renew_all()
end

-- Everything is gone, and a node that lives knows of it: those who are still connected come first, from now on for one lease.
if past == '' and claims_until == 0 and KNOWN ~= '' and KNOWN ~= epoch then
  claims_until = now + LEASE
  redis.call('HSET', META, 'claims_until', claims_until)
end

-- Never more than a lease, whatever the clock does.
local function claims_left() return math.min(math.max(claims_until - now, 0), LEASE) end

-- A user is kept as lines: node ('' while it is held), session, status, order, account ('' for a guest), the hash of the session's secret ('' for a
-- base session), identity (JSON), and the frame of its departure up to the time.
local function owner_of(value)
  if not value then return nil end
  return string.match(value, '^([^\n]*)\n([^\n]*)\n')
end

local function account_of(value)
  if not value then return '' end
  return string.match(value, '^[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)\n')
end

local function secret_of(value)
  if not value then return '' end
  return string.match(value, '^[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)\n')
end

-- What is kept of the kind `account`, by the key of the name (store.ts): an id, a space, and what is not the scripts' business.
local function account_key(name) return NAMESPACE .. 'store:account:' .. name end

-- Whoever owned it has gone: an account that nobody uses is forgotten after a while.
local function leave_account(name, value, ttl)
  local account = account_of(value)
  if account == '' then return end
  local kept = redis.call('GET', account_key(name))
  if kept and string.sub(kept, 1, #account + 1) == account .. ' ' then redis.call('PEXPIRE', account_key(name), ttl) end
end

-- A ban is kept as when it is over (ms since 1970, or '' for never), a tab, and JSON.
local function is_over(ban)
  local over = tonumber(string.match(ban, '^%d+'))
  return over ~= nil and over <= now
end

-- The log is cut by bytes at marks: there is one each time that a part of what it may hold has been appended.
local MARKS = 8

-- Appends what happened to the log and tells every node: one entry, one message, the same bytes.
-- keep: how many events the log has at least, unless they are more than keep_bytes.
local function publish(lines, keep, keep_bytes)
  local first = offset - #lines + 1
  local payload = 'e\t' .. epoch .. '\t' .. first .. '\n' .. table.concat(lines, '\n')
  fresh_bytes = fresh_bytes + #payload
  local marked = fresh_bytes >= keep_bytes / MARKS
  redis.call('HSET', META, 'offset', offset, 'fresh_bytes', marked and 0 or fresh_bytes)
  redis.call('XADD', LOG, 'MINID', '~', math.max(offset - keep, 0), offset .. '-0', 'e', payload)
  redis.call('PUBLISH', EVENTS, payload)
  if marked then
    redis.call('RPUSH', LOG_MARKS, offset)
    if redis.call('LLEN', LOG_MARKS) > MARKS then
      redis.call('XTRIM', LOG, 'MINID', redis.call('LPOP', LOG_MARKS) + 1)
    end
  end
end
