import type { NameKey } from '../protocol/names.js'
import type { FrameBytes, Position, SecretHash } from '../room/events.js'
import { INBOX_HELD, INBOX_SENT, KNOWN_REFS } from '../room/inbox.js'
import type { Inbox, InboxMessage, Outcome } from './backplane.js'

type Done = Extract<Outcome, { ok: true }>

interface Kept {
  readonly secret: SecretHash
  seq: number
  /** Of the last message that there was when it was taken up. */
  waited: number | undefined
  inbox: InboxMessage[]
  inboxBytes: number
  /** The latest refs, the oldest first, and what became of their frames. */
  readonly refs: Map<string, Done>
  /** When it ends, if it is held: milliseconds since 1970. */
  heldUntil: number | undefined
}

/** What is kept for the extended sessions of a room, by the key of the name: their secrets, inboxes, and what they have sent. */
export class MemorySessions {
  readonly #kept = new Map<NameKey, Kept>()
  readonly #bySecret = new Map<SecretHash, Kept>()

  secretOf(key: NameKey): SecretHash | undefined {
    return this.#kept.get(key)?.secret
  }

  knows(secret: SecretHash): boolean {
    return this.#bySecret.has(secret)
  }

  /** Somebody entered, or goes on: with this secret, or as a base session. What another session of the name had is gone. */
  enter(key: NameKey, secret: SecretHash | undefined): void {
    const kept = this.#kept.get(key)
    if (kept !== undefined && kept.secret === secret) {
      kept.heldUntil = undefined
      kept.waited = kept.seq
      return
    }
    this.end(key)
    if (secret === undefined) return
    const fresh: Kept = {
      secret,
      seq: 0,
      waited: undefined,
      inbox: [],
      inboxBytes: 0,
      refs: new Map(),
      heldUntil: undefined,
    }
    this.#kept.set(key, fresh)
    this.#bySecret.set(secret, fresh)
  }

  hold(key: NameKey, until: number): void {
    const kept = this.#kept.get(key)
    if (kept !== undefined) kept.heldUntil = until
  }

  end(key: NameKey): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#kept.delete(key)
    this.#bySecret.delete(kept.secret)
  }

  /** Those that have been held for long enough, and when the next of the others will have been. */
  due(now: number): { readonly keys: NameKey[]; readonly next: number | undefined } {
    const keys: NameKey[] = []
    let next: number | undefined
    for (const [key, { heldUntil }] of this.#kept) {
      if (heldUntil === undefined) continue
      if (heldUntil <= now) keys.push(key)
      else next = Math.min(next ?? heldUntil, heldUntil)
    }
    return { keys, next }
  }

  isFull(key: NameKey, bytes: number): boolean {
    const kept = this.#kept.get(key)
    if (kept?.heldUntil === undefined) return false
    return kept.inbox.length >= INBOX_HELD.messages || kept.inboxBytes + bytes > INBOX_HELD.bytes
  }

  /** Keeps a message. @returns its seq, or undefined where the session is none that is kept for. */
  deliver(key: NameKey, after: Position, frame: FrameBytes): number | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    kept.seq += 1
    kept.inbox.push({ seq: kept.seq, after, frame })
    kept.inboxBytes += frame.length
    if (kept.heldUntil === undefined) trim(kept)
    return kept.seq
  }

  inbox(secret: SecretHash, after: number): Inbox {
    const kept = this.#bySecret.get(secret)
    const first = kept?.inbox[0]?.seq ?? (kept?.seq ?? 0) + 1
    if (kept === undefined || after > kept.seq || after + 1 < first) return 'lost'
    return kept.inbox.filter(({ seq }) => seq > after)
  }

  /** What became of a frame that was sent under this ref. */
  outcomeOf(key: NameKey, ref: string | undefined): Outcome | undefined {
    const done = ref === undefined ? undefined : this.#kept.get(key)?.refs.get(ref)
    return done && { ...done, repeated: true }
  }

  remember(key: NameKey, ref: string, outcome: Done): void {
    const refs = this.#kept.get(key)?.refs
    refs?.set(ref, outcome)
    const [oldest] = refs?.keys() ?? []
    if (refs !== undefined && refs.size > KNOWN_REFS && oldest !== undefined) refs.delete(oldest)
  }
}

function trim(kept: Kept): void {
  let { messages, bytes }: { messages: number; bytes: number } = INBOX_SENT
  // What had waited until it was taken up may be on its way still.
  if (kept.waited !== undefined && kept.seq - kept.waited <= INBOX_SENT.messages) {
    messages += INBOX_HELD.messages
    bytes += INBOX_HELD.bytes
  }
  while (kept.inbox.length > messages || kept.inboxBytes > bytes) {
    const oldest = kept.inbox.shift()
    kept.inboxBytes -= oldest?.frame.length ?? 0
  }
}
