import type { Events } from './types.js'

type Handlers = { readonly [E in keyof Events]: Set<(value: Events[E]) => void> }

/** Tells events to whoever wants to hear of them. */
export class Emitter {
  readonly #handlers: Handlers = {
    state: new Set(),
    online: new Set(),
    message: new Set(),
    private: new Set(),
    joined: new Set(),
    left: new Set(),
    status: new Set(),
    lost: new Set(),
    error: new Set(),
  }

  /** Returns what ends it. */
  on<E extends keyof Events>(event: E, handler: (value: Events[E]) => void): () => void {
    const handlers = this.#handlers[event]
    handlers.add(handler)
    return () => {
      handlers.delete(handler)
    }
  }

  emit<E extends keyof Events>(event: E, value: Events[E]): void {
    for (const handler of this.#handlers[event]) {
      try {
        handler(value)
      } catch (error) {
        // It is not ours to handle, and must not stop what is: it goes to whoever looks after uncaught errors.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
