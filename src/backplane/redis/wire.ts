/** What stands in Redis and on its channels: bytes → events, messages, users; and proposals → arguments of a script. */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { departure } from '../../protocol/codec.js'
import { parseStatus, type Status } from '../../protocol/frames.js'
import { keptKey, type NameKey } from '../../protocol/names.js'
import { readPosition, writePosition } from '../../protocol/position.js'
import type { AccountId, Ban, Event, Join, Position, Presence, Proposal, Said } from '../../room/events.js'
import type { InboxMessage, Outcome, OutcomeRefusal, PrivateMessage } from '../backplane.js'

const NEWLINE = 0x0a
const TAB = 0x09

/** A message of a channel. */
export type Message =
  | { readonly kind: 'events'; readonly events: readonly Event[]; readonly head: Position }
  | { readonly kind: 'head'; readonly head: Position }
  | { readonly kind: 'mail'; readonly mail: readonly Mail[] }

/** A private message, and the event that it stands behind. */
export interface Mail {
  readonly after: Position
  readonly message: PrivateMessage
}

/** Says that bytes are not what this version writes. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/**
 * Reads what a script published, or an entry of the log, which is the same.
 * @throws {WireError}
 */
export function readMessage(bytes: Buffer): Message {
  const [header = bytes, ...lines] = linesOf(bytes)
  const [kind, epoch = '', offset] = header.toString().split('\t')
  if (kind === 'e' && lines.length > 0) {
    const first = whole(offset)
    const events = lines.map((line, index) => readEvent(line, { epoch, offset: first + index }))
    return { kind: 'events', events, head: { epoch, offset: first + lines.length - 1 } }
  }
  if (kind === 'h') return { kind: 'head', head: { epoch, offset: whole(offset) } }
  if (kind === 'p') return { kind: 'mail', mail: lines.map((line) => readMail(line, epoch)) }
  throw new WireError(`a message of an unknown kind: ${header}`)
}

/** Reads a line of the log: kind, what the kind has, and for most the frame, whose bytes are handed on as they are. */
function readEvent(line: Buffer, position: Position): Event {
  const kind = String.fromCharCode(line[0] ?? 0)
  switch (kind) {
    case 'j': {
      const [texts, identity] = fields(line, 9)
      const [, order, status, session = '', node = '', account = '', marks = '', at] = texts
      const extended = marks.includes(EXTENDED)
      const parts = { node, session, status, order, account, extended, identity: identity.toString() }
      return {
        kind: 'joined',
        position,
        presence: presence(parts),
        fresh: marks.includes(FRESH),
        at: whole(at),
      }
    }
    case 'h': {
      const [[, session = '', key = '']] = fields(line, 4)
      return { kind: 'held', position, session, key: keptKey(key) }
    }
    case 'd': {
      const [[, message = '']] = fields(line, 4)
      return { kind: 'erased', position, message: place(message) }
    }
    case 'l': {
      const [[, session = '', key = ''], frame] = fields(line, 4)
      return { kind: 'left', position, session, key: keptKey(key), frame }
    }
    case 'k': {
      const [[, session = '', key = ''], frame] = fields(line, 4)
      return { kind: 'removed', position, session, key: keptKey(key), frame }
    }
    case 'a': {
      const [, frame] = fields(line, 4)
      return { kind: 'said', position, key: undefined, frame }
    }
    case 'f': {
      const [, ban] = fields(line, 5)
      return { kind: 'banned', position, ban: readBan(ban.toString()) }
    }
    case 'u': {
      const [[, id = '']] = fields(line, 4)
      return { kind: 'unbanned', position, id }
    }
    case 's': {
      const [[, session = '', key = '', status], frame] = fields(line, 5)
      return { kind: 'status', position, session, key: keptKey(key), status: readStatus(status), frame }
    }
    case 'b': {
      const [[, , key = ''], frame] = fields(line, 4)
      return { kind: 'said', position, key: keptKey(key), frame }
    }
    default:
      throw new WireError(`an event of an unknown kind: ${kind}`)
  }
}

/** What stands in the line of somebody who entered: that he has extensions, and that nobody was there under his name. */
const EXTENDED = 'e'
const FRESH = 'n'

