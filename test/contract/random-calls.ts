import fc from 'fast-check'
import { STATUSES } from '../../src/protocol/frames.js'
import { keyOf } from '../../src/protocol/names.js'
import { ACCOUNTS } from '../../src/room/accounts.js'
import type { Join, SecretHash } from '../../src/room/events.js'
import { EMPTY, type Proposed, propose, type State } from './model.js'
import {
  announce,
  changeStatus,
  claimName,
  hold,
  join,
  leave,
  newSecret,
  own,
  type Person,
  person,
  remove,
  say,
  whisper,
} from './people.js'
import type { TestNode } from './room.js'

/** So few names that nodes get into each other's way. */
const NAMES = ['Ana', 'Beto', 'Carla', 'Dora']

const proposal = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('join', 'join', 'leave', 'status', 'say', 'private', 'private') },
    { weight: 3, arbitrary: fc.constantFrom('own', 'own', 'claim', 'remove', 'announce') },
    { weight: 3, arbitrary: fc.constantFrom('hold', 'resume', 'resume', 'renew') },
  ),
  name: fc.nat(NAMES.length - 1),
  /** Of the two sessions that a node has for a name: the second has extensions. */
  session: fc.nat(1),
  target: fc.nat(NAMES.length - 1),
  /** Of the two that may own a name. */
  account: fc.constantFrom('a', 'a', 'b'),
  /** Whose session an operator removes, by its node. */
  holder: fc.nat(2),
  status: fc.constantFrom(...STATUSES),
  /** Whether it is of somebody who can do it, if the room is what a naive one would be by then: so that not all is refused. */
  apt: fc.constantFrom(true, true, true, false),
  /** So few that they are used again. */
  ref: fc.option(fc.constantFrom('1', '1', '"\t\n2'), { nil: undefined, freq: 3 }),
})

/** Calls of several nodes, each of several proposals. */
export const randomCalls = fc.array(
  fc.record({ node: fc.nat(2), proposals: fc.array(proposal, { minLength: 1, maxLength: 6 }) }),
  { minLength: 1, maxLength: 30, size: 'max' },
)
type RandomCalls = typeof randomCalls extends fc.Arbitrary<infer T> ? T : never

/** One call of one node. */
export interface Call {
  readonly node: TestNode
  readonly proposals: readonly Proposed[]
}

/**
 * The same calls as nodes can make them, with sessions that nobody has had before.
 * @param refs whether some of what is sent has refs, which come again
 */
export function callsOf(
  calls: RandomCalls,
  nodes: readonly TestNode[],
  { refs = false }: { readonly refs?: boolean } = {},
): Call[] {
  const people = nodes.map(() => NAMES.map((name) => [person(name), person(name)]))
  let state = EMPTY
  let said = 0
  return calls.flatMap(({ node: index, proposals }): Call[] => {
    const node = nodes[index]
    if (node === undefined) return []
    const concrete = proposals.flatMap((proposal): Proposed[] => {
      const { kind, holder, ref } = proposal
      const owner = ownerFor(proposal, state, node.id)
      const name = owner === undefined ? proposal.name : NAMES.findIndex((one) => keyOf(one) === owner.key)
      // Only extended sessions are held, and taken up again.
      const session = ['hold', 'resume', 'renew'].includes(kind) ? 1 : proposal.session
      const own = people.flat(2).find((one) => one.session === owner?.session)
      const another = people[kind === 'remove' ? holder : index]?.[name]?.[session]
      const who = isEntering(kind) ? another : (own ?? another)
      said += 1
      if (who === undefined) return []
      const plain = concreteOf(proposal, who, `${said}`)
      const isExtended = plain.kind === 'join' && session === 1
      const made = isExtended ? withSecret(plain, kind, owner?.secret) : refs ? withRef(plain, ref) : plain
      const verdict = propose(state, node.id, made)
      if ('state' in verdict) state = verdict.state
      if ('after' in verdict) state = verdict.after
      return [made]
    })
    return [{ node, proposals: concrete }]
  })
}

type RandomProposal = RandomCalls[number]['proposals'][number]
type Kind = RandomProposal['kind']

const isEntering = (kind: Kind) => ['join', 'own', 'claim', 'resume', 'renew'].includes(kind)

/** Of whom something is to be: somebody who can do it, if there is anybody. */
function ownerFor({ apt, kind, name }: RandomProposal, { users }: State, node: string) {
  const able = Array.from(users, ([key, owner]) => ({ key, ...owner })).filter((owner) => {
    if (kind === 'remove') return true
    if (kind === 'resume' || kind === 'renew') return owner.secret !== undefined
    return owner.node === node && !isEntering(kind) && (kind !== 'hold' || owner.secret !== undefined)
  })
  return apt ? able[name % able.length] : undefined
}

/** The same with a secret: one that nobody has had, or that of a session which is taken up. */
function withSecret(join: Join, kind: Kind, known: SecretHash = newSecret()): Join {
  if (kind === 'resume') return { ...join, secretHash: known, resumes: known }
  return { ...join, secretHash: newSecret(), ...(kind === 'renew' && { resumes: known }) }
}

function concreteOf({ kind, account, target, status }: RandomProposal, who: Person, text: string): Proposed {
  switch (kind) {
    case 'join':
    case 'resume':
    case 'renew':
      return join(who, { status })
    case 'hold':
      return hold(who)
    case 'own':
      return { ...own(who, account), status }
    case 'claim':
      return { ...claimName(who, account), status }
    case 'leave':
      return leave(who)
    case 'remove':
      return remove(who)
    case 'announce':
      return announce(text)
    case 'status':
      return changeStatus(who, status)
    case 'say':
      return say(who, text)
    default:
      return whisper(who, NAMES[target] ?? '', text)
  }
}

/** The same under a ref, if it can have one. */
function withRef(proposal: Proposed, ref: string | undefined): Proposed {
  if (ref === undefined) return proposal
  switch (proposal.kind) {
    case 'say':
    case 'status':
    case 'private':
      return { ...proposal, ref }
    default:
      return proposal
  }
}

/** Empties the room of what another run has left in it, and waits until every node knows. */
export async function clear(nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) {
    const { users } = await node.backplane.snapshot()
    await node.done(...users.filter((user) => user.node === node.id).map(leave))
    await node.done(...users.filter(({ held }) => held).map(remove))
    for (const { key } of await node.store.list(ACCOUNTS, '', 100)) await node.store.delete(ACCOUNTS, key)
  }
  for (const node of nodes) await node.catchUp()
}
