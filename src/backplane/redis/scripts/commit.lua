-- Judges a batch of proposals, and appends and publishes what passes: room/rules.ts, in one step.
-- Checks everything before it writes anything: Redis does not roll back.
-- ARGV: number of the batch, how many events and how many bytes the log keeps, for how many ms an account that nobody uses, how many bans
--   there can be, how many messages and how many bytes the history keeps, the same of the inbox of somebody who is connected, and of
--   somebody who is held, how many refs are known, then the proposals, each a line: kind, session, name, and
--   j: status, order ('' for a newcomer), proof, secrets, time, identity, departure   l: frame   s: status, frame   b: frame
--   p: target, frame   h: nothing (the connection of an extended session broke)
--   k: frame (a user whom an operator removes)   a: frame (of the server; session and name are '')
--   f: when it is over (ms since 1970, or ''), ban (JSON)   u: nothing (bans: the id stands in place of the session, the name is '')
--   d: nothing (what is taken out of the history: its position stands in place of the session, the name is '')
--   A proof is '' for a guest, = and the id of the owner's account, or + and an account that is to be kept, if there is none.
--   Secrets are '' for a base session; else the hash of its secret, and behind a space that of the session whose place it takes.
--   In front of s, b and p may stand @, a ref as JSON and a tab: what was done under it before is not done again.
-- Those of l, h, s, b, k, a, f, u and d are what stands in the log. Long strings are cut as seldom as can be: that is what a batch costs.
local number, keep, keep_bytes = ARGV[FIRST_ARG], tonumber(ARGV[FIRST_ARG + 1]), tonumber(ARGV[FIRST_ARG + 2])
local account_ttl, most_bans = ARGV[FIRST_ARG + 3], tonumber(ARGV[FIRST_ARG + 4])
local keep_said, keep_said_bytes = tonumber(ARGV[FIRST_ARG + 5]), tonumber(ARGV[FIRST_ARG + 6])
local sent_most, sent_bytes = tonumber(ARGV[FIRST_ARG + 7]), tonumber(ARGV[FIRST_ARG + 8])
local held_most, held_bytes = tonumber(ARGV[FIRST_ARG + 9]), tonumber(ARGV[FIRST_ARG + 10])
local known_refs = tonumber(ARGV[FIRST_ARG + 11])
local FIRST = FIRST_ARG + 12

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
local lines, kinds, sessions, actors, rests, targets, refs = {}, {}, {}, {}, {}, {}, {}
for index = 1, #ARGV - FIRST + 1 do
  local line = ARGV[FIRST + index - 1]
  local ref = false
  if string.byte(line) == 64 then ref, line = string.match(line, '^@([^\t]*)\t(.*)$') end
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
  refs[index] = ref
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

-- What was said, for the history: score and message by turns; and where messages of the history were said that are taken out.
local said, erased = {}, {}

