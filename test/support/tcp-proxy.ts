import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { onFreePort } from './redis/free-port.js'

const HOST = '127.0.0.1'

export type Direction = 'toServer' | 'toClient'
type Held = Readonly<Record<Direction, boolean>>
const FREE: Held = { toServer: false, toClient: false }

/** A network that can fail: passes TCP connections on to a port of this machine, as long as the test lets it. */
export class TcpProxy {
  readonly port: number
  readonly #target: number
  readonly #links = new Set<Link>()
  #server: Server | undefined
  #held = FREE

  /** Starts a proxy in front of a port on 127.0.0.1, on a free port. The caller closes it. */
  static to(target: number): Promise<TcpProxy> {
    return onFreePort(async (port) => {
      const proxy = new TcpProxy(port, target)
      await proxy.#listen()
      return proxy
    })
  }

  private constructor(port: number, target: number) {
    this.port = port
    this.#target = target
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#links.size
  }

  /** As if the server's machine were up and the server not: closes all connections and refuses new ones. */
  async drop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = server && once(server.close(), 'close')
    this.killAll()
    await closed
  }

  /**
   * As if a cable were cut: connections stay and new ones are accepted, but nothing passes any more, no byte and no end. What
   * is sent meanwhile arrives after {@link restore}, as TCP would send it again. What the proxy has already passed on
   * to the operating system may still arrive.
   * @param direction that of what does not pass; both without it
   */
  async blackhole(direction?: Direction): Promise<void> {
    this.#held = { toServer: direction !== 'toClient', toClient: direction !== 'toServer' }
    for (const link of this.#links) link.hold(this.#held)
    await this.#listen()
  }

  /** All is well again, for the connections that are left and for new ones. */
  async restore(): Promise<void> {
    this.#held = FREE
    for (const link of this.#links) link.hold(FREE)
    await this.#listen()
  }

  /** Destroys the present connections. */
  killAll(): void {
    for (const link of this.#links) link.destroy()
  }

  async close(): Promise<void> {
    await this.drop()
  }

  async #listen(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const link = new Link(client, this.#target, () => this.#links.delete(link))
      this.#links.add(link)
      link.hold(this.#held)
    })
    this.#server = server
    await once(server.listen(this.port, HOST), 'listening')
  }
}

/** One connection of a client, with the one to the server behind it. */
class Link {
  readonly #client: Socket
  readonly #target: number
  readonly #onGone: () => void
  #ways: Readonly<Record<Direction, Way>> | undefined
  #server: Socket | undefined

  constructor(client: Socket, target: number, onGone: () => void) {
    this.#client = client
    this.#target = target
    this.#onGone = onGone
    this.#watch(client)
  }

  hold(held: Held): void {
    // Until something can pass, the server knows nothing of the connection.
    if (!held.toServer || !held.toClient) this.#ways ??= this.#connect()
    this.#ways?.toServer.hold(held.toServer)
    this.#ways?.toClient.hold(held.toClient)
  }

  destroy(): void {
    this.#client.destroy()
    this.#server?.destroy()
    this.#onGone()
  }

  #connect(): Record<Direction, Way> {
    const client = this.#client
    const server = connect({ host: HOST, port: this.#target, allowHalfOpen: true, noDelay: true })
    this.#server = server
    this.#watch(server)
    return { toServer: new Way(client, server), toClient: new Way(server, client) }
  }

  #watch(socket: Socket): void {
    // A connection may be reset at any time; the other end learns it by the close that follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#client.destroyed && this.#server?.destroyed !== false) this.#onGone()
    })
  }
}

/** One direction of a connection. */
class Way {
  readonly #from: Socket
  readonly #to: Socket
  #held = false
  #reset = false

  constructor(from: Socket, to: Socket) {
    this.#from = from
    this.#to = to
    from.on('data', (bytes) => {
      if (!to.write(bytes)) from.pause()
    })
    to.on('drain', () => this.#flow())
    from.on('end', () => to.end())
    from.on('close', (failed) => {
      this.#reset = failed
      this.#flow()
    })
    this.#flow()
  }

  hold(held: boolean): void {
    this.#held = held
    if (held) this.#from.pause()
    else this.#flow()
  }

  #flow(): void {
    if (this.#held) return
    if (this.#reset) this.#to.resetAndDestroy()
    else if (!this.#to.writableNeedDrain) this.#from.resume()
  }
}
