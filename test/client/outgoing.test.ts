import t from 'tap'
import { type Entry, MAX_UNANSWERED, mayBeDone, Outgoing } from '../../src/client/outgoing.js'
import type { Draft } from '../../src/client/types.js'

const entry = (number: number, draft: Draft, writtenAt?: number): Entry => ({
  number,
  draft,
  writtenAt,
  settle: () => true,
  settleBlindly: () => false,
  reject: () => {},
})
const said = (content: string): Draft => ({ type: 'broadcast', content })
const numbers = (entries: Iterable<Entry>) => Array.from(entries, ({ number }) => number)

t.test('is full with 64', (t) => {
  const outgoing = new Outgoing()
  for (let number = 1; number <= MAX_UNANSWERED; number += 1) {
    t.notOk(outgoing.full)
    outgoing.add(entry(number, said('')))
  }
  t.equal(MAX_UNANSWERED, 64)
  t.ok(outgoing.full)
  outgoing.take(1)
  t.notOk(outgoing.full)
  t.end()
})

t.test('keeps the order in which it was given, whatever is taken out', (t) => {
  const outgoing = new Outgoing()
  for (const number of [1, 2, 3, 4]) outgoing.add(entry(number, said(''), number === 4 ? undefined : number))
  t.equal(outgoing.take(2)?.number, 2)
  t.equal(outgoing.take(2), undefined)
  t.same(numbers(outgoing.all()), [1, 3, 4])
  t.same(numbers(outgoing.written()), [1, 3])
  t.end()
})

t.test(
  'what was sent and does something is undecided; what only asks, or was never sent, may be sent again',
  (t) => {
    const outgoing = new Outgoing()
    outgoing.add(entry(1, said('a'), 5))
    outgoing.add(entry(2, { type: 'list_users' }, 5))
    outgoing.add(entry(3, { type: 'private', target: 'Beto', content: 'b' }, 5))
    outgoing.add(entry(4, { type: 'user_info', target: 'Beto' }, 5))
    outgoing.add(entry(5, { type: 'change_status', content: 'OCUPADO' }, 5))
    outgoing.add(entry(6, { type: 'history', content: {} }, 5))
    outgoing.add(entry(7, said('c')))
    t.same(numbers(outgoing.takeUndecided()), [1, 3, 5])
    t.same(numbers(outgoing.all()), [2, 4, 6, 7])
    t.notOk(mayBeDone(entry(1, said('a'))))
    t.end()
  },
)
