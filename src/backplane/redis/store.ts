import type { Redis } from 'ioredis'
import type { Store } from '../store.js'
import type { Keys } from './keys.js'
import { pause } from './pause.js'

/** What nodes share over Redis that is not in the log. */
export class RedisStore implements Store {
  readonly #redis: Redis
  readonly #keys: Keys
  #closed = false

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis
    this.#keys = keys
    redis.once('end', () => {
      this.#closed = true
    })
  }

  /** Waits for Redis for as long as that takes; rejects once the connection has been closed for good. */
  async putIfAbsent(key: string, value: string): Promise<string> {
    for (;;) {
      try {
        return (await this.#redis.set(this.#keys.stored(key), value, 'NX', 'GET')) ?? value
      } catch (error) {
        if (this.#closed) throw error
        await pause()
      }
    }
  }
}
