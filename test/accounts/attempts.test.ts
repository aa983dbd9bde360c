import t from 'tap'
import { type Attempt, Attempts } from '../../src/accounts/attempts.js'
import { MemoryStore } from '../../src/backplane/memory-store.js'
import { keyOf } from '../../src/protocol/names.js'

const HOME = '192.0.2.1'
const ELSEWHERE = '2001:db8:0:0::/64'
const ANA = keyOf('Ana')
const BETO = keyOf('Beto')
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** Attempts against a clock that stands still until it is told otherwise. */
function setUp(claimsPerDay = 3) {
  const clock = { now: 1_000_000 }
  const attempts = new Attempts(new MemoryStore(() => clock.now), claimsPerDay)
  const wrong = async (name = ANA, group = HOME) => seconds(await attempts.guess(name, group))
  const claimed = async (group = HOME) => seconds(await attempts.claim(group))
  return { clock, attempts, wrong, claimed }
}

/** How long to wait; 0: not at all. */
function seconds(attempt: Attempt): number {
  return 'waitSeconds' in attempt ? attempt.waitSeconds : 0
}

async function takeBack(attempt: Attempt): Promise<void> {
  if ('waitSeconds' in attempt) throw new Error('it was not let through')
  await attempt.takeBack()
}

async function times(count: number, what: (index: number) => Promise<number>): Promise<number[]> {
  const results: number[] = []
  for (let index = 0; index < count; index += 1) results.push(await what(index))
  return results
}

const zeros = (count: number) => Array<number>(count).fill(0)

t.test('ten wrong passwords for a name are let through, and no more', async (t) => {
  const { wrong } = setUp()
  t.same(await times(10, () => wrong()), zeros(10))
  t.same(await times(5, () => wrong()), Array(5).fill(900))
})

t.test('whoever has to wait is told how long, in whole seconds and at least one', async (t) => {
  const { clock, wrong } = setUp()
  await times(10, () => wrong())
  clock.now += 14 * MINUTE_MS
  t.equal(await wrong(), 60)
  clock.now += 58_500
  t.equal(await wrong(), 2, 'no moment too early')
  clock.now += 501
  t.equal(await wrong(), 1)
  clock.now += 998
  t.equal(await wrong(), 1, 'a millisecond before')
  clock.now += 1
  t.equal(await wrong(), 0)
})

t.test('a window ends with the time that it began with, however often is tried in it', async (t) => {
  const { clock, wrong } = setUp()
  await times(10, () => wrong())
  for (let minute = 0; minute < 14; minute += 1) {
    clock.now += MINUTE_MS
    t.not(await wrong(), 0)
  }
  clock.now += MINUTE_MS
  t.same(await times(10, () => wrong()), zeros(10), 'it is a new one')
  t.equal(await wrong(), 900)
})

t.test('the same name may be tried from another address, and another name from the same', async (t) => {
  const { wrong } = setUp()
  await times(11, () => wrong())
  t.equal(await wrong(ANA, ELSEWHERE), 0)
  t.equal(await wrong(BETO, HOME), 0)
})

t.test(
  'a hundred wrong passwords are let through from an address, whatever names they are for',
  async (t) => {
    const { clock, wrong } = setUp()
    const guess = (index: number) => wrong(keyOf(`name ${index}`))
    t.same(await times(100, guess), zeros(100))
    t.equal(await wrong(keyOf('one more')), 900)
    t.equal(await wrong(keyOf('one more'), ELSEWHERE), 0, 'from another they are')
    clock.now += 15 * MINUTE_MS
    t.equal(await wrong(keyOf('one more')), 0)
  },
)

t.test('what an address is refused does not count for the name', async (t) => {
  const { attempts, wrong } = setUp()
  const first = await attempts.guess(BETO, HOME)
  await times(99, (index) => wrong(keyOf(`name ${index}`)))
  await times(20, () => wrong())
  await takeBack(first)
  t.equal(await wrong(), 0, 'and it is let through when there is room')
})

t.test('what a name is refused does not count for the address', async (t) => {
  const { wrong } = setUp()
  await times(300, () => wrong())
  t.same(await times(90, (index) => wrong(keyOf(`name ${index}`))), zeros(90))
  t.equal(await wrong(keyOf('one more')), 900)
})

t.test('a right password is taken back, and counts for nothing', async (t) => {
  const { attempts, wrong } = setUp()
  for (let count = 0; count < 200; count += 1) await takeBack(await attempts.guess(ANA, HOME))
  t.same(await times(10, () => wrong()), zeros(10))
  t.equal(await wrong(), 900)
  t.same(await times(90, (index) => wrong(keyOf(`name ${index}`))), zeros(90), 'neither for the address')
  t.equal(await wrong(keyOf('one more')), 900)
})

t.test('right passwords are checked so often, too: each costs', async (t) => {
  const { attempts, wrong, clock } = setUp()
  for (let count = 0; count < 300; count += 1) await takeBack(await attempts.guess(ANA, HOME))
  t.equal(await wrong(), 900)
  t.equal(await wrong(ANA, ELSEWHERE), 0)
  clock.now += 15 * MINUTE_MS
  t.same(await times(10, () => wrong()), zeros(10), 'and what was refused has not been counted as wrong')
})

t.test('many at once count as many', async (t) => {
  const { wrong, claimed } = setUp()
  const guesses = await Promise.all(Array.from({ length: 50 }, () => wrong()))
  t.equal(guesses.filter((wait) => wait === 0).length, 10)
  const claims = await Promise.all(Array.from({ length: 50 }, () => claimed()))
  t.equal(claims.filter((wait) => wait === 0).length, 3)
})

t.test('so many names a day may be claimed from an address', async (t) => {
  const { clock, claimed } = setUp(3)
  t.same(await times(3, () => claimed()), zeros(3))
  t.equal(await claimed(), 86_400)
  t.equal(await claimed(ELSEWHERE), 0)
  clock.now += DAY_MS - 1
  t.equal(await claimed(), 1)
  clock.now += 1
  t.same(await times(4, () => claimed()), [0, 0, 0, 86_400])
})

t.test('a claim that came to nothing is taken back', async (t) => {
  const { attempts, claimed } = setUp(2)
  for (let count = 0; count < 10; count += 1) await takeBack(await attempts.claim(HOME))
  t.same(await times(3, () => claimed()), [0, 0, 86_400])
})

t.test('claims and wrong passwords are counted apart', async (t) => {
  const { wrong, claimed } = setUp(1)
  await times(11, () => wrong())
  t.same(await times(2, () => claimed()), [0, 86_400])
  t.equal(await wrong(BETO), 0)
})

t.test('what is taken back when its window is over gives nothing away', async (t) => {
  const { clock, attempts, wrong } = setUp()
  const old = await Promise.all(Array.from({ length: 10 }, () => attempts.guess(ANA, HOME)))
  clock.now += 15 * MINUTE_MS
  await Promise.all(old.map(takeBack))
  t.same(await times(10, () => wrong()), zeros(10))
  t.equal(await wrong(), 900)
})

t.test('it rejects like the store', async (t) => {
  const away = new Error('the room cannot be reached')
  const attempts = new Attempts({ count: () => Promise.reject(away) }, 3)
  await t.rejects(attempts.guess(ANA, HOME), away)
  await t.rejects(attempts.claim(HOME), away)
})
