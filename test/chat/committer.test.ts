import t from 'tap'
import type { Outcome } from '../../src/backplane/backplane.js'
import { Committer } from '../../src/chat/committer.js'
import { keyOf } from '../../src/protocol/names.js'
import type { Position, Proposal } from '../../src/room/events.js'

const at = (offset: number, epoch = 'a'): Position => ({ epoch, offset })
const ok = (offset: number, epoch = 'a'): Outcome => ({ ok: true, position: at(offset, epoch) })
const refused: Outcome = { ok: false, reason: 'FENCED' }
const say = (text: string): Proposal => ({
  kind: 'say',
  key: keyOf('Ana'),
  session: 's',
  frame: text,
})
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A committer whose backplane answers what the test says. */
function committer() {
  const batches: (readonly Proposal[])[] = []
  const answers: ((outcomes: Outcome[]) => void)[] = []
  const settled: string[] = []
  const state = { applied: at(0) }
  const commit = (proposals: readonly Proposal[]) => {
    batches.push(proposals)
    return new Promise<Outcome[]>((resolve) => answers.push(resolve))
  }
  const it = new Committer({ commit }, () => state.applied)
  return {
    it,
    batches,
    settled,
    propose: (text: string) =>
      it.propose(say(text), ({ ok }) => settled.push(`${text}${ok ? '' : ' refused'}`)),
    answer: async (...outcomes: Outcome[]) => {
      answers.shift()?.(outcomes)
      await turn()
    },
    apply: (position: Position) => {
      state.applied = position
      it.advance()
    },
    move: (position: Position) => {
      const { epoch } = state.applied
      state.applied = position
      it.leaveEpoch(epoch)
    },
  }
}

t.test('the proposals of a turn are one commit', async (t) => {
  const { propose, batches } = committer()
  propose('one')
  propose('two')
  t.same(batches, [])
  await turn()
  t.equal(batches.length, 1)
  t.equal(batches[0]?.length, 2)
  propose('three')
  await turn()
  t.equal(batches.length, 2)
})

t.test('success is told once the event has been applied', async (t) => {
  const { propose, answer, apply, settled } = committer()
  propose('one')
  propose('two')
  await turn()
  await answer(ok(1), ok(2))
  t.same(settled, [])
  apply(at(1))
  t.same(settled, ['one'])
  apply(at(2))
  t.same(settled, ['one', 'two'])
})

t.test('success is told at once when the event was applied before the outcome came', async (t) => {
  const { propose, answer, apply, settled } = committer()
  propose('one')
  await turn()
  apply(at(1))
  t.same(settled, [])
  await answer(ok(1))
  t.same(settled, ['one'])
})

t.test(
  'a refusal waits for what was committed before it, and not for what was committed after',
  async (t) => {
    const { propose, answer, apply, settled } = committer()
    for (const text of ['one', 'two', 'three']) propose(text)
    await turn()
    await answer(ok(1), refused, ok(2))
    t.same(settled, [])
    apply(at(1))
    t.same(settled, ['one', 'two refused'])
    apply(at(2))
    t.same(settled, ['one', 'two refused', 'three'])
  },
)

t.test('a refusal with nothing before it is told at once', async (t) => {
  const { propose, answer, settled } = committer()
  propose('one')
  await turn()
  await answer(refused)
  t.same(settled, ['one refused'])
})

t.test('an outcome of an epoch that the node has not reached waits for it', async (t) => {
  const { propose, answer, move, apply, settled } = committer()
  propose('one')
  await turn()
  apply(at(5))
  await answer(ok(1, 'b'))
  t.same(settled, [], 'though the offset is smaller')
  move(at(1, 'b'))
  t.same(settled, ['one'])
})

t.test('an outcome of an epoch that the node has left waits for nothing', async (t) => {
  const { propose, answer, move, settled } = committer()
  propose('one')
  propose('two')
  await turn()
  await answer(ok(7), ok(8))
  t.same(settled, [])
  move(at(0, 'b'))
  t.same(settled, ['one', 'two'])
  propose('three')
  await turn()
  await answer(ok(9))
  t.same(settled, ['one', 'two', 'three'])
})

t.test('a proposal without an outcome counts as refused', async (t) => {
  const { propose, answer, settled } = committer()
  propose('one')
  await turn()
  await answer()
  t.same(settled, ['one refused'])
})

t.test('it is idle when everything is settled', async (t) => {
  const { it, propose, answer, apply } = committer()
  await it.idle()
  propose('one')
  let idle = false
  const waiting = it.idle().then(() => {
    idle = true
  })
  await turn()
  await answer(ok(1))
  t.notOk(idle)
  apply(at(1))
  await waiting
  t.ok(idle)
})
