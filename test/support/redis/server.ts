import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { until } from '../until.js'
import { onFreePort } from './free-port.js'
import { Instance, quote } from './instance.js'

export interface RedisOptions {
  /** Whether it keeps data in a file; without, it forgets everything when it ends. */
  readonly appendonly?: boolean
  /** When the file is flushed to the disk: `always` before each answer. */
  readonly appendfsync?: 'always' | 'everysec'
  readonly password?: string
  /** TLS only, with these PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Further arguments of redis-server, such as `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[]
}

function linesOf(port: number, options: RedisOptions, master: RedisServer | undefined): string[] {
  const { appendonly = false, appendfsync = 'everysec', password, tls } = options
  const lines = ['save ""', `appendonly ${appendonly ? 'yes' : 'no'}`, `appendfsync ${appendfsync}`]
  // A replica would wait 5 s for others that might come at the same time.
  lines.push('repl-diskless-sync-delay 0')
  if (master !== undefined) lines.push(`replicaof 127.0.0.1 ${master.port}`)
  // For masters, too, as they may become replicas.
  if (password !== undefined) lines.push(`requirepass ${quote(password)}`, `masterauth ${quote(password)}`)
  if (tls === undefined) return [...lines, `port ${port}`]
  const files = [`tls-cert-file ${quote(tls.cert)}`, `tls-key-file ${quote(tls.key)}`]
  return [...lines, 'port 0', `tls-port ${port}`, ...files, 'tls-auth-clients no']
}

/** A Redis server for tests. */
export class RedisServer extends Instance {
  readonly password: string | undefined
  /** redis://127.0.0.1:PORT, or rediss:, with the password if there is one. */
  readonly url: string
  readonly #tls: boolean

  /** Starts a server on a free port. The caller closes it, best with `t.teardown(() => server.close())`. */
  static start(options: RedisOptions = {}): Promise<RedisServer> {
    return RedisServer.#start(options)
  }

  /** Starts a replica, with the password of its master, and waits until it has the master's data. No TLS. */
  static async replicaOf(
    master: RedisServer,
    options: Omit<RedisOptions, 'password' | 'tls'> = {},
  ): Promise<RedisServer> {
    if (master.#tls) throw new Error('replicas do not speak TLS here')
    const { password } = master
    const replica = await RedisServer.#start(
      { ...options, ...(password !== undefined && { password }) },
      master,
    )
    try {
      const synced = async () => (await replica.info('replication', 'master_link_status')) === 'up'
      await until('the replica follows', synced, 30_000)
      return replica
    } catch (error) {
      await replica.close()
      throw error
    }
  }

  static #start(options: RedisOptions, master?: RedisServer): Promise<RedisServer> {
    return onFreePort(async (port) => {
      const server = new RedisServer(port, options, master)
      try {
        await server.boot()
        return server
      } catch (error) {
        await server.close()
        throw error
      }
    })
  }

  private constructor(port: number, options: RedisOptions, master: RedisServer | undefined) {
    const { password, tls, args } = options
    super({
      lines: linesOf(port, options, master),
      args,
      access: { port, password, ca: tls && readFileSync(tls.cert, 'utf8') },
      reads: tls && [tls.cert, tls.key].map((file) => dirname(file)),
    })
    this.password = password
    this.#tls = tls !== undefined
    const credentials = password === undefined ? '' : `:${encodeURIComponent(password)}@`
    this.url = `${this.#tls ? 'rediss' : 'redis'}://${credentials}127.0.0.1:${port}`
  }

  /** Resolves once a replica has all that this server has now. */
  async caughtUpBy(replica: RedisServer): Promise<void> {
    const offset = Number(await this.info('replication', 'master_repl_offset'))
    const reached = async () => Number(await replica.info('replication', 'slave_repl_offset')) >= offset
    await until('the replica has it', reached, 30_000)
  }

  /** Starts it on the same port without data, as after the loss of its disk; kills it first if it runs. */
  async restartEmpty(): Promise<void> {
    await this.kill()
    this.removeData()
    await this.boot()
  }
}
