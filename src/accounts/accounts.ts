/** Whose names are: passwords and tokens checked, names claimed, accounts shown to operators and freed by them. */
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Store } from '../backplane/store.js'
import type { Applicant, Doorkeeper, Verdict } from '../chat/doorkeeper.js'
import type { Refusal } from '../protocol/codes.js'
import { keptKey, keyOf, type NameKey, parseName } from '../protocol/names.js'
import { ACCOUNTS, readAccount, writeAccount } from '../room/accounts.js'
import { addressGroup } from '../room/address.js'
import { Attempts } from './attempts.js'
import { COST, type Cost, hashPassword, verifyPassword } from './passwords.js'
import { createTokenVerifier, type TokenOptions, type VerifyToken } from './tokens.js'
import { Turns } from './turns.js'

/**
 * Passwords that are hashed at once: each takes a thread of the pool of four, and a core; one core at least is left for everything else where
 * there is another. And how many may wait.
 */
export const HASHING = {
  atOnce: Math.max(1, Math.min(2, availableParallelism() - 1)),
  maxWaiting: 256,
  maxWaitingEach: 64,
}

export interface AccountsOptions {
  readonly store: Store
  readonly guests: boolean
  readonly passwords: boolean
  readonly tokens: TokenOptions
  /** How many names may be claimed from one address in a day. */
  readonly claimsPerDay: number
  /** {@link COST}, for tests that cannot be that slow. */
  readonly cost?: Cost
}

/** An account, as operators see it. */
export interface Account {
  readonly key: NameKey
  readonly name: string
  readonly kind: 'password' | 'token'
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970; undefined while its owner is there. */
  readonly expiresAt?: number
}

/** What is kept of an account beside its id. */
const KeptAccount = Type.Union([
  Type.Object({
    kind: Type.Literal('password'),
    name: Type.String(),
    createdAt: Type.Number(),
    hash: Type.String(),
  }),
  Type.Object({
    kind: Type.Literal('token'),
    name: Type.String(),
    createdAt: Type.Number(),
    issuer: Type.String(),
  }),
])
type KeptAccount = Static<typeof KeptAccount>
const KeptAccountCheck = Compile(KeptAccount)

export class Accounts implements Doorkeeper {
  readonly #options: AccountsOptions
  readonly #store: Store
  readonly #attempts: Attempts
  readonly #turns = new Turns(HASHING)
  readonly #verifyToken: VerifyToken | undefined

  constructor(options: AccountsOptions) {
    this.#options = options
    this.#store = options.store
    this.#attempts = new Attempts(options.store, options.claimsPerDay)
    this.#verifyToken = createTokenVerifier(options.tokens)
  }

  admit(applicant: Applicant): Verdict | Promise<Verdict> {
    const { name, credential } = applicant
    if (credential === undefined) {
      // Whether the name has an owner is judged in the step that lets him in.
      return this.#options.guests ? { name } : refused('CREDENTIAL_NEEDED', this.#accepted())
    }
    return 'token' in credential
      ? this.#admitToken(applicant, credential.token)
      : this.#admitPassword(applicant, credential.password)
  }

  /** Accounts by the order of their keys, behind one ('' for the first), at most so many. Rejects like the store. */
  async list(after: string, limit: number): Promise<Account[]> {
    const stored = await this.#store.list(ACCOUNTS, after, limit)
    return stored.map(({ key, value, expiresAt }) => {
      const { name, kind, createdAt } = read(value).record
      return { key: keptKey(key), name, kind, createdAt, ...(expiresAt !== undefined && { expiresAt }) }
    })
  }

  /**
   * Frees a name: whoever comes first may claim it. Who is there under it stays.
   * @returns whether it had an owner; rejects like the store
   */
  free(name: string): Promise<boolean> {
    return this.#store.delete(ACCOUNTS, keyOf(name))
  }

