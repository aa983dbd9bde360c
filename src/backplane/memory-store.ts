import type { Count, Store, Stored } from './store.js'

/** What is kept; `expiresAt`: milliseconds since 1970, or never. */
interface Entry {
  value: string
  expiresAt: number
}

const NEVER = Number.POSITIVE_INFINITY

/** What the kinds of counts begin with: they are no values. */
const COUNTS = 'count:'

/** As many as this may be over before they are forgotten. */
const FORGOTTEN_MIN = 1024

/** What the nodes of one process share. What has expired is there no more; it is forgotten when there is much of it. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Map<string, Entry>>()
  readonly #now: () => number
  #size = 0
  /** At how many it is looked for what has expired. */
  #forgetAt = FORGOTTEN_MIN

  /** @param now milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** What {@link get} resolves to, at once. */
  peek(kind: string, key: string): string | undefined {
    return this.#find(kind, key)?.value
  }

  /** Keeps a value for good, whatever there was. */
  set(kind: string, key: string, value: string): void {
    this.#keep(kind, key, { value, expiresAt: NEVER })
  }

  /** What is there stays, or is forgotten after so many milliseconds. */
  expire(kind: string, key: string, ttlMs: number | undefined): void {
    const entry = this.#find(kind, key)
    if (entry) entry.expiresAt = ttlMs === undefined ? NEVER : this.#now() + ttlMs
  }

  async get(kind: string, key: string): Promise<string | undefined> {
    return this.peek(kind, key)
  }

  async putIfAbsent(kind: string, key: string, value: string, ttlMs = NEVER): Promise<string> {
    const kept = this.#find(kind, key)
    if (kept === undefined) this.#keep(kind, key, { value, expiresAt: this.#now() + ttlMs })
    return kept?.value ?? value
  }

  async delete(kind: string, key: string): Promise<boolean> {
    const kept = this.#find(kind, key) !== undefined
    if (this.#entries.get(kind)?.delete(key)) this.#size -= 1
    return kept
  }

  async list(kind: string, after: string, limit: number): Promise<Stored[]> {
    const behind = Buffer.from(after)
    const keys = [...(this.#entries.get(kind)?.keys() ?? [])]
      .filter((key) => this.#find(kind, key) !== undefined && Buffer.compare(Buffer.from(key), behind) > 0)
      .sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    return keys.slice(0, limit).map((key) => {
      const { value = '', expiresAt = NEVER } = this.#find(kind, key) ?? {}
      return expiresAt === NEVER ? { key, value } : { key, value, expiresAt }
    })
  }

  async count(kind: string, key: string, by: number, windowMs: number): Promise<Count> {
    const now = this.#now()
    const found = this.#find(COUNTS + kind, key)
    // What is not there cannot be taken back.
    const count = Math.max(Number(found?.value ?? 0) + by, 0)
    if (found === undefined && count === 0) return { count: 0, leftMs: 0 }
    const entry = found ?? { value: '0', expiresAt: now + windowMs }
    if (found === undefined) this.#keep(COUNTS + kind, key, entry)
    entry.value = String(count)
    return { count, leftMs: entry.expiresAt - now }
  }

  #find(kind: string, key: string): Entry | undefined {
    const entry = this.#entries.get(kind)?.get(key)
    return entry !== undefined && entry.expiresAt > this.#now() ? entry : undefined
  }

  #keep(kind: string, key: string, entry: Entry): void {
    let entries = this.#entries.get(kind)
    if (entries === undefined) {
      entries = new Map()
      this.#entries.set(kind, entries)
    }
    if (!entries.has(key)) this.#size += 1
    entries.set(key, entry)
    if (this.#size >= this.#forgetAt) this.#forget()
  }

  #forget(): void {
    const now = this.#now()
    for (const entries of this.#entries.values()) {
      for (const [key, { expiresAt }] of entries) {
        if (expiresAt > now) continue
        entries.delete(key)
        this.#size -= 1
      }
    }
    this.#forgetAt = Math.max(this.#size * 2, FORGOTTEN_MIN)
  }
}
