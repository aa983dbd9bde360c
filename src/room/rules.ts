/** What may be committed, and which event it becomes: the rules that every backplane follows. */
import type { NameKey } from '../protocol/names.js'
import type { Event, Position, Presence, Proposal, SendPrivate } from './events.js'

/** Why a proposal was refused by the state of the room. */
export type RoomRefusal =
  /** Somebody else owns the name. */
  | 'NAME_TAKEN'
  /** Whoever proposes does not own the name (any more): neither this session, nor on this node. */
  | 'FENCED'
  /** Nobody present has the target's name. */
  | 'UNKNOWN_TARGET'
  /** It is so already. */
  | 'UNCHANGED'

/**
 * Judges one proposal against who is present.
 * @param node the identity of the node that proposes: it acts for the sessions that it holds, and for no others
 * @returns why it is refused, or undefined when it may be committed
 */
export function judge(
  proposal: Proposal,
  node: string,
  present: { get(key: NameKey): Presence | undefined },
): RoomRefusal | undefined {
  const owner = present.get(proposal.key)
  const owns = owner?.session === proposal.session && owner.node === node
  if (proposal.kind === 'join') {
    if (owner === undefined) return undefined
    if (owns) return 'UNCHANGED'
    // Who claims may find himself, from before his node was swept.
    const himself = owner.session === proposal.session && proposal.order !== undefined
    return himself ? undefined : 'NAME_TAKEN'
  }
  if (!owns) return 'FENCED'
  if (proposal.kind === 'status' && owner.status === proposal.status) return 'UNCHANGED'
  if (proposal.kind === 'private' && present.get(proposal.target) === undefined) return 'UNKNOWN_TARGET'
  return undefined
}

/**
 * The event that a proposal becomes once it has passed {@link judge}.
 * @param node the identity of the node that proposed it
 */
export function eventOf(proposal: Exclude<Proposal, SendPrivate>, position: Position, node: string): Event {
  if (proposal.kind === 'join') {
    const { kind: _, ...claim } = proposal
    return { kind: 'joined', position, presence: { ...claim, node, order: claim.order ?? position.offset } }
  }
  const { key, session } = proposal
  const frame = Buffer.from(proposal.frame)
  if (proposal.kind === 'leave') return { kind: 'left', position, key, session, frame }
  if (proposal.kind === 'status')
    return { kind: 'status', position, key, session, status: proposal.status, frame }
  return { kind: 'said', position, key, frame }
}
