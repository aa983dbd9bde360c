import { until } from '../until.js'
import { onFreePort } from './free-port.js'
import { Instance, quote } from './instance.js'
import type { RedisServer } from './server.js'

export interface SentinelOptions {
  /** No TLS. Its replicas should be there already: sentinels look for new ones every 10 s only. */
  readonly master: RedisServer
  /** How many sentinels have to agree that the master is down; most of them have to agree on who acts. */
  readonly quorum?: number
  /**
   * After which silence a server is down for this sentinel. Well over 1000, or a failover is followed by others without
   * end: sentinels connect anew to a server that has changed its part, but no more than once a second.
   */
  readonly downAfterMs?: number
  /** The name of the group of servers. */
  readonly name?: string
}

/** A sentinel for tests. */
export class Sentinel extends Instance {
  readonly name: string

  /** Starts a sentinel on a free port. The caller closes it. */
  static start(options: SentinelOptions): Promise<Sentinel> {
    return onFreePort(async (port) => {
      const sentinel = new Sentinel(port, options)
      try {
        await sentinel.boot()
        return sentinel
      } catch (error) {
        await sentinel.close()
        throw error
      }
    })
  }

  private constructor(port: number, options: SentinelOptions) {
    const { master, quorum = 1, downAfterMs = 2_000, name = 'mymaster' } = options
    const { password } = master
    super({
      lines: [
        `port ${port}`,
        `sentinel monitor ${name} 127.0.0.1 ${master.port} ${quorum}`,
        `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
        // A failover that fails is tried again after twice this time.
        `sentinel failover-timeout ${name} 5000`,
        ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${quote(password)}`]),
      ],
      args: ['--sentinel'],
      access: { port },
    })
    this.name = name
  }

  /** The port of the master, as this sentinel sees it. */
  async masterPort(): Promise<number> {
    const reply = await this.call('SENTINEL', 'get-master-addr-by-name', this.name)
    if (!Array.isArray(reply)) throw new Error(`no master is known as ${this.name}`)
    return Number(reply[1])
  }

  /** Resolves once it has found all that take part in a failover, without whom there may be none. */
  async knows({ replicas, otherSentinels }: { replicas: number; otherSentinels: number }): Promise<void> {
    const field = async (name: string) => {
      const reply = await this.call('SENTINEL', 'master', this.name)
      return Array.isArray(reply) ? Number(reply[reply.indexOf(name) + 1]) : 0
    }
    await until(`${replicas} replicas`, async () => (await field('num-slaves')) === replicas, 30_000)
    const others = async () => (await field('num-other-sentinels')) === otherSentinels
    await until(`${otherSentinels} other sentinels`, others, 30_000)
  }
}
