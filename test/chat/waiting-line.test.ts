import fc from 'fast-check'
import t from 'tap'
import { MAX_WAIT_MS, SLICE_MS, WaitingLine } from '../../src/chat/waiting-line.js'

interface Someone {
  readonly number: number
}

const people = (count: number): Someone[] => Array.from({ length: count }, (_, number) => ({ number }))
const numbers = (some: readonly Someone[]) => some.map(({ number }) => number)

t.test('a tenth of what a second allows goes on at once, and the rest in order', async (t) => {
  const line = new WaitingLine<Someone>(30, 0)
  const all = people(6)
  t.same(
    all.map((someone) => line.enter(someone, 0)),
    ['go', 'go', 'go', 'wait', 'wait', 'wait'],
  )
  t.equal(line.size, 3)
  t.same(line.next(33), [])
  t.same(numbers(line.next(34)), [3])
  t.same(line.next(34), [])
  t.same(numbers(line.next(67)), [4])
  t.same(numbers(line.next(1000)), [5])
  t.equal(line.size, 0)
})

t.test('one at least goes on at once, however few a second allows', async (t) => {
  const line = new WaitingLine<Someone>(1, 0)
  t.same(
    people(2).map((someone) => line.enter(someone, 0)),
    ['go', 'wait'],
  )
})

t.test('nobody overtakes those who wait, even when it is their turn already', async (t) => {
  const line = new WaitingLine<Someone>(10, 0)
  const [first = { number: 0 }, second = { number: 1 }, third = { number: 2 }] = people(3)
  t.equal(line.enter(first, 0), 'go')
  t.equal(line.enter(second, 0), 'wait')
  t.equal(line.enter(third, 500), 'wait')
  t.same(numbers(line.next(500)), [1])
  t.same(numbers(line.next(600)), [2])
})

t.test('whoever leaves is skipped, and those behind him move up', async (t) => {
  const line = new WaitingLine<Someone>(10, 0)
  const all = people(4)
  for (const someone of all) line.enter(someone, 0)
  for (const someone of all.slice(1, 3)) line.leave(someone)
  t.same(numbers(line.next(100)), [3], 'when it would have been the turn of the first of them')
  t.equal(line.size, 0)
})

t.test('whoever would wait for too long is told so at once, and takes no place', async (t) => {
  const line = new WaitingLine<Someone>(2, 0)
  const places = (2 * MAX_WAIT_MS) / 1000
  const all = people(places + 2)
  const entrances = all.map((someone) => line.enter(someone, 0))
  t.same(entrances, ['go', ...Array.from({ length: places }, () => 'wait'), 'full'])
  t.equal(line.size, places)
  const [, second = { number: 1 }] = all
  line.leave(second)
  t.equal(line.enter({ number: 99 }, 0), 'wait', 'a place that was given up is free')
})

t.test('after a pause no more go on in one go than twice what is due in a slice', async (t) => {
  const line = new WaitingLine<Someone>(1000, 0)
  for (const someone of people(300)) line.enter(someone, 0)
  t.equal(line.size, 200)
  const atOnce = (1000 * 2 * SLICE_MS) / 1000
  t.equal(line.next(5000).length, atOnce)
  t.equal(line.size, 200 - atOnce)
})

t.test('0 is no limit', async (t) => {
  const line = new WaitingLine<Someone>(0, 0)
  t.ok(people(10_000).every((someone) => line.enter(someone, 0) === 'go'))
  t.equal(line.size, 0)
})

t.test('all can be sent away', async (t) => {
  const line = new WaitingLine<Someone>(10, 0)
  for (const someone of people(4)) line.enter(someone, 0)
  t.same(numbers(line.clear()), [1, 2, 3])
  t.same(line.next(1e6), [])
})

t.test('whatever comes and goes: the order is kept, nobody is lost, and no more go on than may', async () => {
  const step = fc.record({
    passedMs: fc.integer({ min: 0, max: 200 }),
    coming: fc.integer({ min: 0, max: 20 }),
    leaving: fc.option(fc.nat({ max: 100 })),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.array(step, { maxLength: 50 }), (perSecond, steps) => {
      const line = new WaitingLine<Someone>(perSecond, 0)
      let now = 0
      let came = 0
      const waiting: Someone[] = []
      const went: number[] = []
      for (const { passedMs, coming, leaving } of steps) {
        now += passedMs
        for (const someone of line.next(now)) {
          if (waiting.shift() !== someone) return false
          went.push(someone.number)
        }
        if (leaving !== null) for (const gone of waiting.splice(leaving, 1)) line.leave(gone)
        for (let count = 0; count < coming; count += 1, came += 1) {
          const someone = { number: came }
          const entrance = line.enter(someone, now)
          if (entrance === 'wait') waiting.push(someone)
          if (entrance === 'go') went.push(someone.number)
        }
      }
      const most = Math.max(perSecond / 10, 1) + (now / 1000) * perSecond
      const inOrder = went.every((number, index) => index === 0 || number > (went[index - 1] ?? 0))
      return inOrder && line.size === waiting.length && went.length <= most + 1e-6
    }),
  )
})
