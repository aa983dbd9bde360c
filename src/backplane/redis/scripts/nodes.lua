-- All nodes: id, label, startedAt, sessions, what is left of the lease in ms.
local reply = { 'OK', epoch, offset }
local nodes = redis.call('ZRANGE', NODES, 0, -1, 'WITHSCORES')
for index = 1, #nodes, 2 do
  local id = nodes[index]
  local info = redis.call('HMGET', node_key(id), 'label', 'started')
  local left = math.max(tonumber(nodes[index + 1]) - now, 0)
  reply[#reply + 1] = { id, info[1] or '', info[2] or '0', redis.call('SCARD', owned_key(id)), left }
end
return reply
