-- The log after a position. ARGV: its epoch, its offset, how many entries at most.
-- Where that is lost, the reply says where its epoch ended here, if it is known: what is behind that, nobody has seen yet.
local after_epoch, after = ARGV[FIRST_ARG], tonumber(ARGV[FIRST_ARG + 1])
local ended = after_epoch == epoch and offset or nil
for name, last in string.gmatch(past, '(%w+):(%d+)') do
  if name == after_epoch then ended = tonumber(last) end
end
local lost = { 'LOST', epoch, offset, claims_left(), ended and ended < after and ended or '' }
if not ended or after > ended then return lost end
local entries = redis.call('XRANGE', LOG, after + 1, '+', 'COUNT', ARGV[FIRST_ARG + 2])
local reply = { 'OK', epoch, offset, claims_left() }
if #entries == 0 then return after == offset and reply or lost end
-- Trimming is approximate: what tells is the first entry that there is.
if tonumber(string.match(entries[1][2][2], '^e\t%w+\t(%d+)\n')) > after + 1 then return lost end
for _, entry in ipairs(entries) do reply[#reply + 1] = entry[2][2] end
return reply
