/** What is measured: each starts from nothing, and says where it listens and whose CPU time counts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RedisServer } from '../test/support/redis/server.js'
import { until } from '../test/support/until.js'
import { findProgram, pin, SERVER_CORE, type Started, startServer } from './processes.js'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export const ADMIN_TOKEN = 'the-token-of-the-benchmark'

export type ContenderName =
  | 'tertulia'
  | 'tertulia, collected'
  | 'tertulia+redis'
  | 'tertulia+redis, limits on'
  | 'tertulia+redis, extended'
  | 'tertulia+redis, 2 nodes'
  | 'tertulia+redis, 3 nodes'
  | 'floor'
  | 'floor in node'
  | 'ws'
  | 'socket.io'
  | 'socket.io+redis'
  | 'nats'

/** A contender that runs. */
export interface Contender {
  /** Of the load generator. */
  readonly dialect: 'tertulia' | 'extended' | 'copied' | 'socket.io' | 'nats'
  readonly ports: readonly number[]
  /** Whose CPU time counts: the servers first, then Redis. */
  readonly pids: readonly number[]
  /** The pid whose memory is looked at. */
  readonly server: number
  readonly redis?: RedisServer
  /** Collects the garbage of the server, where it was started so that it can be told to. */
  collect?(): void
  stop(): Promise<void>
}

async function withRedis(
  dialect: Contender['dialect'],
  start: (env: Readonly<Record<string, string>>) => Promise<Started[]>,
): Promise<Contender> {
  const redis = await RedisServer.start()
  pin(redis.pid, SERVER_CORE)
  const contender = together(dialect, await start({ REDIS_URL: redis.url }))
  return {
    ...contender,
    redis,
    pids: [...contender.pids, redis.pid],
    async stop() {
      await contender.stop()
      await redis.close()
    },
  }
}

function together(dialect: Contender['dialect'], started: readonly Started[]): Contender {
  const [first] = started
  if (first === undefined) throw new Error('nothing was started')
  return {
    dialect,
    ports: started.map(({ port }) => port),
    pids: started.map(({ pid }) => pid),
    server: first.pid,
    async stop() {
      for (const one of started) await one.stop()
    },
  }
}

/** Nobody is slowed, not even ten thousand who connect at once: what is measured is what it costs, and not how fast it may be. */
const UNLIMITED = {
  RATE_PER_SECOND: '0',
  UPGRADES_PER_SECOND: '0',
  REGISTRATIONS_PER_MINUTE: '0',
  API_REQUESTS_PER_MINUTE: '0',
}

/** Limits that are counted, and that nobody reaches. */
const LIMITED = { RATE_PER_SECOND: '1000000', RATE_BURST: '1000000', REGISTRATIONS_PER_MINUTE: '10000000' }

async function node(
  env: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): Promise<Started> {
  const set = { HOST: '127.0.0.1', PORT: '0', ADMIN_TOKEN, NODE_ENV: 'production', ...UNLIMITED, ...env }
  const command = [process.execPath, ...options, path('../build/main.js')]
  const started = await startServer(command, set, /listening: ws:\/\/[^ ]+:(\d+)\/chat/)
  await until('a node that is ready', async () => {
    return (await fetch(`http://127.0.0.1:${started.port}/health/ready`)).ok
  })
  return started
}

async function nodes(count: number, env: Readonly<Record<string, string>>): Promise<Started[]> {
  const started: Started[] = []
  for (let index = 0; index < count; index += 1) started.push(await node(env))
  return started
}

/** A node whose memory can be looked at without the garbage that it would collect some time. */
async function collected(): Promise<Contender> {
  const one = await node({}, ['--expose-gc', '--import', path('collect.js')])
  return { ...together('tertulia', [one]), collect: () => process.kill(one.pid, 'SIGUSR2') }
}

function yardstick(file: string, env: Readonly<Record<string, string>> = {}): Promise<Started> {
  const set = { PORT: '0', NODE_ENV: 'production', ...env }
  return startServer([process.execPath, path(`yardsticks/${file}`)], set)
}

const NATS = findProgram('nats-server')

async function nats(): Promise<Contender> {
  if (NATS === undefined) throw new Error('nats-server is not installed')
  const directory = mkdtempSync(join(tmpdir(), 'nats-bench-'))
  const config = join(directory, 'nats.conf')
  // -1 is any port that is free.
  writeFileSync(config, 'listen: "127.0.0.1:-1"\nwebsocket { listen: "127.0.0.1:-1", no_tls: true }\n')
  const server = await startServer([NATS, '-c', config], {}, /websocket clients on ws:\/\/[^ ]+:(\d+)/)
  const contender = together('nats', [server])
  return {
    ...contender,
    async stop() {
      await contender.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const STARTS: { readonly [Name in ContenderName]: () => Promise<Contender> } = {
  tertulia: async () => together('tertulia', await nodes(1, {})),
  'tertulia, collected': collected,
  'tertulia+redis': () => withRedis('tertulia', (env) => nodes(1, env)),
  'tertulia+redis, limits on': () => withRedis('tertulia', (env) => nodes(1, { ...env, ...LIMITED })),
  'tertulia+redis, extended': () => withRedis('extended', (env) => nodes(1, env)),
  'tertulia+redis, 2 nodes': () => withRedis('tertulia', (env) => nodes(2, env)),
  'tertulia+redis, 3 nodes': () => withRedis('tertulia', (env) => nodes(3, env)),
  floor: async () => together('copied', [await startServer([path('native/build/floor'), '0'], {})]),
  'floor in node': async () => together('copied', [await yardstick('floor.js')]),
  ws: async () => together('tertulia', [await yardstick('plain-ws.js')]),
  'socket.io': async () => together('socket.io', [await yardstick('socket-io.js')]),
  'socket.io+redis': () => withRedis('socket.io', async (env) => [await yardstick('socket-io.js', env)]),
  nats,
}

/** Whether a contender can be started here; NATS only where it is installed. */
export function isAvailable(name: ContenderName): boolean {
  return name !== 'nats' || NATS !== undefined
}

export function start(name: ContenderName): Promise<Contender> {
  return STARTS[name]()
}
