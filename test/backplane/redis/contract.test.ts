import t from 'tap'
import { backplaneContract } from '../../contract/backplane.js'
import { needsRedis } from '../../support/redis/find.js'
import { RedisServer } from '../../support/redis/server.js'
import { redisSubject } from './subject.js'

const options = await needsRedis(t)

t.test('the contract of the port, on Redis', options, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.close())
  await backplaneContract(t, redisSubject(server))
})
