import fc from 'fast-check'
import { STATUSES } from '../../src/protocol/frames.js'
import type { Proposal } from '../../src/room/events.js'
import { changeStatus, join, leave, type Person, person, say, whisper } from './people.js'
import type { TestNode } from './room.js'

/** So few names that nodes get into each other's way. */
const NAMES = ['Ana', 'Beto', 'Carla', 'Dora']

const proposal = fc.record({
  kind: fc.constantFrom('join', 'join', 'leave', 'status', 'say', 'private'),
  name: fc.nat(NAMES.length - 1),
  /** Of the two sessions that a node has for a name. */
  session: fc.nat(1),
  target: fc.nat(NAMES.length - 1),
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
  readonly proposals: readonly Proposal[]
}

/** The same calls as nodes can make them, with sessions that nobody has had before. */
export function callsOf(calls: RandomCalls, nodes: readonly TestNode[]): Call[] {
  const people = nodes.map(() => NAMES.map((name) => [person(name), person(name)]))
  let said = 0
  return calls.flatMap(({ node: index, proposals }): Call[] => {
    const node = nodes[index]
    if (node === undefined) return []
    const concrete = proposals.flatMap(({ kind, name, session, target, status }): Proposal[] => {
      const who = people[index]?.[name]?.[session]
      said += 1
      return who === undefined ? [] : [propose(kind, who, NAMES[target] ?? '', status, `${said}`)]
    })
    return [{ node, proposals: concrete }]
  })
}

function propose(
  kind: string,
  who: Person,
  target: string,
  status: (typeof STATUSES)[number],
  text: string,
): Proposal {
  switch (kind) {
    case 'join':
      return join(who, { status })
    case 'leave':
      return leave(who)
    case 'status':
      return changeStatus(who, status)
    case 'say':
      return say(who, text)
    default:
      return whisper(who, target, text)
  }
}

/** Empties the room of what another run has left in it, and waits until every node knows. */
export async function clear(nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) {
    const { users } = await node.backplane.snapshot()
    await node.done(...users.filter((user) => user.node === node.id).map(leave))
  }
  for (const node of nodes) await node.catchUp()
}
