import type { Redis } from 'ioredis'
import type { Count, Store, Stored } from '../store.js'
import type { Keys } from './keys.js'
import { pause } from './pause.js'
import type { Caller, Scripts } from './scripts.js'

/** Who runs a script that is not about the room. */
const NOBODY: Caller = { node: '', epoch: '' }

/** What nodes share over Redis that is not in the log. */
export class RedisStore implements Store {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #scripts: Scripts
  /** What this node has been told is kept for good. */
  readonly #known: { readonly kind: string; readonly key: string; readonly value: string }[] = []
  #closed = false

  constructor(redis: Redis, keys: Keys, scripts: Scripts) {
    this.#redis = redis
    this.#keys = keys
    this.#scripts = scripts
    // A Redis that has forgotten everything is told again: those who come later get what the others have.
    redis.on('ready', () => {
      for (const { kind, key, value } of this.#known) scripts.keep(NOBODY, kind, key, value).catch(() => {})
    })
    redis.once('end', () => {
      this.#closed = true
    })
  }

  async get(kind: string, key: string): Promise<string | undefined> {
    return (await this.#redis.get(this.#keys.stored(kind, key))) ?? undefined
  }

  async putIfAbsent(kind: string, key: string, value: string, ttlMs?: number): Promise<string> {
    if (ttlMs !== undefined) return this.#scripts.keep(NOBODY, kind, key, value, ttlMs)
    for (;;) {
      try {
        const kept = await this.#scripts.keep(NOBODY, kind, key, value)
        this.#known.push({ kind, key, value: kept })
        return kept
      } catch (error) {
        if (this.#closed) throw error
        await pause()
      }
    }
  }

  delete(kind: string, key: string): Promise<boolean> {
    return this.#scripts.forget(NOBODY, kind, key)
  }

  list(kind: string, after: string, limit: number): Promise<Stored[]> {
    return this.#scripts.list(NOBODY, kind, after, limit)
  }

  count(kind: string, key: string, by: number, windowMs: number): Promise<Count> {
    return this.#scripts.count(NOBODY, kind, key, by, windowMs)
  }
}
