import t from 'tap'
import { drain, drainedBy } from '../../src/chat/drain.js'

t.test('turns are spread evenly: the first at once, all by the end', async (t) => {
  t.equal(drainedBy(10, 0, 1000), 1)
  t.equal(drainedBy(10, 100, 1000), 2)
  t.equal(drainedBy(10, 999, 1000), 10)
  t.equal(drainedBy(10, 1000, 1000), 10)
  t.equal(drainedBy(10, 5000, 1000), 10)
  t.equal(drainedBy(10, 0, 0), 10, 'no time means all at once')
  t.equal(drainedBy(0, 0, 1000), 0)
})

t.test('every item has its turn once, in order', async (t) => {
  const seen: number[] = []
  const items = Array.from({ length: 500 }, (_, index) => index)
  await drain(items, 100, (item) => seen.push(item))
  t.same(seen, items)
})

t.test('nothing to drain takes no time', async (t) => {
  await drain([], 2 ** 31 - 1, () => t.fail('there is nothing'))
})
