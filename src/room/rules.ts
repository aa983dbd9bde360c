/** What may be committed, and which event it becomes: the rules that every backplane follows. */
import type { NameKey } from '../protocol/names.js'
import type {
  AccountId,
  Event,
  Join,
  Position,
  Presence,
  Proposal,
  SecretHash,
  SendPrivate,
  SessionId,
} from './events.js'

/** Why a proposal was refused by the state of the room. */
export type RoomRefusal =
  /** Somebody else is there under this name. */
  | 'NAME_TAKEN'
  /** The name belongs to an account, and it was not its owner who asked. */
  | 'NAME_CLAIMED'
  /** The account is not what it was when the owner's credential was checked: it is to be checked again. */
  | 'ACCOUNT_CHANGED'
  /** Whoever proposes does not own the name (any more): neither this session, nor on this node. */
  | 'FENCED'
  /** Nobody present has the target's name. */
  | 'UNKNOWN_TARGET'
  /** It is so already. */
  | 'UNCHANGED'
  /** There is no such ban. */
  | 'UNKNOWN_BAN'
  /** There are as many bans as there can be. */
  | 'TOO_MANY_BANS'
  /** The extended session that was to be taken up, or claimed again, is not there any more; or the secret is not its own. */
  | 'SESSION_LOST'
  /** The target is held, and as much waits for it as is kept. */
  | 'INBOX_FULL'
  /** The history has no such message. */
  | 'UNKNOWN_MESSAGE'

/** What the rules look at. */
export interface RoomState {
  get(key: NameKey): Presence | undefined
  /** Whose a name is, whether somebody is there or not. */
  accountOf(key: NameKey): AccountId | undefined
  hasBan(id: string): boolean
  readonly full: boolean
  /** What the extended session of a name is known by; undefined where it is none. */
  secretOf(key: NameKey): SecretHash | undefined
  /** Whether an extended session is still there: its inbox, and what it has sent. */
  knows(secret: SecretHash): boolean
  /** Whether as much waits for a held session as is kept. */
  isInboxFull(key: NameKey, bytes: number): boolean
  hasMessage(position: Position): boolean
}

/**
 * Judges one proposal against the state of the room.
 * @param node the identity of the node that proposes: it acts for the sessions that it holds, and for no others
 * @returns why it is refused, or undefined when it may be committed
 */
export function judge(proposal: Proposal, node: string, room: RoomState): RoomRefusal | undefined {
  switch (proposal.kind) {
    case 'join':
      return judgeJoin(proposal, node, room)
    case 'announce':
      return undefined
    case 'ban':
      return room.full ? 'TOO_MANY_BANS' : undefined
    case 'unban':
      return room.hasBan(proposal.id) ? undefined : 'UNKNOWN_BAN'
    case 'erase':
      return room.hasMessage(proposal.message) ? undefined : 'UNKNOWN_MESSAGE'
    case 'remove':
      return room.get(proposal.key)?.session === proposal.session ? undefined : 'FENCED'
    default:
  }
  const owner = room.get(proposal.key)
  if (!owns(owner, proposal.session, node)) return 'FENCED'
  if (proposal.kind === 'status' && owner?.status === proposal.status) return 'UNCHANGED'
  if (proposal.kind === 'private') return judgePrivate(proposal, room)
  return undefined
}

function judgePrivate({ target, frame }: SendPrivate, room: RoomState): RoomRefusal | undefined {
  if (room.get(target) === undefined) return 'UNKNOWN_TARGET'
  return room.isInboxFull(target, Buffer.byteLength(frame)) ? 'INBOX_FULL' : undefined
}

function owns(owner: Presence | undefined, session: SessionId, node: string): boolean {
  return owner?.session === session && owner.node === node
}

function judgeJoin(join: Join, node: string, room: RoomState): RoomRefusal | undefined {
  const owner = room.get(join.key)
  if (owns(owner, join.session, node)) return 'UNCHANGED'
  if (join.resumes !== undefined) return room.secretOf(join.key) === join.resumes ? undefined : 'SESSION_LOST'
  const account = room.accountOf(join.key)
  if (join.order !== undefined) {
    // Who was swept finds his account gone, perhaps, but not another in its place. And maybe himself, from before that.
    if (account !== undefined && account !== join.account) return 'NAME_TAKEN'
    if (owner !== undefined && owner.session !== join.session) return 'NAME_TAKEN'
    return join.secretHash === undefined || room.knows(join.secretHash) ? undefined : 'SESSION_LOST'
  }
  if (join.account === undefined) {
    if (account !== undefined) return 'NAME_CLAIMED'
  } else if (account !== (join.claim === undefined ? join.account : undefined)) {
    return 'ACCOUNT_CHANGED'
  }
  return owner === undefined || isTakeOver(join, owner) ? undefined : 'NAME_TAKEN'
}

/** Whether somebody who joins finds himself there with another session, and takes it over. */
function isTakeOver({ account, claim, order, resumes }: Join, owner: Presence): boolean {
  if (resumes !== undefined) return true
  if (account === undefined || claim !== undefined || order !== undefined) return false
  return owner.account === account
}

/** What stays the same when somebody goes on with another connection. */
function goingOn({ order, status, account }: Presence): Pick<Presence, 'order' | 'status' | 'account'> {
  return { order, status, ...(account !== undefined && { account }) }
}

/**
 * The event that a proposal becomes once it has passed {@link judge}.
 * @param node the identity of the node that proposed it
 * @param owner who has the name until now: who takes him over goes on in his place, with his status
 */
export function eventOf(
  proposal: Exclude<Proposal, SendPrivate>,
  position: Position,
  node: string,
  owner: Presence | undefined,
): Event {
  switch (proposal.kind) {
    case 'join': {
      const {
        kind: _,
        claim: __,
        resumes: ___,
        at = proposal.connectedAt,
        secretHash,
        ...entering
      } = proposal
      const taken = owner && isTakeOver(proposal, owner) ? goingOn(owner) : {}
      const order = entering.order ?? position.offset
      const extended = secretHash === undefined ? {} : { extended: true as const }
      const presence = { ...entering, node, order, ...taken, ...extended }
      return { kind: 'joined', position, presence, fresh: owner === undefined, at }
    }
    case 'announce':
      return { kind: 'said', position, key: undefined, frame: Buffer.from(proposal.frame) }
    case 'ban':
      return { kind: 'banned', position, ban: proposal.ban }
    case 'unban':
      return { kind: 'unbanned', position, id: proposal.id }
    case 'erase':
      return { kind: 'erased', position, message: proposal.message }
    case 'hold':
      return { kind: 'held', position, key: proposal.key, session: proposal.session }
    default:
  }
  const { key, session } = proposal
  const frame = Buffer.from(proposal.frame)
  switch (proposal.kind) {
    case 'leave':
      return { kind: 'left', position, key, session, frame }
    case 'remove':
      return { kind: 'removed', position, key, session, frame }
    case 'status':
      return { kind: 'status', position, key, session, status: proposal.status, frame }
    case 'say':
      return { kind: 'said', position, key, frame }
  }
}