function readMail(line: Buffer, epoch: string): Mail {
  const [[after, session = '', seq = ''], frame] = fields(line, 4)
  const message = { kind: 'private', session, frame, ...(seq !== '' && { seq: whole(seq) }) } as const
  return { after: { epoch, offset: whole(after) }, message }
}

/**
 * Reads a message as it is kept in an inbox.
 * @throws {WireError}
 */
export function readInboxMessage(kept: Buffer): InboxMessage {
  const [[seq, after = ''], frame] = fields(kept, 3)
  return { seq: whole(seq), after: place(after), frame }
}

/**
 * Reads a message as it is kept in the history.
 * @throws {WireError}
 */
export function readKeptMessage(kept: Buffer): Said {
  const [[position = ''], line] = fields(kept, 2)
  const event = readEvent(line, place(position))
  if (event.kind === 'said') return event
  throw new WireError(`not what somebody said: ${line}`)
}

function place(text: string): Position {
  const position = readPosition(text)
  if (position === undefined) throw new WireError(`not a position: ${text}`)
  return position
}

/**
 * Reads a user as it is kept.
 * @throws {WireError}
 */
export function readUser(value: Buffer): Presence {
  const [node = '', session = '', status, order, account = '', secret, identity = ''] = value
    .toString()
    .split('\n')
  return presence({ node, session, status, order, account, extended: secret !== '', identity })
}

interface PresenceParts {
  readonly node: string
  readonly session: string
  readonly status: string | undefined
  readonly order: string | undefined
  readonly account: AccountId | ''
  readonly extended: boolean
  readonly identity: string
}

function presence({ node, session, status, order, account, extended, identity }: PresenceParts): Presence {
  const { key, name, ip, connectedAt } = readIdentity(identity)
  return {
    key,
    name,
    session,
    node,
    ip,
    status: readStatus(status),
    connectedAt,
    order: whole(order),
    ...(account !== '' && { account }),
    ...(extended && { extended }),
    ...(node === '' && { held: true }),
  }
}

type Identity = Pick<Presence, 'key' | 'name' | 'ip' | 'connectedAt'>

function writeIdentity({ key, name, ip, connectedAt }: Identity): string {
  return JSON.stringify([key, name, ip, connectedAt])
}

function readIdentity(json: string): Identity {
  const parts = parse(json)
  if (Array.isArray(parts)) {
    const [key, name, ip, connectedAt]: unknown[] = parts
    const texts = typeof key === 'string' && typeof name === 'string' && typeof ip === 'string'
    if (texts && typeof connectedAt === 'number') return { key: keptKey(key), name, ip, connectedAt }
  }
  throw new WireError(`not somebody's identity: ${json}`)
}

const BanLine = Compile(
  Type.Object({
    id: Type.String(),
    kind: Type.Enum(['name', 'ip']),
    value: Type.String(),
    reason: Type.Optional(Type.String()),
    createdAt: Type.Number(),
    expiresAt: Type.Optional(Type.Number()),
  }),
)

function readBan(json: string): Ban {
  const ban = parse(json)
  if (BanLine.Check(ban)) return ban
  throw new WireError(`not a ban: ${json}`)
}

/**
 * Reads a ban as it is kept.
 * @throws {WireError}
 */
