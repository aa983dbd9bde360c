-- Everyone present, and the position at which that is so.
return { 'OK', epoch, offset, redis.call('HGETALL', USERS) }
