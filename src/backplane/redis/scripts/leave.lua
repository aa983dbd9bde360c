#!lua flags=allow-oom
-- A node ends its own claim to be alive; sweep.lua shows out whom it still holds.
if redis.call('ZREM', NODES, NODE) == 1 then redis.call('SADD', SWEPT, NODE) end
return { 'OK', epoch, offset }
