import type { Status } from '../../src/protocol/frames.js'
import type { NameKey } from '../../src/protocol/names.js'
import type { AccountId, Act, Announce, Join, Remove, SecretHash } from '../../src/room/events.js'
import { frameOf } from './people.js'
import type { Told } from './recording-sink.js'

/** Who owns a name, on which node, and how. */
interface Owner {
  readonly session: string
  /** '' while it is held. */
  readonly node: string
  readonly status: Status
  readonly account: AccountId | undefined
  /** Of an extended session. */
  readonly secret: SecretHash | undefined
}

/** What became of a proposal that passed: behind how many events it stands, and whether it waits for somebody who is held. */
interface Passed {
  readonly at: number
  readonly waits: boolean
}

/** The room, told naively: who is there, whose names are, and what extended sessions have sent. */
export interface State {
  readonly users: ReadonlyMap<NameKey, Owner>
  readonly accounts: ReadonlyMap<NameKey, AccountId>
  /** How much has happened. */
  readonly at: number
  /** What was done under a ref, by the secret of the session and the ref. */
  readonly done: ReadonlyMap<string, Passed>
}
export const EMPTY: State = { users: new Map(), accounts: new Map(), at: 0, done: new Map() }

/** What the model knows of. */
export type Proposed = Act | Remove | Announce

/** What becomes of a proposal: why it is refused (and what is known then), what it repeats, or the room after it. */
export type Verdict =
  | { readonly refused: string; readonly after: State }
  | { readonly repeats: Passed }
  | { readonly state: State; readonly passed: Passed }

type Change = Partial<Pick<State, 'users' | 'accounts'>>

export function propose(state: State, node: string, proposal: Proposed): Verdict {
  const change = changeBy(state, node, proposal)
  if (change === 'FENCED') return { refused: change, after: state }
  const { secret } = ('key' in proposal && state.users.get(proposal.key)) || {}
  const ref = 'ref' in proposal ? proposal.ref : undefined
  const named = secret !== undefined && ref !== undefined ? `${secret} ${ref}` : undefined
  const repeats = named === undefined ? undefined : state.done.get(named)
  if (repeats) return { repeats }
  const doneAs = (passed: Passed) =>
    named === undefined ? state.done : new Map(state.done).set(named, passed)
  if (typeof change === 'string') {
    // What is so already counts as done.
    const done = change === 'UNCHANGED' ? doneAs({ at: state.at, waits: false }) : state.done
    return { refused: change, after: { ...state, done } }
  }
  const isPrivate = proposal.kind === 'private'
  const at = state.at + (isPrivate ? 0 : 1)
  const passed = { at, waits: isPrivate && state.users.get(proposal.target)?.node === '' }
  return { state: { ...state, ...change, at, done: doneAs(passed) }, passed }
}

/** What a proposal changes in the room, or why it is refused, whatever was sent before. */
function changeBy(state: State, node: string, proposal: Proposed): Change | string {
  if (proposal.kind === 'announce') return {}
  const { users } = state
  const { key, session } = proposal
  const owner = users.get(key)
  const owns = owner?.session === session && owner.node === node
  if (proposal.kind === 'join') return owns ? 'UNCHANGED' : enter(state, node, proposal)
  if (proposal.kind === 'remove' ? owner?.session !== session : !owns) return 'FENCED'
  switch (proposal.kind) {
    case 'leave':
    case 'remove':
      return { users: new Map([...users].filter(([name]) => name !== key)) }
    case 'private':
      return users.has(proposal.target) ? {} : 'UNKNOWN_TARGET'
    case 'say':
      return {}
    default:
  }
  if (owner === undefined) return 'FENCED'
  if (proposal.kind === 'hold') return { users: new Map(users).set(key, { ...owner, node: '' }) }
  if (owner.status === proposal.status) return 'UNCHANGED'
  return { users: new Map(users).set(key, { ...owner, status: proposal.status }) }
}

function enter(
  { users, accounts }: State,
  node: string,
  { key, session, account, claim, secretHash: secret, resumes, ...more }: Join,
): Change | string {
  const owner = users.get(key)
  if (resumes !== undefined) {
    if (owner === undefined || owner.secret !== resumes) return 'SESSION_LOST'
    return { users: new Map(users).set(key, { ...owner, session, node, secret }) }
  }
  const claimed = accounts.get(key)
  if (account === undefined && claimed !== undefined) return 'NAME_CLAIMED'
  if (account !== undefined && claimed !== (claim === undefined ? account : undefined))
    return 'ACCOUNT_CHANGED'
  const himself = claimed !== undefined && owner?.account === claimed
  if (owner !== undefined && !himself) return 'NAME_TAKEN'
  const status = owner?.status ?? more.status
  return {
    users: new Map(users).set(key, { session, node, status, account, secret }),
    accounts: account === undefined ? accounts : new Map(accounts).set(key, account),
  }
}

const EVENTS = {
  join: 'joined',
  hold: 'held',
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
  switch (told.kind) {
    case 'epoch':
    case 'reset':
    case 'lapsed':
      return told.kind
    case 'joined':
      return `joined ${told.presence.session} `
    case 'banned':
      return `banned ${told.ban.id} `
    case 'unbanned':
      return `unbanned ${told.id} `
    case 'erased':
      return `erased ${told.message.offset} `
    case 'said':
      return `said ${told.key} ${frameOf(told)}`
    default:
      return `${told.kind} ${told.session} ${frameOf(told)}`
  }
}

/** Whether a node is told of a proposal that passes. */
export function concerns(node: string, proposal: Proposed, { users }: State): boolean {
  return proposal.kind !== 'private' || users.get(proposal.target)?.node === node
}

/** Who is present, to be compared with what nodes say: nobody's secret is known to them. */
export function shown({ users }: State): Record<NameKey, unknown> {
  return Object.fromEntries(
    Array.from(users, ([key, { secret, ...owner }]) => [key, { ...owner, extended: secret !== undefined }]),
  )
}
