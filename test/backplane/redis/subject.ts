import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { RedisBackplane } from '../../../src/backplane/redis/redis-backplane.js'
import type { Subject } from '../../contract/harness.js'
import type { RedisServer } from '../../support/redis/server.js'

/** So that what a beat finds out is found out soon. */
const BEAT_MS = 100
const LEASE_MS = 10_000

/** Rooms on one server, each under a prefix of its own. */
export function redisSubject(server: RedisServer): Subject {
  return {
    name: 'redis',
    open: async ({ keptEvents }) => {
      const keyPrefix = randomUUID()
      const admin = new Redis(server.url)
      const nodes: RedisBackplane[] = []
      return {
        connect: async () => {
          const backplane = new RedisBackplane({
            address: { url: server.url },
            keyPrefix,
            beatMs: BEAT_MS,
            leaseMs: LEASE_MS,
            commitTimeoutMs: 5000,
            logLength: keptEvents,
            log: pino({ level: 'silent' }),
            name: 'test',
          })
          nodes.push(backplane)
          return { backplane, store: backplane.store }
        },
        sweep: async (nodeId) => {
          await admin.multi().zrem(`{${keyPrefix}}:nodes`, nodeId).sadd(`{${keyPrefix}}:swept`, nodeId).exec()
        },
        close: async () => {
          await Promise.all(nodes.map((node) => node.close()))
          admin.disconnect()
        },
      }
    },
  }
}
