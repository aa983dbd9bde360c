import fc from 'fast-check'
import { STATUSES } from '../../src/protocol/frames.js'
import { ACCOUNTS } from '../../src/room/accounts.js'
import type { Proposed } from './model.js'
import {
  announce,
  changeStatus,
  claimName,
  join,
  leave,
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
    { weight: 6, arbitrary: fc.constantFrom('join', 'join', 'leave', 'status', 'say', 'private') },
    { weight: 3, arbitrary: fc.constantFrom('own', 'own', 'claim', 'remove', 'announce') },
  ),
  name: fc.nat(NAMES.length - 1),
  /** Of the two sessions that a node has for a name. */
  session: fc.nat(1),
  target: fc.nat(NAMES.length - 1),
  /** Of the two that may own a name. */
  account: fc.constantFrom('a', 'a', 'b'),
  /** Whose session an operator removes, by its node. */
  holder: fc.nat(2),
  status: fc.constantFrom(...STATUSES),
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

/** The same calls as nodes can make them, with sessions that nobody has had before. */
export function callsOf(calls: RandomCalls, nodes: readonly TestNode[]): Call[] {
  const people = nodes.map(() => NAMES.map((name) => [person(name), person(name)]))
  let said = 0
  return calls.flatMap(({ node: index, proposals }): Call[] => {
    const node = nodes[index]
    if (node === undefined) return []
    const concrete = proposals.flatMap((proposal): Proposed[] => {
      const { kind, holder, name, session } = proposal
      const who = people[kind === 'remove' ? holder : index]?.[name]?.[session]
      said += 1
      return who === undefined ? [] : [concreteOf(proposal, who, `${said}`)]
    })
    return [{ node, proposals: concrete }]
  })
}

type RandomProposal = RandomCalls[number]['proposals'][number]

function concreteOf({ kind, account, target, status }: RandomProposal, who: Person, text: string): Proposed {
  switch (kind) {
    case 'join':
      return join(who, { status })
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

/** Empties the room of what another run has left in it, and waits until every node knows. */
export async function clear(nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) {
    const { users } = await node.backplane.snapshot()
    await node.done(...users.filter((user) => user.node === node.id).map(leave))
    for (const { key } of await node.store.list(ACCOUNTS, '', 100)) await node.store.delete(ACCOUNTS, key)
  }
  for (const node of nodes) await node.catchUp()
}
