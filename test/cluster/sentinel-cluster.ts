import type { Test } from 'tap'
import { Cluster } from '../support/cluster.js'
import { Sentinel } from '../support/redis/sentinel.js'
import { RedisServer } from '../support/redis/server.js'

/** Three nodes that a sentinel tells where Redis is, and a replica that it can put in charge. All of it ends with the test. */
export async function startWithSentinel(t: Test) {
  const cluster = await Cluster.start(t, { nodes: 0 })
  const replica = await RedisServer.replicaOf(cluster.redis)
  t.teardown(() => replica.close())
  const sentinel = await Sentinel.start({ master: cluster.redis })
  t.teardown(() => sentinel.close())
  await sentinel.knows({ replicas: 1, otherSentinels: 0 })
  const env = { REDIS_URL: '', REDIS_SENTINELS: `127.0.0.1:${sentinel.port}`, COMMIT_TIMEOUT_MS: '20000' }
  await Promise.all(['n1', 'n2', 'n3'].map((label) => cluster.addNode(label, env)))
  return { cluster, replica, sentinel }
}
