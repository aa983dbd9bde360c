import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { ModelServer } from './model-server.js'

/** {@link ModelServer} behind a WebSocket, on a free port of this machine. */
export class FakeServer extends ModelServer {
  /** Answers each upgrade with 503. */
  full = false
  /** Upgrades that were asked for. */
  upgrades = 0
  readonly #http: Server = createServer()
  readonly #ws = new WebSocketServer({ noServer: true })

  /** Starts one that ends with the test. */
  static async start(t: Test): Promise<FakeServer> {
    const server = new FakeServer()
    t.teardown(() => server.stop())
    await once(server.#http.listen(0, '127.0.0.1'), 'listening')
    return server
  }

  constructor() {
    super()
    this.#http.on('upgrade', (request, socket, head) => {
      this.upgrades += 1
      if (this.full) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
        return
      }
      this.#ws.handleUpgrade(request, socket, head, (ws) => {
        const { receive, gone } = this.accept({
          send: (text) => ws.send(text),
          close: (code, reason) => ws.close(code, reason),
          terminate: () => ws.terminate(),
        })
        ws.on('message', (data) => receive(data.toString()))
        ws.on('close', gone)
      })
    })
  }

  get port(): number {
    const address = this.#http.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    return address.port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/chat`
  }

  stop(): void {
    this.terminateAll()
    this.#http.close()
  }
}
