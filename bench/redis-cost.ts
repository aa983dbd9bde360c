/**
 * What the room costs Redis: CPU for a join, a message, a leave and a beat, and memory for a user and an event. Starts a Redis of
 * its own. `npm run bench:redis`; the numbers of docs/scaling.md are from it.
 */
import { pino } from 'pino'
import type { Sink } from '../src/backplane/backplane.js'
import { RedisBackplane } from '../src/backplane/redis/redis-backplane.js'
import { encode } from '../src/protocol/codec.js'
import { parseName } from '../src/protocol/names.js'
import type { Join, Proposal } from '../src/room/events.js'
import { RedisServer } from '../test/support/redis/server.js'

const USERS = 10_000
const MESSAGES = 20_000
const MESSAGE_CHARS = 200

const redis = await RedisServer.start({ appendonly: process.argv.includes('--appendonly') })
const deaf: Sink = { events() {}, private() {}, epoch() {}, reset() {}, lapsed() {}, health() {} }

async function join(): Promise<RedisBackplane> {
  const backplane = new RedisBackplane({
    address: { url: redis.url },
    keyPrefix: 'bench',
    beatMs: 2000,
    leaseMs: 6000,
    commitTimeoutMs: 60_000,
    logLength: 100_000,
    logMaxBytes: 67_108_864,
    accountTtlMs: 86_400_000,
    resumeGraceMs: 30_000,
    historyLength: 10_000,
    log: pino({ level: 'silent' }),
    name: 'bench',
  })
  await backplane.start({ label: 'bench', startedAt: Date.now() }, deaf)
  return backplane
}

async function cpuMicroseconds(): Promise<number> {
  const user = Number(await redis.info('cpu', 'used_cpu_user'))
  const system = Number(await redis.info('cpu', 'used_cpu_sys'))
  return (user + system) * 1e6
}

async function memory(): Promise<number> {
  return Number(await redis.info('memory', 'used_memory'))
}

/** Commits all, so many in each call and one call after the other, and returns what each cost Redis in µs of CPU. */
async function cost(proposals: readonly Proposal[], perBatch: number): Promise<number> {
  const before = await cpuMicroseconds()
  for (let start = 0; start < proposals.length; start += perBatch) {
    const outcomes = await node.commit(proposals.slice(start, start + perBatch))
    if (!outcomes.every(({ ok }) => ok)) throw new Error(`refused: ${JSON.stringify(outcomes[0])}`)
  }
  return ((await cpuMicroseconds()) - before) / proposals.length
}

function say(what: string, value: number, unit: string): void {
  console.log(`${what.padEnd(52)} ${value.toFixed(1).padStart(8)} ${unit}`)
}

const node = await join()
const others = [await join(), await join()]

const joins = Array.from({ length: USERS }, (_, index): Join => {
  const parsed = parseName(`user-${index}`)
  if ('code' in parsed) throw new Error(parsed.code)
  const session = `session-${index}`
  return { kind: 'join', ...parsed, session, ip: '192.0.2.7', status: 'ACTIVO', connectedAt: Date.now() }
})
const [speaker] = joins
if (speaker === undefined) throw new Error('nobody')
const frame = encode.broadcast(speaker.name, 'x'.repeat(MESSAGE_CHARS), Date.now())
const said = Array.from({ length: MESSAGES }, (): Proposal => {
  return { kind: 'say', key: speaker.key, session: speaker.session, frame }
})

console.log(`three nodes, ${USERS} users, messages of ${MESSAGE_CHARS} characters`)
const empty = await memory()
say('a join, 64 in a batch', await cost(joins, 64), 'µs')
const full = await memory()
say('memory of a user (directory and log)', (full - empty) / USERS, 'bytes')
for (const perBatch of [1, 10, 64, 256])
  say(`a broadcast, ${perBatch} in a batch`, await cost(said, perBatch), 'µs')
say('memory of an event that is kept', ((await memory()) - full) / (4 * MESSAGES), 'bytes')
const leaves = joins.map(({ key, session, name }): Proposal => {
  return { kind: 'leave', key, session, frame: encode.userDisconnected(name, Date.now()) }
})
const snapshots = 20
const before = await cpuMicroseconds()
for (let count = 0; count < snapshots; count += 1) await node.snapshot()
say(`a snapshot of ${USERS} users`, ((await cpuMicroseconds()) - before) / snapshots, 'µs')
say('a leave, 64 in a batch', await cost(leaves, 64), 'µs')

for (const backplane of [node, ...others]) await backplane.close()
await redis.close()
