import t from 'tap'
import { PACE_MS, Pace } from '../../../src/backplane/redis/pace.js'

const LEAST_MS = 10

/** How long after it was sent a batch of so many is followed, when everyone had been told of it after so long. */
function followedAfter(count: number, tookMs: number): number {
  const pace = new Pace(LEAST_MS)
  pace.sent(count, 1000)
  pace.told(1000 + tookMs)
  return pace.waitMs(1000)
}

t.test('what nothing went before is sent at once', async (t) => {
  const pace = new Pace()
  t.ok(pace.waitMs(0) <= 0)
  t.notOk(pace.paced)
})

t.test('a batch of one is followed at once, however long it took', async (t) => {
  for (const tookMs of [0, 5, 1000]) t.ok(followedAfter(1, tookMs) <= 0)
})

t.test('a larger one is followed after twice as long as it took, within limits', async (t) => {
  t.equal(followedAfter(2, 0), LEAST_MS)
  t.equal(followedAfter(2, 5), LEAST_MS)
  t.equal(followedAfter(2, 6), 12)
  t.equal(followedAfter(256, 9), 18)
  t.equal(followedAfter(2, 11), 2 * LEAST_MS)
  t.equal(followedAfter(2, 1000), 2 * LEAST_MS)
})

t.test('the time that has passed already counts', async (t) => {
  const pace = new Pace()
  pace.sent(2, 1000)
  pace.told(1000)
  t.equal(pace.waitMs(1000 + PACE_MS - 0.5), 0.5)
  t.ok(pace.waitMs(1000 + PACE_MS) <= 0)
})

t.test('each batch has its own time', async (t) => {
  const pace = new Pace(LEAST_MS)
  pace.sent(2, 1000)
  pace.told(1100)
  pace.sent(2, 2000)
  pace.told(2006)
  t.equal(pace.waitMs(2000), 12)
  pace.sent(1, 3000)
  t.ok(pace.waitMs(3000) <= 0)
})
