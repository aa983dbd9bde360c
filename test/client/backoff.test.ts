import fc from 'fast-check'
import t from 'tap'
import { attemptAfter, backoffMs, comesBack } from '../../src/client/backoff.js'
import { CLOSES } from '../../src/protocol/codes.js'

t.test('comes back after those close codes of the server that say so, and after no other of them', (t) => {
  for (const { code, comeBack, reason } of Object.values(CLOSES)) {
    // 1000 answers `disconnect`: whoever sent that does not ask.
    if (code !== 1000) t.equal(comesBack(code), comeBack, `${code} ${reason}`)
  }
  t.end()
})

t.test('comes back after an end that says nothing', (t) => {
  for (const code of [1000, 1001, 1005, 1006, 1011, 1015]) t.ok(comesBack(code), String(code))
  t.end()
})

t.test('waits twice as long each time, up to the cap, and at least half of that', (t) => {
  fc.assert(
    fc.property(
      fc.nat(2000),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, random) => {
        const whole = Math.min(15_000, 200 * 2 ** attempt)
        const pause = backoffMs(attempt, random, 200, 15_000)
        return pause >= whole / 2 && pause <= whole
      },
    ),
  )
  t.same(
    [0, 1, 2, 6, 7, 1000].map((attempt) => backoffMs(attempt, 0, 200, 15_000)),
    [100, 200, 400, 6400, 7500, 7500],
  )
  t.end()
})

t.test('those who leave at once do not come back at once', (t) => {
  const pauses = [0, 0.25, 0.5, 0.75].map((random) => backoffMs(3, random, 200, 15_000))
  t.same(pauses, [800, 1000, 1200, 1400])
  t.end()
})

t.test('begins with a longer pause when the server says later', (t) => {
  t.equal(attemptAfter(1013, 0), 4)
  t.equal(attemptAfter(1013, 6), 6)
  t.equal(attemptAfter(1012, 0), 0)
  t.equal(attemptAfter(undefined, 2), 2)
  t.end()
})
