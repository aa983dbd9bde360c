/** Whole nodes for tests, and ways to Redis that can fail. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import type { Test } from 'tap'
import { RedisBackplane, type RedisBackplaneOptions } from '../../../src/backplane/redis/redis-backplane.js'
import type { Proposal } from '../../../src/room/events.js'
import { frameOf, join, type Person, person } from '../../contract/people.js'
import { RecordingSink } from '../../contract/recording-sink.js'
import { verdicts } from '../../contract/room.js'
import { TcpProxy } from '../../support/tcp-proxy.js'
import { until } from '../../support/until.js'
import { LOG_LIMITS, type ScriptRoom, TestLog } from './kit.js'

/** What nodes of tests are like: what a beat finds out is found out soon. */
export const NODE = {
  beatMs: 100,
  leaseMs: 10_000,
  commitTimeoutMs: 5000,
  ...LOG_LIMITS,
  name: 'test',
} as const
export const INFO = { label: 'node', startedAt: 1 }

export type NodeOptions = Partial<RedisBackplaneOptions>

/** Keeps what a node is told. */
class Sink extends RecordingSink {
  /** Contents of what was said, in order. */
  get said(): string[] {
    return this.told.flatMap((told) => (told.kind === 'said' ? [`${JSON.parse(frameOf(told)).content}`] : []))
  }

  get kinds(): string[] {
    return this.told.map(({ kind }) => kind)
  }
}

/** A node, which ends with the test. */
export class Node {
  readonly sink = new Sink()
  readonly log = new TestLog()
  readonly backplane: RedisBackplane

  constructor(t: Test, options: NodeOptions) {
    const own = { address: {}, keyPrefix: randomUUID(), log: this.log }
    this.backplane = new RedisBackplane({ ...own, ...NODE, ...options })
    t.teardown(() => this.backplane.close())
  }

  /** One of a room. */
  static in(t: Test, room: ScriptRoom, options: NodeOptions = {}): Node {
    return new Node(t, { address: { url: room.server.url }, keyPrefix: room.prefix, ...options })
  }

  /** The same, started. */
  static async start(t: Test, room: ScriptRoom, options: NodeOptions = {}): Promise<Node> {
    const node = Node.in(t, room, options)
    await node.start()
    return node
  }

  async start() {
    return this.backplane.start(INFO, this.sink)
  }

  get id(): string {
    return this.backplane.id
  }

  async commit(...proposals: Proposal[]): Promise<string[]> {
    return verdicts(await this.backplane.commit(proposals))
  }

  async join(name: string): Promise<Person> {
    const someone = person(name)
    assert.deepEqual(await this.commit(join(someone)), ['ok'])
    return someone
  }

  /** Waits until it has heard so many beats more, of whomever. */
  async beats(room: ScriptRoom, count: number): Promise<void> {
    for (let times = 0; times < count; times += 1) {
      const before = await room.meta('beat')
      await until('a beat', async () => (await room.meta('beat')) !== before)
    }
  }

  /** Waits until everything up to where the log stands has been told. */
  async catchUp(): Promise<void> {
    await this.sink.reach((await this.backplane.snapshot()).position)
  }
}

/** A way to Redis on which each of a node's two connections can fail alone. */
export class Fork {
  readonly url: string
  readonly commands: TcpProxy
  readonly listener: TcpProxy

  static async to(t: Test, port: number): Promise<Fork> {
    const [commands, listener] = [await TcpProxy.to(port), await TcpProxy.to(port)]
    const server = createServer((socket) => Fork.#pass(socket, commands.port, listener.port))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    t.teardown(async () => {
      await Promise.all([commands.close(), listener.close()])
      server.close()
    })
    return new Fork(address.port, commands, listener)
  }

  private constructor(port: number, commands: TcpProxy, listener: TcpProxy) {
    this.url = `redis://127.0.0.1:${port}`
    this.commands = commands
    this.listener = listener
  }

  /** Which of the two it is, it says by its name, in the first that it sends. */
  static #pass(socket: Socket, commands: number, listener: number): void {
    let said = Buffer.alloc(0)
    const decide = (bytes: Buffer) => {
      said = Buffer.concat([said, bytes])
      const name = /setname\r\n\$\d+\r\n(.*)\r\n/i.exec(said.toString('latin1'))?.[1]
      if (name === undefined) return
      socket.off('data', decide)
      const target = connect(name.endsWith('-listener') ? listener : commands, '127.0.0.1')
      target.write(said)
      // Each end ends with the other.
      pipeline(socket, target, socket, () => {})
    }
    socket.on('data', decide).on('error', () => {})
  }
}
