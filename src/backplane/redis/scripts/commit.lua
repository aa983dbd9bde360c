-- Judges a batch of proposals, and appends and publishes what passes: room/rules.ts, in one step.
-- Checks everything before it writes anything: Redis does not roll back.
-- ARGV: number of the batch, how many events and how many bytes the log keeps, then the proposals: kind, name, session, and
--   j: status, order ('' for a newcomer), identity, departure   l: frame   s: status, frame   b: frame   p: target, frame
local number, keep, keep_bytes = ARGV[FIRST_ARG], tonumber(ARGV[FIRST_ARG + 1]), tonumber(ARGV[FIRST_ARG + 2])
local FIRST = FIRST_ARG + 3
local SIZES = { j = 7, l = 4, s = 5, b = 4, p = 5 }

-- The same number again is the same batch: its outcomes are kept, also for a node that was swept since.
local kept = redis.call('HMGET', node_key(NODE), 'number', 'outcomes', 'epoch')
if kept[2] and kept[1] == number then return { 'OK', kept[3], kept[2] } end
if tonumber(kept[1] or 0) > tonumber(number) then return { 'STALE' } end
if not redis.call('ZSCORE', NODES, NODE) then return { 'LAPSED' } end
if KNOWN ~= epoch then return { 'EPOCH', epoch } end

local users, names = {}, {}
local function look_up(name)
  if users[name] ~= nil then return end
  users[name] = false
  names[#names + 1] = name
end
local at = FIRST
while ARGV[at] do
  look_up(ARGV[at + 1])
  if ARGV[at] == 'p' then look_up(ARGV[at + 3]) end
  at = at + SIZES[ARGV[at]]
end
if #names > 0 then
  for index, value in ipairs(redis.call('HMGET', USERS, unpack(names))) do users[names[index]] = value end
end

local lines, outcomes, touched = {}, {}, {}
-- Private messages by the node that gets them, and whose outcomes they are.
local mail, mail_of = {}, {}

local function append(line)
  offset = offset + 1
  lines[#lines + 1] = line
  return offset
end

local function judge(kind, name, session)
  local value = users[name]
  local node, holder = owner_of(value)
  local owns = node == NODE and holder == session
  if kind == 'j' then
    if not value and ARGV[at + 4] == '' and claims_left() > 0 then return 'W' end
    local status, order, identity, departure = ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
    -- Who claims may find himself, from before his node was swept: data came back that is older than that.
    local himself = holder == session and order ~= '' and not owns
    if value and not himself then return owns and 'U' or 'T' end
    -- Whoever comes new stands behind those who claimed the places that they had before Redis began at 0 again.
    if order == '' then order = math.max(top, offset) + 1 end
    top = math.max(top, tonumber(order))
    users[name] = table.concat({ NODE, session, status, order, identity, departure }, '\n')
    touched[name] = true
    return append(table.concat({ 'j', order, status, session, NODE, identity }, '\t'))
  end
  if not owns then return 'F' end
  if kind == 'b' then return append('b\t' .. name .. '\t' .. ARGV[at + 3]) end
  if kind == 'l' then
    users[name] = false
    touched[name] = true
    return append(table.concat({ 'l', session, name, ARGV[at + 3] }, '\t'))
  end
  if kind == 's' then
    local status, frame = ARGV[at + 3], ARGV[at + 4]
    local old, rest = string.match(value, '^[^\n]*\n[^\n]*\n([^\n]*)(\n.*)$')
    if old == status then return 'U' end
    users[name] = NODE .. '\n' .. session .. '\n' .. status .. rest
    touched[name] = true
    return append(table.concat({ 's', session, status, name, frame }, '\t'))
  end
  local to, whom = owner_of(users[ARGV[at + 3]])
  if not to then return 'X' end
  mail[to] = mail[to] or {}
  mail_of[to] = mail_of[to] or {}
  table.insert(mail[to], offset .. '\t' .. whom .. '\t' .. ARGV[at + 4])
  table.insert(mail_of[to], #outcomes + 1)
  return offset
end

at = FIRST
while ARGV[at] do
  outcomes[#outcomes + 1] = judge(ARGV[at], ARGV[at + 1], ARGV[at + 2])
  at = at + SIZES[ARGV[at]]
end

-- From here on it is written. If there is no memory left, the first of these fails, and nothing has happened.
redis.call('HSET', node_key(NODE), 'number', number, 'epoch', epoch, 'outcomes', '')
local set, gone, mine, released = {}, {}, {}, {}
for name in pairs(touched) do
  if users[name] then
    set[#set + 1] = name
    set[#set + 1] = users[name]
    mine[#mine + 1] = name
  else
    gone[#gone + 1] = name
    released[#released + 1] = name
  end
end
if #set > 0 then
  redis.call('HSET', USERS, unpack(set))
  redis.call('SADD', owned_key(NODE), unpack(mine))
end
if #gone > 0 then
  redis.call('HDEL', USERS, unpack(gone))
  redis.call('SREM', owned_key(NODE), unpack(released))
end
for to, messages in pairs(mail) do
  local heard = redis.call('PUBLISH', NAMESPACE .. 'to:' .. to, 'p\t' .. epoch .. '\n' .. table.concat(messages, '\n'))
  -- Nobody listened: it is not delivered, and its sender is told.
  if heard == 0 then
    for _, index in ipairs(mail_of[to]) do outcomes[index] = 'N' end
  end
end
local result = table.concat(outcomes, ',')
redis.call('HSET', node_key(NODE), 'outcomes', result)
if top > offset then redis.call('HSET', META, 'top', top) end
if #lines > 0 then publish(lines, keep, keep_bytes) end
return { 'OK', epoch, result }
