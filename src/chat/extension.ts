import { createHash, randomBytes } from 'node:crypto'
import type { ResumePoint } from '../protocol/registration.js'
import type { SecretHash } from '../room/events.js'
import type { Numbered } from '../room/recovery.js'

/** 128 bits are asked for (protocol part 2, 1). */
const SECRET_BYTES = 18

/** What an extended session has that a base session has not. */
export class Extension {
  /** Takes the session up again; told to the client alone. */
  readonly secret: string
  readonly hash: SecretHash
  /** How many of the latest broadcasts the client asked for. */
  readonly history: number | undefined
  /** The `ref` of its `register`. */
  readonly ref: string | undefined
  /** Where the client stood, if this takes up a session that broke off. */
  readonly resume: ResumePoint | undefined
  /** The last of its private messages that was sent. */
  seq: number
  /** Set while it is being brought up to date: what came meanwhile. */
  meanwhile: Numbered[] | undefined
  /** Whether the client knows its secret. */
  welcomed: boolean
  /** The `ref` of its `disconnect`. */
  leaving: string | undefined

  /** @param resume takes up the session whose secret it has; without it, this is a new session */
  constructor(asked: { history?: number | undefined; ref: string | undefined }, resume?: ResumePoint) {
    this.secret = resume?.secret ?? randomBytes(SECRET_BYTES).toString('base64url')
    this.hash = hashOf(this.secret)
    this.history = asked.history
    this.ref = asked.ref
    this.resume = resume
    this.seq = resume?.seq ?? 0
    this.welcomed = resume !== undefined
  }
}

/** What a secret is kept as. It is random, so that it needs no salt and no time. */
export function hashOf(secret: string): SecretHash {
  return createHash('sha256').update(secret).digest('base64url')
}
