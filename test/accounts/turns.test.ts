import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Turns, type TurnsOptions } from '../../src/accounts/turns.js'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Work that is done when the test says so. */
interface Work {
  readonly group: string
  /** Counts from 0 among those of its group. */
  readonly number: number
  done(): void
  fail(error: Error): void
}

/** Turns, and who has had his. */
function setUp(options: Partial<TurnsOptions> = {}) {
  const turns = new Turns({ atOnce: 1, maxWaiting: 100, maxWaitingEach: 100, ...options })
  const running: Work[] = []
  const begun: string[] = []
  const asked = new Map<string, number>()
  const ask = (group: string): Promise<string> => {
    const number = asked.get(group) ?? 0
    asked.set(group, number + 1)
    return turns.take(group, () => {
      begun.push(`${group}${number}`)
      return new Promise<string>((resolve, reject) => {
        const end = (settle: () => void) => {
          running.splice(running.indexOf(work), 1)
          settle()
        }
        const work: Work = {
          group,
          number,
          done: () => end(() => resolve(`${group}${number}`)),
          fail: (error) => end(() => reject(error)),
        }
        running.push(work)
      })
    })
  }
  const coming: Promise<string>[] = []
  /** Lets somebody ask, and looks for what it comes to at the end. */
  const come = (group: string) => {
    coming.push(ask(group))
  }
  /** Ends what has been running longest, until nothing is. */
  const finish = async () => {
    for (await turn(); running.length > 0; await turn()) running[0]?.done()
    await Promise.all(coming)
  }
  return { turns, running, begun, ask, come, finish }
}

t.test('what there is a place for is done at once, and comes to what the work comes to', async (t) => {
  const { ask, begun, running } = setUp({ atOnce: 2 })
  const results = [ask('a'), ask('b')]
  t.same(begun, ['a0', 'b0'])
  for (const work of running.slice()) work.done()
  t.same(await Promise.all(results), ['a0', 'b0'])
})

t.test('no more than so many are done at once', async (t) => {
  const { running, begun, come } = setUp({ atOnce: 2 })
  for (let count = 0; count < 5; count += 1) come('a')
  await turn()
  t.equal(running.length, 2)
  for (const left of [2, 2, 2, 1, 0]) {
    running[0]?.done()
    await turn()
    t.equal(running.length, left)
  }
  t.equal(begun.length, 5)
})

t.test(
  'no more than so many are done at once, also when many come in the moment when one ends',
  async (t) => {
    const { running, come } = setUp({ atOnce: 2 })
    come('a')
    come('a')
    come('a')
    let most = 0
    const look = () => {
      most = Math.max(most, running.length)
    }
    for (let count = 0; count < 10; count += 1) {
      running[0]?.done()
      // At every step between the end of one and the beginning of the next.
      for (let step = 0; step < 12; step += 1) {
        come(`${step % 3}`)
        look()
        await Promise.resolve()
        look()
      }
    }
    t.equal(most, 2)
  },
)

t.test('those of a group are done in the order in which they came', async (t) => {
  const { begun, finish, come } = setUp({ atOnce: 2 })
  for (let count = 0; count < 20; count += 1) come('a')
  await finish()
  t.same(
    begun,
    Array.from({ length: 20 }, (_, index) => `a${index}`),
  )
})

t.test('groups take turns, whatever each of them has waiting', async (t) => {
  const { begun, finish, come } = setUp()
  for (let count = 0; count < 6; count += 1) come('a')
  for (let count = 0; count < 2; count += 1) come('b')
  come('c')
  await finish()
  t.same(begun, ['a0', 'a1', 'b0', 'c0', 'a2', 'b1', 'a3', 'a4', 'a5'])
})

t.test('whoever comes late waits for one turn of each other group, not for all that they have', async (t) => {
  const { begun, running, come } = setUp()
  for (let count = 0; count < 50; count += 1) come('a')
  for (let count = 0; count < 50; count += 1) come('b')
  come('late')
  for (let count = 0; count < 3; count += 1) {
    running[0]?.done()
    await turn()
  }
  t.same(begun, ['a0', 'a1', 'b0', 'late0'])
})

t.test('whoever has had its turn and comes again waits behind the others', async (t) => {
  const { begun, running, finish, come } = setUp()
  for (const group of ['a', 'a', 'b', 'c']) come(group)
  running[0]?.done()
  await turn()
  come('a')
  await finish()
  t.same(begun, ['a0', 'a1', 'b0', 'c0', 'a2'])
})

t.test('a group is busy when too many of it wait, and others are not', async (t) => {
  const { ask, begun, running, finish } = setUp({ maxWaitingEach: 2 })
  const asked = [ask('a'), ask('a'), ask('a')]
  t.equal(await ask('a'), 'busy')
  asked.push(ask('b'))
  running[0]?.done()
  await turn()
  asked.push(ask('a'))
  t.equal(await ask('a'), 'busy', 'one may wait for one that has begun')
  await finish()
  t.same(await Promise.all(asked), ['a0', 'a1', 'a2', 'b0', 'a4'])
  t.notOk(begun.includes('a3'), 'what was refused is never done')
  t.notOk(begun.includes('a5'))
})

