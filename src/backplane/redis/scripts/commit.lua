-- Judges a batch of proposals, and appends and publishes what passes: room/rules.ts, in one step.
-- Checks everything before it writes anything: Redis does not roll back.
-- ARGV: number of the batch, how many events and how many bytes the log keeps, for how many ms an account that nobody uses, how many bans
--   there can be, then the proposals, each a line: kind, session, name, and
--   j: status, order ('' for a newcomer), proof, identity, departure   l: frame   s: status, frame   b: frame   p: target, frame
--   k: frame (a user whom an operator removes)   a: frame (of the server; session and name are '')
--   f: when it is over (ms since 1970, or ''), ban (JSON)   u: nothing (bans: the id stands in place of the session, the name is '')
--   A proof is '' for a guest, = and the id of the owner's account, or + and an account that is to be kept, if there is none.
-- Those of l, s, b, k, a, f and u are what stands in the log. Long strings are cut as seldom as can be: that is what a batch costs.
local number, keep, keep_bytes = ARGV[FIRST_ARG], tonumber(ARGV[FIRST_ARG + 1]), tonumber(ARGV[FIRST_ARG + 2])
local account_ttl, most_bans = ARGV[FIRST_ARG + 3], tonumber(ARGV[FIRST_ARG + 4])
local FIRST = FIRST_ARG + 5

-- The same number again is the same batch: its outcomes are kept, also for a node that was swept since.
local kept = redis.call('HMGET', node_key(NODE), 'number', 'outcomes', 'epoch')
if kept[2] and kept[1] == number then return { 'OK', kept[3], kept[2] } end
if tonumber(kept[1] or 0) > tonumber(number) then return { 'STALE' } end
if not redis.call('ZSCORE', NODES, NODE) then return { 'LAPSED' } end
if KNOWN ~= epoch then return { 'EPOCH', epoch } end