local function say(line)
  local place = append(line)
  if keep_said > 0 then
    said[#said + 1] = place
    said[#said + 1] = epoch .. '-' .. place .. '\t' .. line
  end
  return place
end

local function erase(line, position)
  local place = string.match(position, '%d+$')
  if erased[position] then return 'H' end
  for _, message in ipairs(redis.call('ZRANGEBYSCORE', HISTORY, place, place)) do
    if string.sub(message, 1, #position + 1) == position .. '\t' then
      erased[position] = message
      return append(line)
    end
  end
  return 'H'
end

-- Of extended sessions, by their secrets: what is kept of them, as far as it is needed, and what is to be added. Sessions that are over: false.
local boxes = {}
-- Who is held, until when; or false: any more.
local held = {}

local function box_of(secret)
  local box = boxes[secret]
  if box == nil then
    local kept = redis.call('HMGET', session_key(secret), 'seq', 'bytes', 'refs', 'waited')
    box = kept[1] and {
      seq = tonumber(kept[1]), bytes = tonumber(kept[2]), refs = tonumber(kept[3]), waited = tonumber(kept[4] or ''), length = false,
      inbox = {}, recent = {}, fields = {},
    } or false
    boxes[secret] = box
  end
  return box
end

local function open_box(secret)
  boxes[secret] = { seq = 0, bytes = 0, refs = 0, length = 0, inbox = {}, recent = {}, fields = {}, fresh = true }
  return boxes[secret]
end

-- Nobody is there any more under this name whom it belonged to.
local function close_box(name, value)
  local secret = secret_of(value)
  if secret == '' then return end
  boxes[secret] = false
  held[name] = false
end

-- Proposals that repeat an earlier one of the same batch, and which.
local repeats = {}

-- What became of a frame that was sent before, under the same ref.
local function done_before(index, secret)
  local box, ref = box_of(secret), refs[index]
  if not box then return false end
  local first = box.recent[ref]
  if first then
    repeats[index] = first.index
    return first.outcome
  end
  return not box.fresh and redis.call('HGET', session_key(secret), 'r:' .. ref)
end

local function remember(index, secret)
  local box, ref = box_of(secret), refs[index]
  if not box then return end
  -- What changed nothing stands where the log was: sent again, it would change what came since.
  local outcome = outcomes[index] == 'U' and offset_text or outcomes[index]
  box.recent[ref] = { index = index, outcome = '=' .. epoch .. '-' .. outcome }
  box.fields[#box.fields + 1] = ref
end

local function enter(line, name, session, rest)
  local value = users[name]
  local node, holder = owner_of(value)
  local status, order, proof, secrets, at, identity, departure =
    string.match(line, '^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$', rest)
  local secret, former = string.match(secrets, '^(%S*) ?(%S*)$')
  local newcomer = order == ''
  if not value and newcomer and claims_left() > 0 then return 'W' end
  local claim = string.sub(proof, 1, 1) == '+' and string.sub(proof, 2)
  local account = string.match(claim or string.sub(proof, 2), '^%S*')
  local kept = accounts[name]
  local owns = node == NODE and holder == session
  if owns then return 'U' end
  local takes_over = false
  if former ~= '' then
    if not value or secret_of(value) ~= former then return 'L' end
    takes_over, account = true, account_of(value)
  elseif newcomer then
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
    if secret ~= '' and not box_of(secret) then return 'L' end
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
  local goes_on = secret ~= '' and (secret == former or not newcomer)
  if value and not goes_on then close_box(name, value) end
  if goes_on then
    held[name] = false
    local box = box_of(secret)
    if box then box.waited = box.seq end
  elseif secret ~= '' then
    open_box(secret)
  end
  users[name] = table.concat({ NODE, session, status, order, account, secret, identity, departure }, '\n')
  touched[name] = touched[name] or node or NODE
  local marks = (secret ~= '' and 'e' or '') .. (value and '' or 'n')
  return append(table.concat({ 'j', order, status, session, NODE, account, marks, at, identity }, '\t'))
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
  local value = users[targets[index]]
  local to, whom = owner_of(value)
  if not to then return 'X' end
  local secret = secret_of(value)
  local seq = ''
  if secret ~= '' then
    -- If Redis has thrown it away, it begins anew.
    local box = box_of(secret) or open_box(secret)
    local frame = string.sub(lines[index], rests[index])
    if not box.length then box.length = redis.call('LLEN', inbox_key(secret)) end
    if to == '' and (box.length >= held_most or box.bytes + #frame > held_bytes) then return 'I' end
    seq = box.seq + 1
    local message = seq .. '\t' .. epoch .. '-' .. offset_text .. '\t' .. frame
    box.seq, box.bytes, box.length = seq, box.bytes + #message, box.length + 1
    box.inbox[#box.inbox + 1] = message
    box.connected = to ~= ''
    if to == '' then return offset_text .. 'w' end
  end
  if not mail[to] then mail[to], mail_of[to] = { 'p\t' .. epoch }, {} end
  local parts, of = mail[to], mail_of[to]
  parts[#parts + 1] = '\n' .. offset_text .. '\t' .. whom .. '\t' .. seq .. '\t'
  parts[#parts + 1] = string.sub(lines[index], rests[index])
  -- What is in an inbox is not lost if nobody listens.
  if secret == '' then of[#of + 1] = index end
  return offset_text
end

local function judge(index)
  local line, kind, session, name = lines[index], kinds[index], sessions[index], actors[index]
  if kind == 'j' then return enter(line, name, session, rests[index]) end
  if kind == 'a' then return say(line) end
  if kind == 'f' then return forbid(line, session, rests[index]) end
  if kind == 'u' then return permit(line, session) end
  if kind == 'd' then return erase(line, session) end
  local value = users[name]
  if kind == 'k' then
    local node, holder = owner_of(value)
    if holder ~= session then return 'F' end
    users[name], left[name] = false, value
    close_box(name, value)
    touched[name] = touched[name] or node
    return append(line)
  end
  local owned = NODE .. '\n' .. session .. '\n'
  if not value or string.find(value, owned, 1, true) ~= 1 then return 'F' end
  local before = refs[index] and done_before(index, secret_of(value))
  if before then return before end
  if kind == 'b' then return say(line) end
  if kind == 'p' then return whisper(index) end
  if kind == 'l' then
    users[name], left[name] = false, value
    close_box(name, value)
  elseif kind == 'h' then
    users[name] = string.sub(value, #NODE + 1)
    held[name] = now + GRACE
  else
    local status = string.match(line, '^[^\t]*', rests[index])
    local old, others = string.match(value, '^([^\n]*)(\n.*)$', #owned + 1)
    if old == status then return 'U' end
    users[name] = owned .. status .. others
  end
  touched[name] = touched[name] or NODE
  return append(line)
end

for index = 1, #lines do
  local outcome = judge(index)
  outcomes[index] = outcome
  -- What was refused may be tried again; what was so already has been done.
  if refs[index] and string.find(outcome, '^[%dU]') then remember(index, secret_of(users[actors[index]])) end
end

-- From here on it is written. If there is no memory left, the first of these fails, and nothing has happened.
redis.call('HSET', node_key(NODE), 'number', number, 'epoch', epoch, 'outcomes', '')
local set, gone, mine = {}, {}, {}
-- By node: whom it holds no more. It is another than this where somebody was removed, or taken over.
local released = {}
for name, before in pairs(touched) do
  local owner = owner_of(users[name])
  if owner then
    set[#set + 1] = name
    set[#set + 1] = users[name]
    if owner == NODE then mine[#mine + 1] = name end
  else
    gone[#gone + 1] = name
  end
  if before ~= '' and (owner ~= NODE or before ~= NODE) then
    released[before] = released[before] or {}
    table.insert(released[before], name)
  end
end
for node, of_node in pairs(released) do redis.call('SREM', owned_key(node), unpack(of_node)) end
if #set > 0 then redis.call('HSET', USERS, unpack(set)) end
if #mine > 0 then redis.call('SADD', owned_key(NODE), unpack(mine)) end
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
-- What was sent again in the same batch fares like the first of them.
for index, first in pairs(repeats) do
  if outcomes[first] == 'N' then outcomes[index] = 'N' end
end
for name, deadline in pairs(held) do
  if deadline then redis.call('ZADD', HELD, deadline, name) else redis.call('ZREM', HELD, name) end
end
local function trim(secret, box)
  local inbox, most, bytes = inbox_key(secret), sent_most, sent_bytes
  -- What had waited until it was taken up may be on its way still.
  if box.waited and box.seq - box.waited <= sent_most then most, bytes = most + held_most, bytes + held_bytes end
  while box.length > 0 and (box.length > most or box.bytes > bytes) do
    box.bytes, box.length = box.bytes - #redis.call('LPOP', inbox), box.length - 1
  end
end
for secret, box in pairs(boxes) do
  if not box then
    redis.call('DEL', session_key(secret), inbox_key(secret))
  else
    local session = session_key(secret)
    for _, ref in ipairs(box.fields) do
      local done = box.recent[ref]
      if outcomes[done.index] ~= 'N' then
        local slot = 's:' .. box.refs % known_refs
        local oldest = redis.call('HGET', session, slot)
        if oldest then redis.call('HDEL', session, 'r:' .. oldest) end
        redis.call('HSET', session, slot, ref, 'r:' .. ref, done.outcome)
        box.refs = box.refs + 1
      end
    end
    if #box.inbox > 0 then
      redis.call('RPUSH', inbox_key(secret), unpack(box.inbox))
      -- What may still be on its way to somebody who is connected is kept; of somebody who is held, all.
      if box.connected then trim(secret, box) end
    end
    redis.call('HSET', session, 'seq', box.seq, 'bytes', box.bytes, 'refs', box.refs, 'waited', box.waited or '')
  end
end
if #said > 0 then
  redis.call('ZADD', HISTORY, unpack(said))
  for at = 2, #said, 2 do said_bytes = said_bytes + #said[at] end
  local over = redis.call('ZCARD', HISTORY) - keep_said
  while over > 0 or said_bytes > keep_said_bytes do
    local oldest = redis.call('ZPOPMIN', HISTORY)
    if not oldest[1] then break end
    said_bytes, over = said_bytes - #oldest[1], over - 1
  end
end
for _, message in pairs(erased) do
  if redis.call('ZREM', HISTORY, message) == 1 then said_bytes = said_bytes - #message end
end
if #said > 0 or next(erased) then redis.call('HSET', META, 'said_bytes', said_bytes) end
local result = table.concat(outcomes, ',')
redis.call('HSET', node_key(NODE), 'outcomes', result)
if top > offset then redis.call('HSET', META, 'top', top) end
if #appended > 0 then publish(appended, keep, keep_bytes) end
return { 'OK', epoch, result }
