import { randomBytes } from 'node:crypto'
import type { Outcome } from '../backplane/backplane.js'
import { checkMessage, encode } from '../protocol/codec.js'
import { type NameKey, parseName } from '../protocol/names.js'
import { parseRange } from '../room/address.js'
import { MAX_BANS } from '../room/bans.js'
import type { Directory } from '../room/directory.js'
import type { Ban, Position, Presence, Proposal } from '../room/events.js'
import type { Committer } from './committer.js'

export type { Ban } from '../room/events.js'

/** How often somebody is looked for anew who enters again while he is being removed. */
const TRIES = 3

/** What decrees need of their node. */
export interface Realm {
  readonly directory: Directory
  now(): number
  find(key: NameKey): Promise<Presence | undefined>
}

/** What is banned, for how many seconds, and why. */
export interface BanRequest extends Pick<Ban, 'kind' | 'value'> {
  readonly seconds?: number | undefined
  readonly reason?: string | undefined
}

/**
 * What operators have done: proposals like any other, that any node may make and all nodes see. Each resolves once this node has
 * applied it; `unavailable` is when the backplane could not be reached.
 */
export class Decrees {
  readonly #realm: Realm
  readonly #committer: Committer
  readonly maxBans = MAX_BANS
  /** The longest message, in code points. */
  readonly maxContentChars: number

  constructor(realm: Realm, committer: Committer, maxContentChars: number) {
    this.#realm = realm
    this.#committer = committer
    this.maxContentChars = maxContentChars
  }

  /** Ends whatever session has the name, on whichever node: it is closed 4003 (protocol 1.5). Rejects like `find`. */
  async remove(key: NameKey): Promise<'done' | 'absent' | 'unavailable'> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const presence = await this.#realm.find(key)
      if (presence === undefined) return 'absent'
      const { session, name } = presence
      const frame = encode.userDisconnected(name, this.#realm.now())
      const outcome = await this.#propose({ kind: 'remove', key, session, frame })
      if (outcome.ok) return 'done'
      if (outcome.reason !== 'FENCED') return 'unavailable'
    }
    return 'unavailable'
  }

  /**
   * Forbids a name, or addresses: those present whom it meets are closed 4004.
   * @returns the ban; `invalid` where nobody could have such a name, or such an address; `full` where there are {@link maxBans}
   */
  async ban({ kind, value, seconds, reason }: BanRequest): Promise<Ban | 'invalid' | 'full' | 'unavailable'> {
    const valid = kind === 'ip' ? parseRange(value) !== undefined : 'key' in parseName(value)
    if (!valid) return 'invalid'
    const createdAt = this.#realm.now()
    const ban: Ban = {
      id: randomBytes(9).toString('base64url'),
      kind,
      value,
      ...(reason !== undefined && { reason }),
      createdAt,
      ...(seconds !== undefined && { expiresAt: createdAt + seconds * 1000 }),
    }
    const outcome = await this.#propose({ kind: 'ban', ban })
    if (outcome.ok) return ban
    return outcome.reason === 'TOO_MANY_BANS' ? 'full' : 'unavailable'
  }

  async liftBan(id: string): Promise<'done' | 'absent' | 'unavailable'> {
    // Those that there may be have such ids: what is not one need not be asked for.
    if (!/^[\w-]{1,64}$/.test(id)) return 'absent'
    const outcome = await this.#propose({ kind: 'unban', id })
    if (outcome.ok) return 'done'
    return outcome.reason === 'UNKNOWN_BAN' ? 'absent' : 'unavailable'
  }

  /** All bans that hold, as this node has applied them. */
  bans(): Ban[] {
    return this.#realm.directory.bans.all(this.#realm.now())
  }

  /**
   * Says something to all as `server`.
   * @returns `invalid` where no message may have such a text (protocol 1.4)
   */
  async announce(content: string): Promise<'done' | 'invalid' | 'unavailable'> {
    const length = [...content].length
    if (length === 0 || length > this.maxContentChars || checkMessage(content) !== undefined) return 'invalid'
    const frame = encode.broadcast('server', content, this.#realm.now())
    const { ok } = await this.#propose({ kind: 'announce', frame })
    return ok ? 'done' : 'unavailable'
  }

  /** Takes a message out of the history: who has got it keeps it. */
  async erase(message: Position): Promise<'done' | 'absent' | 'unavailable'> {
    const outcome = await this.#propose({ kind: 'erase', message })
    if (outcome.ok) return 'done'
    return outcome.reason === 'UNKNOWN_MESSAGE' ? 'absent' : 'unavailable'
  }

  #propose(proposal: Proposal): Promise<Outcome> {
    return new Promise((resolve) => this.#committer.propose(proposal, resolve))
  }
}