t.test('all are busy when too many wait', async (t) => {
  const { ask, running, finish } = setUp({ maxWaiting: 3 })
  const asked = ['a', 'a', 'b', 'c'].map(ask)
  t.same(await Promise.all([ask('a'), ask('d')]), ['busy', 'busy'])
  running[0]?.done()
  await turn()
  asked.push(ask('d'))
  t.equal(await ask('e'), 'busy')
  await finish()
  t.same(await Promise.all(asked), ['a0', 'a1', 'b0', 'c0', 'd1'])
  const again = ['a', 'a', 'a', 'a'].map(ask)
  t.equal(await ask('a'), 'busy', 'when it is over, the limit is what it was')
  await finish()
  t.same(await Promise.all(again), ['a3', 'a4', 'a5', 'a6'])
})

t.test('when all places are taken, whoever has many gives one up for whoever has none', async (t) => {
  const { ask, begun, finish } = setUp({ maxWaiting: 4, maxWaitingEach: 4 })
  const many = ['a', 'a', 'a', 'a', 'a'].map(ask)
  t.equal(await ask('a'), 'busy')
  const other = ask('b')
  t.equal(await many[4], 'busy', 'the last of them')
  const another = ask('c')
  t.equal(await many[3], 'busy')
  const third = ask('d')
  t.equal(await many[2], 'busy')
  t.equal(await ask('e'), 'busy', 'but not where nobody has more than he would have')
  await finish()
  t.same(await Promise.all([other, another, third]), ['b0', 'c0', 'd0'])
  t.same(begun.toSorted(), ['a0', 'a1', 'b0', 'c0', 'd0'])
})

t.test('where nobody may wait, whoever finds no place is refused', async (t) => {
  const { ask, finish } = setUp({ maxWaiting: 0 })
  const first = ask('a')
  t.equal(await ask('b'), 'busy')
  await finish()
  t.equal(await first, 'a0')
  const next = ask('b')
  await finish()
  t.equal(await next, 'b1')
})

t.test('an error in the work is told to whoever asked, and frees the place', async (t) => {
  const { turns, ask, running, finish } = setUp()
  const failing = ask('a')
  const waiting = ask('b')
  running[0]?.fail(new Error('it went wrong'))
  await t.rejects(failing, /it went wrong/)
  await finish()
  t.equal(await waiting, 'b0')
  const thrown = turns.take('a', () => {
    throw new Error('at once')
  })
  await t.rejects(thrown, /at once/)
  const next = ask('c')
  await finish()
  t.equal(await next, 'c0')
})

type Step = { readonly come: string } | { readonly end: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'a', 'a', 'b', 'c', 'd').map((come) => ({ come })) },
  { weight: 2, arbitrary: fc.nat(10).map((end) => ({ end })) },
)

t.test('whoever comes when: all are done, in order, and no group twice while another waits', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 3 }),
    fc.array(step, { maxLength: 80 }),
    fc.boolean(),
    async (atOnce, steps, pause) => {
      const { ask, running, begun, finish } = setUp({ atOnce })
      const asked: Promise<string>[] = []
      /** How many of each group wait, and which groups had a turn since it waits, or has had its own. */
      const waiting = new Map<string, { left: number; overtakenBy: Set<string> }>()
      let seen = 0
      const judge = () => {
        for (const name of begun.slice(seen)) {
          const group = name.charAt(0)
          const own = waiting.get(group)
          assert.ok(own, `${name} was waiting`)
          own.left -= 1
          own.overtakenBy.clear()
          if (own.left === 0) waiting.delete(group)
          for (const [other, { overtakenBy }] of waiting) {
            if (other === group) continue
            assert.ok(!overtakenBy.has(group), `${group} had two turns while ${other} waited`)
            overtakenBy.add(group)
          }
        }
        seen = begun.length
        assert.ok(running.length <= atOnce)
      }
      for (const one of steps) {
        if ('come' in one) {
          const own = waiting.get(one.come) ?? { left: 0, overtakenBy: new Set<string>() }
          own.left += 1
          waiting.set(one.come, own)
          asked.push(ask(one.come))
        } else running[one.end % Math.max(running.length, 1)]?.done()
        if (pause) await turn()
        judge()
        if (pause)
          assert.equal(running.length, Math.min(atOnce, asked.length - (begun.length - running.length)))
      }
      await finish()
      judge()
      const results = await Promise.all(asked)
      assert.equal(results.length, begun.length)
      for (const group of ['a', 'b', 'c', 'd']) {
        const own = begun.filter((name) => name.startsWith(group))
        assert.deepEqual(
          own,
          own.map((_, index) => `${group}${index}`),
        )
      }
    },
  )
  await fc.assert(property, { numRuns: 200 })
})
