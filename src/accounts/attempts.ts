/** How often something may be tried, across all nodes. */
import type { Store } from '../backplane/store.js'
import type { NameKey } from '../protocol/names.js'

/** So often something may be tried in a window of time. */
interface Allowance {
  readonly kind: string
  readonly most: number
  readonly windowMs: number
}

const MINUTE_MS = 60_000

/** Wrong passwords for one name from one address: its owner elsewhere is not kept out. */
const PER_NAME: Allowance = { kind: 'guesses', most: 10, windowMs: 15 * MINUTE_MS }

/** Wrong passwords from one address, whatever names they are for. */
const PER_ADDRESS: Allowance = { kind: 'guesses-from', most: 100, windowMs: 15 * MINUTE_MS }

/** Passwords of one address that are checked at all, right ones too: each costs a tenth of a second or more. */
const CHECKS: Allowance = { kind: 'checks-from', most: 300, windowMs: 15 * MINUTE_MS }

const DAY_MS = 24 * 60 * MINUTE_MS

/** An attempt that was let through, and can be taken back where it was no wrong one; or how long to wait for one. */
export type Attempt = { readonly waitSeconds: number } | { takeBack(): Promise<void> }

/** Counts attempts before they are made, so that many at once count as many. All reject like the store. */
export class Attempts {
  readonly #store: Pick<Store, 'count'>
  readonly #claims: Allowance

  /** @param claimsPerDay how many names may be claimed from one address */
  constructor(store: Pick<Store, 'count'>, claimsPerDay: number) {
    this.#store = store
    this.#claims = { kind: 'claims', most: claimsPerDay, windowMs: DAY_MS }
  }

  /** @param group where it comes from ({@link addressGroup}) */
  async guess(key: NameKey, group: string): Promise<Attempt> {
    const forName = await this.#attempt(PER_NAME, `${group} ${key}`)
    if ('waitSeconds' in forName) return forName
    const inAll = await this.#attempt(PER_ADDRESS, group)
    if ('waitSeconds' in inAll) {
      await forName.takeBack()
      return inAll
    }
    const takeBack = async () => void (await Promise.all([forName.takeBack(), inAll.takeBack()]))
    const checks = await this.#attempt(CHECKS, group)
    if ('waitSeconds' in checks) {
      await takeBack()
      return checks
    }
    return { takeBack }
  }

  /** Whoever has claimed a name has not guessed: what was counted for it from there is forgotten. */
  async forgetGuesses(key: NameKey, group: string): Promise<void> {
    const { kind, windowMs } = PER_NAME
    const { count } = await this.#store.count(kind, `${group} ${key}`, 0, windowMs)
    if (count > 0) await this.#store.count(kind, `${group} ${key}`, -count, windowMs)
  }

  claim(group: string): Promise<Attempt> {
    return this.#attempt(this.#claims, group)
  }

  async #attempt({ kind, most, windowMs }: Allowance, key: string): Promise<Attempt> {
    const takeBack = async () => void (await this.#store.count(kind, key, -1, windowMs))
    const { count, leftMs } = await this.#store.count(kind, key, 1, windowMs)
    if (count <= most) return { takeBack }
    await takeBack()
    return { waitSeconds: Math.max(Math.ceil(leftMs / 1000), 1) }
  }
}
