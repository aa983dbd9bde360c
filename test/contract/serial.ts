import assert from 'node:assert/strict'
import type { Outcome } from '../../src/backplane/backplane.js'
import type { Position } from '../../src/room/events.js'
import { concerns, EMPTY, lineOf, type Proposed, propose, type State } from './model.js'
import type { Call } from './random-calls.js'
import type { TestNode } from './room.js'

/** A private message as a node must be told it: behind how many of the events at least, and at most. */
interface Placed {
  readonly line: string
  readonly least: number
  readonly most: number
}

/** What one node proposed, in order, and what became of it. `at`: the offset behind where it began. */
interface Made {
  readonly proposal: Proposed
  readonly at: number | undefined
  readonly reason: string
}

/** The one order in which everything took effect. */
export interface History {
  /** What a node must be told. */
  toldTo(node: TestNode): { readonly events: string[]; readonly messages: Placed[] }
}

/**
 * Checks that there is one order of all calls, that keeps the order of each node, in which every proposal had the outcome that
 * it had.
 * @param began the head of the log before the calls; nobody was present
 */
export function checkHistory(
  began: Position,
  calls: readonly Call[],
  outcomes: readonly (readonly Outcome[])[],
): History {
  const made = new Map<TestNode, Made[]>()
  for (const [index, { node, proposals }] of calls.entries()) {
    const all = made.get(node) ?? []
    made.set(node, all)
    assert.equal(outcomes[index]?.length, proposals.length, 'an outcome for each proposal')
    for (const [place, proposal] of proposals.entries())
      all.push(read(began, proposal, outcomes[index]?.[place]))
  }
  const events = [...made].flatMap(([node, all]) =>
    all.flatMap(({ proposal, at }) =>
      at === undefined || proposal.kind === 'private' ? [] : { node, proposal, at },
    ),
  )
  events.sort((one, other) => one.at - other.at)
  const offsets = events.map(({ at }) => at)
  assert.deepEqual(
    offsets,
    Array.from(events, (_, index) => index + 1),
    'each has an offset, without gaps',
  )

  const lines: string[] = []
  const states: State[] = [EMPTY]
  for (const { node, proposal } of events) {
    const state = states.at(-1) ?? EMPTY
    const verdict = propose(state, node.id, proposal)
    assert.ok('state' in verdict, `${lineOf(proposal, state)} should have been refused`)
    lines.push(lineOf(proposal, state))
    states.push(verdict.state)
  }
  const stateAt = (at: number): State => states[at] ?? EMPTY
  for (const [node, all] of made) checkOrder(node, all, stateAt, events.length)

  return {
    toldTo: (reader) => {
      const messages = [...made.values()].flatMap((all) => placed(reader, all, stateAt, lines.length))
      return { events: lines, messages }
    },
  }
}

function read(began: Position, proposal: Proposed, outcome: Outcome | undefined): Made {
  if (outcome?.ok !== true) return { proposal, at: undefined, reason: outcome?.reason ?? 'none' }
  assert.equal(outcome.position.epoch, began.epoch)
  return { proposal, at: outcome.position.offset - began.offset, reason: '' }
}

/** One node's proposals: in order, and each judged by a state of the room between its neighbours'. */
function checkOrder(
  { id }: TestNode,
  made: readonly Made[],
  stateAt: (at: number) => State,
  head: number,
): void {
  let from = 0
  for (const [index, { proposal, at, reason }] of made.entries()) {
    if (at !== undefined) {
      assert.ok(proposal.kind === 'private' ? at >= from : at > from, 'the order of the calls is kept')
      if (proposal.kind === 'private') assert.ok('state' in propose(stateAt(at), id, proposal))
      from = at
      continue
    }
    const next = made.slice(index).find((later) => later.at !== undefined)
    const to = next?.at === undefined ? head : next.at - (next.proposal.kind === 'private' ? 0 : 1)
    const reasons = new Set<string>()
    for (let place = from; place <= to; place += 1) {
      const verdict = propose(stateAt(place), id, proposal)
      reasons.add('refused' in verdict ? verdict.refused : 'ok')
    }
    assert.ok(reasons.has(reason), `${lineOf(proposal, stateAt(from))} was refused: ${reason}`)
  }
}

/** One node's private messages for another, each between events of the log. */
function placed(
  { id }: TestNode,
  made: readonly Made[],
  stateAt: (at: number) => State,
  head: number,
): Placed[] {
  return made.flatMap(({ proposal, at }, index): Placed[] => {
    if (proposal.kind !== 'private' || at === undefined || !concerns(id, proposal, stateAt(at))) return []
    const next = made
      .slice(index)
      .find((later) => later.at !== undefined && later.proposal.kind !== 'private')
    const most = next?.at === undefined ? head : next.at - 1
    return [{ line: lineOf(proposal, stateAt(at)), least: at, most }]
  })
}
