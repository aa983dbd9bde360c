import type { Status } from '../../src/protocol/frames.js'
import type { NameKey } from '../../src/protocol/names.js'
import type { AccountId, Act, Announce, Join, Remove } from '../../src/room/events.js'
import { frameOf } from './people.js'
import type { Told } from './recording-sink.js'

/** Who owns a name, on which node, and how. */
interface Owner {
  readonly session: string
  readonly node: string
  readonly status: Status
  readonly account: AccountId | undefined
}

/** The room, told naively: who is there, and whose names are. */
export interface State {
  readonly users: ReadonlyMap<NameKey, Owner>
  readonly accounts: ReadonlyMap<NameKey, AccountId>
}
export const EMPTY: State = { users: new Map(), accounts: new Map() }

/** What the model knows of. */
export type Proposed = Act | Remove | Announce

/** What becomes of a proposal: why it is refused, or the room after it. */
export type Verdict = { readonly refused: string } | { readonly state: State }

export function propose(state: State, node: string, proposal: Proposed): Verdict {
  if (proposal.kind === 'announce') return { state }
  const { users } = state
  const { key, session } = proposal
  const owner = users.get(key)
  const owns = owner?.session === session && owner.node === node
  if (proposal.kind === 'join') return owns ? { refused: 'UNCHANGED' } : enter(state, node, proposal)
  if (proposal.kind === 'remove' ? owner?.session !== session : !owns) return { refused: 'FENCED' }
  if (proposal.kind === 'leave' || proposal.kind === 'remove')
    return { state: { ...state, users: new Map([...users].filter(([name]) => name !== key)) } }
  if (proposal.kind === 'private')
    return users.has(proposal.target) ? { state } : { refused: 'UNKNOWN_TARGET' }
  if (proposal.kind === 'say' || owner === undefined) return { state }
  if (owner.status === proposal.status) return { refused: 'UNCHANGED' }
  return { state: { ...state, users: new Map(users).set(key, { ...owner, status: proposal.status }) } }
}

function enter(
  { users, accounts }: State,
  node: string,
  { key, session, account, claim, ...more }: Join,
): Verdict {
  const owner = users.get(key)
  const claimed = accounts.get(key)
  if (account === undefined && claimed !== undefined) return { refused: 'NAME_CLAIMED' }
  if (account !== undefined && claimed !== (claim === undefined ? account : undefined))
    return { refused: 'ACCOUNT_CHANGED' }
  const himself = claimed !== undefined && owner?.account === claimed
  if (owner !== undefined && !himself) return { refused: 'NAME_TAKEN' }
  const status = owner?.status ?? more.status
  return {
    state: {
      users: new Map(users).set(key, { session, node, status, account }),
      accounts: account === undefined ? accounts : new Map(accounts).set(key, account),
    },
  }
}

const EVENTS = {
  join: 'joined',
  leave: 'left',
  status: 'status',
  say: 'said',
  private: 'private',
  remove: 'removed',
  announce: 'said',
} as const

/** What nodes are told when a proposal passes, in short. */
export function lineOf(proposal: Proposed, state: State): string {
  return `${EVENTS[proposal.kind]} ${about(proposal, state)} ${frameOf(proposal)}`
}

function about(proposal: Proposed, { users }: State): string | undefined {
  if (proposal.kind === 'announce') return undefined
  if (proposal.kind === 'say') return proposal.key
  return proposal.kind === 'private' ? users.get(proposal.target)?.session : proposal.session
}

/** What a node was told, in short. */
export function lineTold(told: Told): string {
  if (told.kind === 'epoch' || told.kind === 'reset' || told.kind === 'lapsed') return told.kind
  if (told.kind === 'joined') return `joined ${told.presence.session} `
  if (told.kind === 'banned') return `banned ${told.ban.id} `
  if (told.kind === 'unbanned') return `unbanned ${told.id} `
  return `${told.kind} ${told.kind === 'said' ? told.key : told.session} ${frameOf(told)}`
}

/** Whether a node is told of a proposal that passes. */
export function concerns(node: string, proposal: Proposed, { users }: State): boolean {
  return proposal.kind !== 'private' || users.get(proposal.target)?.node === node
}
