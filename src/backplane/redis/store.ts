import type { Redis } from 'ioredis'
import type { Store } from '../store.js'
import type { Keys } from './keys.js'
import { pause } from './pause.js'

/** What nodes share over Redis that is not in the log. */
export class RedisStore implements Store {
  readonly #redis: Redis
  readonly #keys: Keys
  /** What this node has been told. */
  readonly #known = new Map<string, string>()
  #closed = false

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis
    this.#keys = keys
    // A Redis that has forgotten everything is told again: those who come later get what the others have.
    redis.on('ready', () => {
      for (const [key, value] of this.#known) this.#put(key, value).catch(() => {})
    })
    redis.once('end', () => {
      this.#closed = true
    })
  }

  /** Waits for Redis for as long as that takes; rejects once the connection has been closed for good. */
  async putIfAbsent(key: string, value: string): Promise<string> {
    for (;;) {
      try {
        const kept = await this.#put(key, value)
        this.#known.set(key, kept)
        return kept
      } catch (error) {
        if (this.#closed) throw error
        await pause()
      }
    }
  }

  async #put(key: string, value: string): Promise<string> {
    return (await this.#redis.set(this.#keys.stored(key), value, 'NX', 'GET')) ?? value
  }
}
