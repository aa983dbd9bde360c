import fc from 'fast-check'
import t from 'tap'
import { TokenBucket } from '../../src/room/rate.js'

t.test('a burst may go on at once, and then so many a second', async (t) => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0)
  for (let count = 0; count < 3; count += 1) {
    t.equal(bucket.waitMs(0), 0)
    bucket.spend(1, 0)
  }
  t.equal(bucket.waitMs(0), 100)
  t.equal(bucket.waitMs(40), 60)
  t.equal(bucket.waitMs(100), 0)
  bucket.spend(1, 100)
  t.equal(bucket.waitMs(100), 100)
})

t.test('whoever spends more waits longer', async (t) => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 }, 0)
  bucket.spend(5, 0)
  t.equal(bucket.waitMs(0), 500)
})

t.test('no more comes back than there was', async (t) => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, 0)
  bucket.spend(2, 0)
  t.notOk(bucket.isFull(100))
  t.ok(bucket.isFull(200))
  t.equal(bucket.waitMs(1e9), 0)
  bucket.spend(2, 1e9)
  t.equal(bucket.waitMs(1e9), 100)
})

t.test('0 a second is no limit', async (t) => {
  const bucket = new TokenBucket({ perSecond: 0, burst: 1 }, 0)
  bucket.spend(1e9, 0)
  t.equal(bucket.waitMs(0), 0)
})

t.test('a clock that is set back gives nothing, and takes nothing', async (t) => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 }, 1000)
  bucket.spend(1, 1000)
  t.equal(bucket.waitMs(0), 100)
  t.equal(bucket.waitMs(100), 0)
})

t.test('whoever waits as long as he is told never has more than burst and rate allow', async () => {
  const options = fc.record({
    perSecond: fc.integer({ min: 1, max: 1000 }),
    burst: fc.integer({ min: 1, max: 50 }),
  })
  const pauses = fc.array(fc.double({ min: 0, max: 2000, noNaN: true }), { maxLength: 200 })
  const property = fc.property(options, pauses, (options, pauses) => {
    const bucket = new TokenBucket(options, 0)
    let now = 0
    for (const [done, pause] of pauses.entries()) {
      now += Math.max(bucket.waitMs(now), pause % 7 < 3 ? 0 : pause)
      // Rounding leaves a wait of nearly nothing.
      while (bucket.waitMs(now) > 0) now += Math.max(bucket.waitMs(now), 1e-6)
      bucket.spend(1, now)
      if (done + 1 > options.burst + (now / 1000) * options.perSecond + 1e-6) return false
    }
    return true
  })
  fc.assert(property)
})
