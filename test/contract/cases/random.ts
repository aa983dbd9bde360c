import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Outcome } from '../../../src/backplane/backplane.js'
import type { Check } from '../check.js'
import { concerns, EMPTY, lineOf, lineTold, propose, shown } from '../model.js'
import { type Call, callsOf, clear, randomCalls } from '../random-calls.js'
import type { TestNode } from '../room.js'
import { checkHistory } from '../serial.js'

const RUNS = 25

/** What a node has been told from a place on. */
const linesFrom = ({ sink }: TestNode, start: number) => sink.told.slice(start).map(lineTold)

export async function random(check: Check): Promise<void> {
  await check('whatever is proposed in turn, the room does what a naive model does', async (_t, room) => {
    const nodes = await room.three()
    const property = fc.asyncProperty(randomCalls, async (random) => {
      await clear(nodes)
      const { position } = await nodes[0].backplane.snapshot()
      const starts = nodes.map(({ sink }) => sink.told.length)
      const lines = nodes.map((): string[] => [])
      let state = EMPTY
      const behind = (at: number) => ({ ...position, offset: position.offset + at })
      for (const { node, proposals } of callsOf(random, nodes, { refs: true })) {
        const expected = proposals.map((proposal): Outcome | { ok: false; reason: string } => {
          const verdict = propose(state, node.id, proposal)
          if ('refused' in verdict) {
            state = verdict.after
            return { ok: false, reason: verdict.refused }
          }
          const { at, waits } = 'repeats' in verdict ? verdict.repeats : verdict.passed
          const outcome = { ok: true, position: behind(at), ...(waits && { waits }) } as const
          if ('repeats' in verdict) return { ...outcome, repeated: true }
          for (const [index, { id }] of nodes.entries())
            if (concerns(id, proposal, state)) lines[index]?.push(lineOf(proposal, state))
          state = verdict.state
          return outcome
        })
        assert.deepEqual(await node.commit(...proposals), expected)
      }
      for (const [index, node] of nodes.entries()) {
        const start = starts[index] ?? 0
        const wanted = lines[index] ?? []
        await node.sink.until('all of it', (told) => told.length >= start + wanted.length)
        assert.deepEqual(linesFrom(node, start), wanted)
        const owners = node.present().map(({ key, session, node, status, account, extended = false }) => {
          return [key, { session, node, status, account, extended }]
        })
        assert.deepEqual(Object.fromEntries(owners), shown(state))
      }
    })
    await fc.assert(property, { numRuns: RUNS })
  })

  await check('whatever is proposed at once, all of it took effect in one order', async (_t, room) => {
    const nodes = await room.three()
    const property = fc.asyncProperty(randomCalls, async (random) => {
      await clear(nodes)
      const { position } = await nodes[0].backplane.snapshot()
      const starts = nodes.map(({ sink }) => sink.told.length)
      const calls: Call[] = callsOf(random, nodes)
      const outcomes = await Promise.all(calls.map(({ node, proposals }) => node.commit(...proposals)))
      const history = checkHistory(position, calls, outcomes)
      for (const [index, node] of nodes.entries()) {
        const start = starts[index] ?? 0
        const { events, messages } = history.toldTo(node)
        const wanted = events.length + messages.length
        await node.sink.until('all of it', (told) => told.length >= start + wanted)
        const told = linesFrom(node, start)
        assert.equal(told.length, wanted)
        const behind = new Map<string, number>()
        const log: string[] = []
        for (const line of told) {
          if (line.startsWith('private')) behind.set(line, log.length)
          else log.push(line)
        }
        assert.deepEqual(log, events)
        for (const { line, least, most } of messages) {
          const place = behind.get(line) ?? Number.NaN
          assert.ok(
            place >= least && place <= most,
            `${line} stands behind ${least} to ${most} events: ${place}`,
          )
        }
      }
    })
    await fc.assert(property, { numRuns: RUNS })
  })
}