local users, names = {}, {}
-- Whose names are those who want to enter, and where that is kept.
local accounts, entering, account_keys = {}, {}, {}
local function look_up(name)
  if users[name] ~= nil or name == '' then return end
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
  if kind == 'j' and accounts[name] == nil then
    accounts[name] = false
    entering[#entering + 1] = name
    account_keys[#account_keys + 1] = account_key(name)
  end
  lines[index], kinds[index], sessions[index], actors[index], rests[index], targets[index] = line, kind, session, name, rest, target
end
if #names > 0 then
  for index, value in ipairs(redis.call('HMGET', USERS, unpack(names))) do users[names[index]] = value end
end

if #entering > 0 then
  for index, value in ipairs(redis.call('MGET', unpack(account_keys))) do
    accounts[entering[index]] = value and string.match(value, '^%S+')
  end
end

local appended, outcomes, touched = {}, {}, {}
-- Of accounts: what is to be kept, whose owners are there, and who owned the names of those who have gone.
local claims, used, left = {}, {}, {}
-- Bans by id: what is to be kept of them, or false.
local bans = {}
local bans_kept
-- Private messages by the node that gets them, in parts, and whose outcomes they are.
local mail, mail_of = {}, {}
local offset_text = tostring(offset)

local function flat(list)
  local map = {}
  for index = 1, #list, 2 do map[list[index]] = list[index + 1] end
  return map
end

local function append(line)
  offset = offset + 1
  offset_text = tostring(offset)
  appended[#appended + 1] = line
  return offset_text
end

local function enter(line, name, session, rest)
  local value = users[name]
  local node, holder = owner_of(value)
  local status, order, proof, identity, departure =
    string.match(line, '^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$', rest)
  local newcomer = order == ''
  if not value and newcomer and claims_left() > 0 then return 'W' end
  local claim = string.sub(proof, 1, 1) == '+' and string.sub(proof, 2)
  local account = string.match(claim or string.sub(proof, 2), '^%S*')
  local kept = accounts[name]
  local owns = node == NODE and holder == session
  if owns then return 'U' end
  local takes_over = false
  if newcomer then
    if account == '' then
      if kept then return 'C' end
    elseif kept ~= (not claim and account) then
      return 'A'
    end
    takes_over = value and account ~= '' and not claim and account_of(value) == account
    if value and not takes_over then return 'T' end
  else
    if kept and kept ~= account then return 'T' end
    -- Who claims may find himself, from before his node was swept: data came back that is older than that.
    if value and holder ~= session then return 'T' end
  end
  if takes_over then
    status, order = string.match(value, '^[^\n]*\n[^\n]*\n([^\n]*)\n([^\n]*)\n')
  elseif newcomer then
    -- Whoever comes new stands behind those who claimed the places that they had before Redis began at 0 again.
    order = math.max(top, offset) + 1
  end
  top = math.max(top, tonumber(order))
  if claim then
    claims[name], accounts[name] = claim, account
  elseif account ~= '' then
    used[name], left[name] = true, nil
  end
  users[name] = table.concat({ NODE, session, status, order, account, identity, departure }, '\n')
  touched[name] = touched[name] or node or NODE
  return append(table.concat({ 'j', order, status, session, NODE, account, identity }, '\t'))
end

local function forbid(line, id, rest)
  bans_kept = bans_kept or redis.call('HLEN', BANS)
  if bans_kept >= most_bans then
    -- Those that are over count no more.
    for other, kept in pairs(flat(redis.call('HGETALL', BANS))) do
      if bans[other] == nil and is_over(kept) then
        bans[other] = false
        bans_kept = bans_kept - 1
      end
    end
  end
  if bans_kept >= most_bans then return 'M' end
  bans_kept = bans_kept + 1
  bans[id] = string.sub(line, rest)
  return append(line)
end

local function permit(line, id)
  local kept = bans[id]
  if kept == nil then kept = redis.call('HGET', BANS, id) end
  if not kept or is_over(kept) then return 'B' end
  bans_kept = (bans_kept or redis.call('HLEN', BANS)) - 1
  bans[id] = false
  return append(line)
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
  if kind == 'a' then return append(line) end
  if kind == 'f' then return forbid(line, session, rests[index]) end
  if kind == 'u' then return permit(line, session) end
  local value = users[name]
  if kind == 'k' then
    local node, holder = owner_of(value)
    if holder ~= session then return 'F' end
    users[name], left[name] = false, value
    touched[name] = touched[name] or node
    return append(line)
  end
  local owned = NODE .. '\n' .. session .. '\n'
  if not value or string.find(value, owned, 1, true) ~= 1 then return 'F' end
  if kind == 'b' then return append(line) end
  if kind == 'p' then return whisper(index) end
  if kind == 'l' then
    users[name], left[name] = false, value
  else
    local status = string.match(line, '^[^\t]*', rests[index])
    local old, others = string.match(value, '^([^\n]*)(\n.*)$', #owned + 1)
    if old == status then return 'U' end
    users[name] = owned .. status .. others
  end
  touched[name] = touched[name] or NODE
  return append(line)
end

for index = 1, #lines do outcomes[index] = judge(index) end

-- From here on it is written. If there is no memory left, the first of these fails, and nothing has happened.
redis.call('HSET', node_key(NODE), 'number', number, 'epoch', epoch, 'outcomes', '')
local set, gone, mine = {}, {}, {}
-- By node: whom it holds no more. It is another than this where somebody was removed, or taken over.
local released = {}
for name, before in pairs(touched) do
  if users[name] then
    set[#set + 1] = name
    set[#set + 1] = users[name]
    mine[#mine + 1] = name
  else
    gone[#gone + 1] = name
  end
  if not users[name] or before ~= NODE then
    released[before] = released[before] or {}
    table.insert(released[before], name)
  end
end
for node, of_node in pairs(released) do redis.call('SREM', owned_key(node), unpack(of_node)) end
if #set > 0 then
  redis.call('HSET', USERS, unpack(set))
  redis.call('SADD', owned_key(NODE), unpack(mine))
end
if #gone > 0 then redis.call('HDEL', USERS, unpack(gone)) end
for name, account in pairs(claims) do
  redis.call('SET', account_key(name), account)
  redis.call('ZADD', NAMESPACE .. 'index:account', 0, name)
end
for name in pairs(used) do redis.call('PERSIST', account_key(name)) end
for name, value in pairs(left) do leave_account(name, value, account_ttl) end
for id, ban in pairs(bans) do
  if ban then redis.call('HSET', BANS, id, ban) else redis.call('HDEL', BANS, id) end
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