export function readKeptBan(value: Buffer): Ban {
  const [, json] = fields(value, 2)
  return readBan(json.toString())
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function whole(text: Buffer | string | undefined): number {
  if (!/^\d+$/.test(String(text))) throw new WireError(`not a whole number: ${text}`)
  return Number(text)
}

function readStatus(text = ''): Status {
  const status = parseStatus(text)
  if (status === undefined) throw new WireError(`not a status: ${text}`)
  return status
}

/**
 * A name as it is looked up. One that cannot be written belongs to nobody: with half a character it would be another name in
 * UTF-8, and control characters part fields.
 */
export function writeKey(key: NameKey): string {
  return key.isWellFormed() && !CONTROL.test(key) ? key : ''
}

const CONTROL = /\p{Cc}/u

/** A proposal as commit.lua wants it, and as it will stand in the log where that has all of it: a line. */
export function writeProposal(proposal: Proposal): string {
  switch (proposal.kind) {
    case 'announce':
      return `a\t\t\t${proposal.frame}`
    case 'ban': {
      const { ban } = proposal
      return `f\t${ban.id}\t\t${ban.expiresAt ?? ''}\t${JSON.stringify(ban)}`
    }
    case 'unban':
      return `u\t${proposal.id}\t\t`
    case 'erase':
      return `d\t${writePosition(proposal.message)}\t\t`
    default:
  }
  const ref = 'ref' in proposal && proposal.ref !== undefined ? `@${JSON.stringify(proposal.ref)}\t` : ''
  return ref + writeAct(proposal)
}

/** What a session proposes, or what is proposed of one. */
function writeAct(proposal: Exclude<Proposal, { kind: 'announce' | 'ban' | 'unban' | 'erase' }>): string {
  const { kind, key, session } = proposal
  switch (kind) {
    case 'join': {
      const { status, order = '', name, at = proposal.connectedAt } = proposal
      const proofs = `${writeProof(proposal)}\t${writeSecrets(proposal)}`
      return `j\t${session}\t${key}\t${status}\t${order}\t${proofs}\t${at}\t${writeIdentity(proposal)}\t${departure(name)}`
    }
    case 'hold':
      return `h\t${session}\t${key}\t`
    case 'leave':
      return `l\t${session}\t${key}\t${proposal.frame}`
    case 'remove':
      return `k\t${session}\t${key}\t${proposal.frame}`
    case 'status':
      return `s\t${session}\t${key}\t${proposal.status}\t${proposal.frame}`
    case 'say':
      return `b\t${session}\t${key}\t${proposal.frame}`
    case 'private':
      return `p\t${session}\t${key}\t${writeKey(proposal.target)}\t${proposal.frame}`
  }
}

function writeProof({ account, claim }: Join): string {
  if (claim !== undefined) return `+${claim}`
  return account === undefined ? '' : `=${account}`
}

/** The hash of an extended session's secret, and behind a space that of the session whose place it takes. */
function writeSecrets({ secretHash = '', resumes }: Join): string {
  return resumes === undefined ? secretHash : `${secretHash} ${resumes}`
}

/** What became of a proposal: as the port says it, or `wait`: newcomers have to wait for those who claim their names again. */
export type Answer = Outcome | 'wait'

const REFUSALS: Readonly<Record<string, OutcomeRefusal>> = {
  T: 'NAME_TAKEN',
  C: 'NAME_CLAIMED',
  A: 'ACCOUNT_CHANGED',
  B: 'UNKNOWN_BAN',
  M: 'TOO_MANY_BANS',
  F: 'FENCED',
  U: 'UNCHANGED',
  X: 'UNKNOWN_TARGET',
  L: 'SESSION_LOST',
  I: 'INBOX_FULL',
  H: 'UNKNOWN_MESSAGE',
  // Nobody listened for a private message: it was not delivered.
  N: 'UNAVAILABLE',
}

// An offset; `w` where it waits for somebody who is held; and in front `=` and the epoch of what had been done before.
const PASSED = /^(?:=(\w+)-)?(\d+)(w?)$/

/**
 * Reads the outcomes of a batch: offsets of what passed, letters for what did not.
 * @throws {WireError}
 */
export function readOutcomes(epoch: string, text: string): Answer[] {
  return text.split(',').map((outcome): Answer => {
    if (outcome === 'W') return 'wait'
    const reason = REFUSALS[outcome]
    if (reason !== undefined) return { ok: false, reason }
    const [, repeated, offset, waits] = PASSED.exec(outcome) ?? []
    if (offset === undefined) throw new WireError(`not an outcome: ${outcome}`)
    return {
      ok: true,
      position: { epoch: repeated ?? epoch, offset: Number(offset) },
      ...(waits === 'w' && { waits: true }),
      ...(repeated !== undefined && { repeated: true }),
    }
  })
}

/** A line of so many fields: the last of them as bytes, which share the memory of the line; tabs in it are its own. */
function fields(line: Buffer, count: number): [texts: string[], last: Buffer] {
  const texts: string[] = []
  let start = 0
  while (texts.length < count - 1) {
    const end = line.indexOf(TAB, start)
    if (end === -1) throw new WireError(`a line that is too short: ${line}`)
    texts.push(line.toString('utf8', start, end))
    start = end + 1
  }
  return [texts, line.subarray(start)]
}

/** The lines of a message. They share its memory. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
    lines.push(bytes.subarray(start, end))
    start = end + 1
  }
  lines.push(bytes.subarray(start))
  return lines
}
