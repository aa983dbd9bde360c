#!lua flags=allow-oom
-- A node begins, under an identity that nobody has had. ARGV: label, startedAt.
redis.call('ZADD', NODES, now + LEASE, NODE)
redis.call('HSET', node_key(NODE), 'label', ARGV[FIRST_ARG], 'started', ARGV[FIRST_ARG + 1], 'lease', LEASE)
-- Where it was sent twice, the first may arrive last: what was committed since must not be forgotten.
redis.call('HSETNX', node_key(NODE), 'number', 0)
return { 'OK', epoch, offset, claims_left() }
