-- Judges a batch of proposals, and appends and publishes what passes: room/rules.ts, in one step.
-- Checks everything before it writes anything: Redis does not roll back.
-- ARGV: number of the batch, how many events and how many bytes the log keeps, then the proposals, each a line: kind, session, name, and
--   j: status, order ('' for a newcomer), identity, departure   l: frame   s: status, frame   b: frame   p: target, frame
-- Those of l, s and b are what stands in the log. Long strings are cut as seldom as can be: that is what a batch costs.
local number, keep, keep_bytes = ARGV[FIRST_ARG], tonumber(ARGV[FIRST_ARG + 1]), tonumber(ARGV[FIRST_ARG + 2])
local FIRST = FIRST_ARG + 3

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
-- By proposal: what they all have, where the rest begins, and of private messages whom they are for.
local lines, kinds, sessions, actors, rests, targets = {}, {}, {}, {}, {}, {}
for index = 1, #ARGV - FIRST + 1 do
  local line = ARGV[FIRST + index - 1]
  local kind, session, name, rest = string.match(line, '^(%a)\t([^\t]*)\t([^\t]*)\t()')
  local target = false
  if kind == 'p' then
    target, rest = string.match(line, '^([^\t]*)\t()', rest)
    look_up(target)
  end
  look_up(name)
  lines[index], kinds[index], sessions[index], actors[index], rests[index], targets[index] = line, kind, session, name, rest, target
end
if #names > 0 then
  for index, value in ipairs(redis.call('HMGET', USERS, unpack(names))) do users[names[index]] = value end
end

local appended, outcomes, touched = {}, {}, {}
-- Private messages by the node that gets them, in parts, and whose outcomes they are.
local mail, mail_of = {}, {}
local offset_text = tostring(offset)

local function append(line)
  offset = offset + 1
  offset_text = tostring(offset)
  appended[#appended + 1] = line
  return offset_text
end

local function enter(line, name, session, rest)
  local value = users[name]
  local node, holder = owner_of(value)
  local status, order, identity, departure = string.match(line, '^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$', rest)
  if not value and order == '' and claims_left() > 0 then return 'W' end
  local owns = node == NODE and holder == session
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

local function whisper(index)
  local to, whom = owner_of(users[targets[index]])
  if not to then return 'X' end
  if not mail[to] then mail[to], mail_of[to] = { 'p\t' .. epoch }, {} end
  local parts, of = mail[to], mail_of[to]
  parts[#parts + 1] = '\n' .. offset_text .. '\t' .. whom .. '\t'
  parts[#parts + 1] = string.sub(lines[index], rests[index])
  of[#of + 1] = index
  return offset_text
end

local function judge(index)
  local line, kind, session, name = lines[index], kinds[index], sessions[index], actors[index]
  if kind == 'j' then return enter(line, name, session, rests[index]) end
  local value = users[name]
  local owned = NODE .. '\n' .. session .. '\n'
  if not value or string.find(value, owned, 1, true) ~= 1 then return 'F' end
  if kind == 'b' then return append(line) end
  if kind == 'p' then return whisper(index) end
  if kind == 'l' then
    users[name] = false
  else
    local status = string.match(line, '^[^\t]*', rests[index])
    local old, others = string.match(value, '^([^\n]*)(\n.*)$', #owned + 1)
    if old == status then return 'U' end
    users[name] = owned .. status .. others
  end
  touched[name] = true
  return append(line)
end

for index = 1, #lines do outcomes[index] = judge(index) end

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
  local heard = redis.call('PUBLISH', NAMESPACE .. 'to:' .. to, table.concat(messages))
  -- Nobody listened: it is not delivered, and its sender is told.
  if heard == 0 then
    for _, index in ipairs(mail_of[to]) do outcomes[index] = 'N' end
  end
end
local result = table.concat(outcomes, ',')
redis.call('HSET', node_key(NODE), 'outcomes', result)
if top > offset then redis.call('HSET', META, 'top', top) end
if #appended > 0 then publish(appended, keep, keep_bytes) end
return { 'OK', epoch, result }
