import type { Status } from '../../src/protocol/frames.js'
import type { NameKey } from '../../src/protocol/names.js'
import type { Proposal } from '../../src/room/events.js'
import { frameOf } from './people.js'
import type { Told } from './recording-sink.js'

/** Who owns a name, on which node, and how. */
interface Owner {
  readonly session: string
  readonly node: string
  readonly status: Status
}

/** The room, told naively. */
export type State = ReadonlyMap<NameKey, Owner>

/** What becomes of a proposal: why it is refused, or the room after it. */
export type Verdict = { readonly refused: string } | { readonly state: State }

export function propose(state: State, node: string, proposal: Proposal): Verdict {
  const { key, session } = proposal
  const owner = state.get(key)
  const owns = owner?.session === session && owner.node === node
  if (proposal.kind === 'join') {
    if (owner !== undefined) return { refused: owns ? 'UNCHANGED' : 'NAME_TAKEN' }
    return { state: new Map(state).set(key, { session, node, status: proposal.status }) }
  }
  if (!owns) return { refused: 'FENCED' }
  if (proposal.kind === 'leave') return { state: new Map([...state].filter(([name]) => name !== key)) }
  if (proposal.kind === 'private')
    return state.has(proposal.target) ? { state } : { refused: 'UNKNOWN_TARGET' }
  if (proposal.kind === 'say') return { state }
  if (owner.status === proposal.status) return { refused: 'UNCHANGED' }
  return { state: new Map(state).set(key, { ...owner, status: proposal.status }) }
}

const EVENTS = { join: 'joined', leave: 'left', status: 'status', say: 'said', private: 'private' } as const

/** What nodes are told when a proposal passes, in short. */
export function lineOf(proposal: Proposal, state: State): string {
  const target = proposal.kind === 'private' ? state.get(proposal.target)?.session : undefined
  const who = proposal.kind === 'say' ? proposal.key : (target ?? proposal.session)
  return `${EVENTS[proposal.kind]} ${who} ${frameOf(proposal)}`
}

/** What a node was told, in short. */
export function lineTold(told: Told): string {
  if (told.kind === 'epoch' || told.kind === 'reset' || told.kind === 'lapsed') return told.kind
  if (told.kind === 'joined') return `joined ${told.presence.session} `
  return `${told.kind} ${told.kind === 'said' ? told.key : told.session} ${frameOf(told)}`
}

/** Whether a node is told of a proposal that passes. */
export function concerns(node: string, proposal: Proposal, state: State): boolean {
  return proposal.kind !== 'private' || state.get(proposal.target)?.node === node
}
