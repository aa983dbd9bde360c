import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { RedisBackplane } from '../../../src/backplane/redis/redis-backplane.js'
import type { Subject } from '../../contract/harness.js'
import type { RedisServer } from '../../support/redis/server.js'
import { NODE } from './nodes.js'

/** Rooms on one server, each under a prefix of its own. */
export function redisSubject(server: RedisServer): Subject {
  return {
    name: 'redis',
    open: async ({ keptEvents, ...options }) => {
      const keyPrefix = randomUUID()
      const admin = new Redis(server.url)
      const nodes: RedisBackplane[] = []
      return {
        connect: async () => {
          const backplane = new RedisBackplane({
            address: { url: server.url },
            keyPrefix,
            log: pino({ level: 'silent' }),
            ...NODE,
            ...options,
            logLength: keptEvents,
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
