import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { AWAY_SPREAD_MS, awayQuota } from '../../src/room/away.js'

t.test('1.4 a few who fall silent at once become INACTIVO at once', async (t) => {
  t.equal(awayQuota(0, 0, 0, 1000), 0)
  t.equal(awayQuota(0, 0, 60_000, 1000), 0)
  t.equal(awayQuota(1, 0, 0, 1000), 1)
  t.equal(awayQuota(20, 0, 0, 1000), 20)
})

t.test('1.4 many who fall silent at once are spread over a minute', async (t) => {
  t.equal(AWAY_SPREAD_MS, 60_000)
  t.equal(awayQuota(21, 0, 0, 1000), 20)
  t.equal(awayQuota(60_000, 0, 0, 1000), 1000)
  t.equal(awayQuota(60_000, 0, 0, 5000), 5000)
  t.equal(awayQuota(30_000, 0, 30_000, 1000), 1000, 'half of the time is left for half of them')
  t.equal(awayQuota(1001, 0, 58_000, 1000), 501, 'rounded up')
})

t.test('1.4 when the minute is over, all who are left have their turn', async (t) => {
  for (const now of [59_001, 60_000, 60_001, 1_000_000]) t.equal(awayQuota(500, 0, now, 1000), 500, `${now}`)
})

t.test('1.4 all who are due have had their turn within the minute, never more than are due', async () => {
  const silent = fc.record({
    dueAt: fc.array(fc.nat(90_000), { minLength: 1, maxLength: 400 }),
    tickMs: fc.integer({ min: 1, max: 20_000 }),
    phase: fc.nat(20_000),
  })
  const property = fc.property(silent, ({ dueAt, tickMs, phase }) => {
    let waiting = [...dueAt].sort((a, b) => a - b)
    for (let now = phase % tickMs; waiting.length > 0; now += tickMs) {
      const due = waiting.filter((time) => time <= now)
      const [oldest] = due
      if (oldest === undefined) continue
      const quota = awayQuota(due.length, oldest, now, tickMs)
      assert.ok(Number.isInteger(quota) && quota > 0 && quota <= due.length, `${quota} of ${due.length}`)
      for (const time of due.slice(0, quota)) {
        // A tick may come just before somebody is due.
        assert.ok(now <= time + AWAY_SPREAD_MS, `due at ${time}, had a turn at ${now}`)
      }
      waiting = waiting.slice(quota)
    }
  })
  fc.assert(property, { numRuns: 300, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: true })
})
