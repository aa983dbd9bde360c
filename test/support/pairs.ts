/** Two nodes of one room in this process, on every backplane. */
import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { MemoryBackplane, MemoryRoom } from '../../src/backplane/memory.js'
import { loadConfig } from '../../src/config.js'
import { type RunningApp, startApp } from './app.js'
import { needsRedis } from './redis/find.js'
import { RedisServer } from './redis/server.js'

export interface Pair {
  readonly one: RunningApp
  readonly two: RunningApp
}

/** Starts a pair of its own for a test. */
export type OpenPair = (
  t: Test,
  env?: Record<string, string>,
  onLog?: (line: string) => void,
) => Promise<Pair>

/**
 * Has a suite run on nodes that share memory, and on nodes that share a Redis; that part is skipped where there is none.
 * @param suite adds its tests
 */
export async function onEveryBackplane(
  t: Test,
  suite: (t: Test, open: OpenPair) => Promise<void>,
): Promise<void> {
  await t.test('in memory', (t) =>
    suite(t, async (t, env, onLog) => {
      const { LOG_LENGTH, RESUME_GRACE_MS, HISTORY_LENGTH } = loadConfig({ LOG_LENGTH: '10000', ...env })
      const room = new MemoryRoom({
        maxEvents: LOG_LENGTH,
        resumeGraceMs: RESUME_GRACE_MS,
        historyLength: HISTORY_LENGTH,
      })
      const open = (label: string) => {
        const shared = { backplane: new MemoryBackplane(room), store: room.store }
        return startApp(t, { NODE_ID: label, ...env }, shared, onLog)
      }
      return { one: await open('one'), two: await open('two') }
    }),
  )
  const { skip } = await needsRedis(t)
  await t.test('over Redis', { skip }, async (t) => {
    const server = await RedisServer.start()
    t.teardown(() => server.close())
    await suite(t, async (t, env, onLog) => {
      const over = { REDIS_URL: server.url, KEY_PREFIX: randomUUID(), ...env }
      const open = (label: string) => startApp(t, { NODE_ID: label, ...over }, undefined, onLog)
      return { one: await open('one'), two: await open('two') }
    })
  })
}
