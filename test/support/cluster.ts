/** Nodes of one room, as processes, over a Redis of their own. */
import type { Test } from 'tap'
import { type RedisOptions, RedisServer } from './redis/server.js'
import { type ServerProcess, startServer } from './server-process.js'
import { TcpProxy } from './tcp-proxy.js'
import { until } from './until.js'

/** What ends with a test, or with whatever else runs a cluster. */
export type Scope = Pick<Test, 'teardown'>

export interface ClusterOptions {
  /** How many nodes: three, if it does not say. */
  readonly nodes?: number
  readonly redis?: RedisOptions
  /** Whether each node reaches Redis by a proxy of its own. */
  readonly proxied?: boolean
  /** Variables beside the defaults. */
  readonly env?: Readonly<Record<string, string>>
}

/** A user as the REST API says it. */
export interface User {
  readonly name: string
  readonly status: string
  readonly node: string
}

export const ADMIN_TOKEN = 'the-token-of-the-operators'
export const BEAT_MS = 300
export const LEASE_MS = 1200
export const COMMIT_TIMEOUT_MS = 1000

/** Short times, so that a fault need not last long to be one. */
const DEFAULTS = {
  ADMIN_TOKEN,
  BEAT_MS: `${BEAT_MS}`,
  LEASE_MS: `${LEASE_MS}`,
  COMMIT_TIMEOUT_MS: `${COMMIT_TIMEOUT_MS}`,
  DRAIN_MS: '100',
}

const HEADERS = { authorization: `Bearer ${ADMIN_TOKEN}` }

/** One node. */
export class ClusterNode {
  readonly label: string
  readonly server: ServerProcess
  /** What stands between it and Redis, if anything does. */
  readonly #proxy: TcpProxy | undefined

  constructor(label: string, server: ServerProcess, proxy: TcpProxy | undefined) {
    this.label = label
    this.server = server
    this.#proxy = proxy
  }

  /** ws://127.0.0.1:PORT/chat */
  get url(): string {
    return this.server.url
  }

  get proxy(): TcpProxy {
    if (this.#proxy === undefined) throw new Error(`${this.label} has no proxy`)
    return this.#proxy
  }

  get alive(): boolean {
    const { exitCode, signalCode } = this.server.child
    return exitCode === null && signalCode === null
  }

  /** What `/health/ready` says: `ready`, or why it is not. */
  async readiness(): Promise<string> {
    const response = await fetch(`${this.server.http}/health/ready`)
    const body: unknown = await response.json()
    const status = typeof body === 'object' && body !== null && 'status' in body ? String(body.status) : ''
    if (response.ok !== (status === 'ready')) throw new Error(`${response.status}, but ${status}`)
    return status
  }

  async becomes(status: string): Promise<void> {
    await until(`${this.label} ${status}`, async () => (await this.readiness()) === status, 30_000)
  }

  /** Everyone present, as the REST API of this node says. */
  async users(): Promise<User[]> {
    const response = await fetch(`${this.server.http}/users?limit=1000`, { headers: HEADERS })
    const body: unknown = await response.json()
    if (typeof body === 'object' && body !== null && 'users' in body && isUsers(body.users)) return body.users
    throw new Error(`GET /users was answered ${response.status} ${JSON.stringify(body)}`)
  }

  /** Dies at once, frozen or not. */
  async kill(): Promise<void> {
    this.server.child.kill('SIGKILL')
    await this.server.exited
  }

  /** Does nothing until {@link thaw}: its connections stay. */
  freeze(): void {
    this.server.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.server.child.kill('SIGCONT')
  }

  /** Is asked to leave in good order; resolves with how it ended. */
  async terminate(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.server.child.kill('SIGTERM')
    return this.server.exited
  }
}

function isUsers(value: unknown): value is User[] {
  const isUser = (item: object | null) =>
    item !== null && ['name', 'status', 'node'].every((field) => typeof Reflect.get(item, field) === 'string')
  return Array.isArray(value) && value.every((item) => typeof item === 'object' && isUser(item))
}

export class Cluster {
  readonly redis: RedisServer
  readonly nodes: ClusterNode[] = []
  readonly #scope: Scope
  readonly #options: ClusterOptions

  /** Starts a Redis and nodes that are ready; all of it ends with the scope. */
  static async start(scope: Scope, options: ClusterOptions = {}): Promise<Cluster> {
    const redis = await RedisServer.start(options.redis)
    scope.teardown(() => redis.close())
    const cluster = new Cluster(scope, options, redis)
    await Promise.all(
      Array.from({ length: options.nodes ?? 3 }, (_, index) => cluster.addNode(`n${index + 1}`)),
    )
    cluster.nodes.sort((one, other) => (one.label < other.label ? -1 : 1))
    return cluster
  }

  private constructor(scope: Scope, options: ClusterOptions, redis: RedisServer) {
    this.#scope = scope
    this.#options = options
    this.redis = redis
  }

  /** Starts one more node, and waits until it is ready. */
  async addNode(label: string, env: Readonly<Record<string, string>> = {}): Promise<ClusterNode> {
    const node = await this.launch(label, env)
    await node.becomes('ready')
    return node
  }

  /** Starts one more node, and waits until it listens. */
  async launch(label: string, env: Readonly<Record<string, string>> = {}): Promise<ClusterNode> {
    const { proxied = false, env: shared } = this.#options
    const proxy = proxied ? await TcpProxy.to(this.redis.port) : undefined
    if (proxy) this.#scope.teardown(() => proxy.close())
    const url = proxy ? `redis://127.0.0.1:${proxy.port}` : this.redis.url
    const variables = { ...DEFAULTS, REDIS_URL: url, NODE_ID: label, ...shared, ...env }
    const node = new ClusterNode(label, await startServer(this.#scope, variables), proxy)
    // Whoever is frozen does not hear that it is to end.
    this.#scope.teardown(() => node.thaw())
    this.nodes.push(node)
    return node
  }

  /** By its label. */
  node(label: string): ClusterNode {
    const found = this.nodes.find((node) => node.label === label)
    if (found === undefined) throw new Error(`no node is called ${label}`)
    return found
  }

  get living(): ClusterNode[] {
    return this.nodes.filter(({ alive }) => alive)
  }

  /** Who is present, as each living node says. */
  async lists(): Promise<{ where: string; users: User[] }[]> {
    return Promise.all(this.living.map(async (node) => ({ where: node.label, users: await node.users() })))
  }
}
