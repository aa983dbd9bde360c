import type { Socket, SocketClass } from '../../src/client/types.js'
import type { ModelServer, Peer } from './model-server.js'

interface SocketEvents {
  open: unknown
  message: { readonly data: unknown }
  close: { readonly code: number; readonly reason: string }
  error: unknown
}
type Listeners = { readonly [E in keyof SocketEvents]: ((event: SocketEvents[E]) => void)[] }

/** A WebSocket class whose connections lead to a server in this process. What is sent arrives with the next microtasks, in order. */
export function socketsTo(server: ModelServer): SocketClass {
  return class MemorySocket implements Socket {
    readonly #listeners: Listeners = { open: [], message: [], close: [], error: [] }
    readonly #link: ReturnType<ModelServer['accept']>
    #over = false

    constructor() {
      const peer: Peer = {
        send: (data) => this.#later(() => this.#tell('message', { data })),
        close: (code, reason) => this.#later(() => this.#end(code, reason)),
        terminate: () => this.#later(() => this.#end(1006, '')),
      }
      this.#link = server.accept(peer)
      this.#later(() => this.#tell('open', undefined))
    }

    addEventListener<E extends keyof SocketEvents>(type: E, listener: Listeners[E][number]): void {
      const listeners: ((event: SocketEvents[E]) => void)[] = this.#listeners[type]
      listeners.push(listener)
    }

    send(text: string): void {
      this.#later(() => this.#link.receive(text))
    }

    close(): void {
      this.#later(() => this.#end(1005, ''))
    }

    #later(what: () => void): void {
      queueMicrotask(() => {
        if (!this.#over) what()
      })
    }

    #tell<E extends keyof SocketEvents>(type: E, event: SocketEvents[E]): void {
      for (const listener of this.#listeners[type]) listener(event)
    }

    #end(code: number, reason: string): void {
      this.#over = true
      this.#link.gone()
      this.#tell('close', { code, reason })
    }
  }
}
