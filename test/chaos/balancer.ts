import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

const HOST = '127.0.0.1'

/** Passes each connection on to one of several ports of this machine, as what stands in front of a cluster does. */
export class Balancer {
  readonly #server: Server
  readonly #links = new Map<Socket, Socket>()
  readonly #choose: () => number | undefined

  /** @param choose the port for the next connection; undefined: there is none at the moment */
  static async start(choose: () => number | undefined): Promise<Balancer> {
    const balancer = new Balancer(choose)
    await once(balancer.#server.listen(0, HOST), 'listening')
    return balancer
  }

  private constructor(choose: () => number | undefined) {
    this.#choose = choose
    this.#server = createServer((client) => this.#link(client))
  }

  /** ws://127.0.0.1:PORT/chat */
  get url(): string {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('the balancer does not listen')
    return `ws://${HOST}:${address.port}/chat`
  }

  /** Cuts some of the connections: what was on its way is lost. Returns how many. */
  cut(chosen: () => boolean): number {
    const some = [...this.#links].filter(chosen)
    for (const [client, server] of some) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
    return some.length
  }

  async close(): Promise<void> {
    const closed = once(this.#server.close(), 'close')
    this.cut(() => true)
    await closed
  }

  #link(client: Socket): void {
    const port = this.#choose()
    client.on('error', () => {})
    if (port === undefined) {
      client.destroy()
      return
    }
    const server = connect({ host: HOST, port })
    server.on('error', () => {})
    this.#links.set(client, server)
    client.pipe(server).pipe(client)
    client.on('close', () => {
      this.#links.delete(client)
      server.destroy()
    })
    server.on('close', () => client.destroy())
  }
}