  /** What this server accepts, for those who are told. */
  #accepted(): string {
    const passwords = this.#options.passwords ? ['una contraseña'] : []
    return [...passwords, ...(this.#verifyToken ? ['un token'] : [])].join(' o ')
  }

  async #admitPassword({ name, key, ip, held, isThere }: Applicant, password: string): Promise<Verdict> {
    if (!this.#options.passwords) return refused('CREDENTIAL_UNAVAILABLE', 'contraseñas')
    const group = addressGroup(ip)
    const verdict = await this.#turns.take(group, async () => {
      // Whoever has gone meanwhile gets no answer, and need not have cost one.
      if (!isThere()) return refused('UNAVAILABLE')
      const kept = await this.#find(key)
      if (kept) return this.#prove(key, kept, password, group)
      return held ? refused('NAME_TAKEN') : this.#claim(name, key, password, group)
    })
    return verdict === 'busy' ? refused('BUSY') : verdict
  }

  async #prove(
    key: NameKey,
    { id, record }: { id: string; record: KeptAccount },
    password: string,
    group: string,
  ): Promise<Verdict> {
    if (record.kind !== 'password') return refused('NAME_CLAIMED')
    const attempt = await this.#attempts.guess(key, group)
    if ('waitSeconds' in attempt) return refused('TOO_MANY_ATTEMPTS', String(attempt.waitSeconds))
    if (!(await verifyPassword(password, record.hash))) return refused('WRONG_PASSWORD')
    await attempt.takeBack()
    return { name: record.name, account: id }
  }

  async #claim(name: string, key: NameKey, password: string, group: string): Promise<Verdict> {
    const attempt = await this.#attempts.claim(group)
    if ('waitSeconds' in attempt)
      return refused('TOO_MANY_CLAIMS', String(Math.ceil(attempt.waitSeconds / 3600)))
    await this.#attempts.forgetGuesses(key, group)
    const hash = await hashPassword(password, this.#options.cost ?? COST)
    const claim = claiming({ kind: 'password', name, createdAt: Date.now(), hash })
    return { name, ...claim }
  }

  async #admitToken({ name, key }: Applicant, token: string): Promise<Verdict> {
    if (this.#verifyToken === undefined) return refused('CREDENTIAL_UNAVAILABLE', 'tokens')
    const verdict = await this.#verifyToken(token)
    if ('problem' in verdict) return refused('INVALID_TOKEN', verdict.problem)
    const { subject, issuer } = verdict
    if (keyOf(subject) !== key) return refused('INVALID_TOKEN', 'es para otro nombre')
    const kept = await this.#find(key)
    if (kept === undefined) {
      // As whoever signed it writes it.
      const parsed = parseName(subject)
      const shown = 'name' in parsed ? parsed.name : name
      return { name: shown, ...claiming({ kind: 'token', name: shown, createdAt: Date.now(), issuer }) }
    }
    const { id, record } = kept
    // Who claimed it with a password keeps it until an operator frees it.
    if (record.kind !== 'token' || record.issuer !== issuer) return refused('NAME_CLAIMED')
    return { name: record.name, account: id }
  }

  async #find(key: NameKey): Promise<{ id: string; record: KeptAccount } | undefined> {
    const kept = await this.#store.get(ACCOUNTS, key)
    return kept === undefined ? undefined : read(kept)
  }
}

function claiming(record: KeptAccount): { account: string; claim: string } {
  const account = randomBytes(12).toString('base64url')
  return { account, claim: writeAccount(account, JSON.stringify(record)) }
}

function read(kept: string): { id: string; record: KeptAccount } {
  const { id, rest } = readAccount(kept)
  const record = parse(rest)
  if (KeptAccountCheck.Check(record)) return { id, record }
  throw new Error('an account is kept that this version cannot read')
}

/** What is wrong with it is not said: an error would quote it. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function refused(code: Refusal['code'], detail?: string): { refused: Refusal } {
  return { refused: detail === undefined ? { code } : { code, detail } }
}
