import assert from 'node:assert/strict'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Outcome } from '../../../src/backplane/backplane.js'
import { type Batch, type BatchOutcome, CommitQueue } from '../../../src/backplane/redis/commit-queue.js'
import type { Answer } from '../../../src/backplane/redis/wire.js'
import type { Proposal } from '../../../src/room/events.js'
import { join, leave, person, say } from '../../contract/people.js'
import { verdicts } from '../../contract/room.js'
import { until } from '../../support/until.js'

const LONG_MS = 600_000
/** Long enough to be sent in time, and short enough to wait for. */
const SHORT_MS = 40
const MAX_BYTES = 256 * 1024

/** A batch that was sent, and waits for its answer. */
interface Sent {
  /** Kind and name of each proposal. */
  readonly what: string[]
  readonly batch: Batch
  answer(outcome: BatchOutcome): void
  /** Everything passes. */
  pass(): void
}

/** A queue, and what it sends. */
class Bench {
  readonly queue: CommitQueue
  readonly sent: Sent[] = []
  #offset = 0

  constructor(t: Test, timeoutMs = LONG_MS, paceMs = 0) {
    this.queue = new CommitQueue({ timeoutMs, paceMs, send: (batch) => this.#send(batch) })
    t.teardown(() => void this.queue.close())
  }

  /** Commits what is refused or not, but not yet. */
  commit(...proposals: Proposal[]): Call {
    return new Call(this.queue.commit(proposals))
  }

  /** The next batch that is sent. */
  async next(): Promise<Sent> {
    await until('a batch', () => this.sent.length > 0)
    const [sent] = this.sent.splice(0, 1)
    assert.ok(sent !== undefined)
    return sent
  }

  #send(batch: Batch): Promise<BatchOutcome> {
    return new Promise((answer) => {
      const what = whatOf(batch)
      this.sent.push({ what, batch, answer, pass: () => answer(what.map(() => this.#passed())) })
    })
  }

  #passed(): Answer {
    this.#offset += 1
    return ok(this.#offset)
  }
}

/** A call that was made. */
class Call {
  readonly outcomes: Promise<Outcome[]>
  done = false

  constructor(outcomes: Promise<Outcome[]>) {
    this.outcomes = outcomes.finally(() => {
      this.done = true
    })
  }

  async verdicts(): Promise<string[]> {
    return verdicts(await this.outcomes)
  }
}

const ok = (offset: number): Outcome => ({ ok: true, position: { epoch: 'x', offset } })

/** Kind and name of each. */
function whatOf({ lines }: Batch): string[] {
  return lines.map((line) => line.replace(/^(\w)\t[^\t]*\t([^\t]*)\t.*$/, '$1 $2'))
}

const bytesOf = ({ lines }: Pick<Batch, 'lines'>) =>
  lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0)

/** So many turns of the event loop that what was about to be sent has been. */
async function turns(): Promise<void> {
  for (let count = 0; count < 10; count += 1) await new Promise((resolve) => setImmediate(resolve))
}

const [ana, beto, eva] = [person('Ana'), person('Beto'), person('Eva')]

t.test('what is committed is sent at once, and its outcomes are those of the answer', async (t) => {
  const bench = new Bench(t)
  const call = bench.commit(join(ana), say(ana), say(beto))
  const { what, answer } = await bench.next()
  t.strictSame(what, ['j ana', 'b ana', 'b beto'])
  answer([ok(1), ok(2), { ok: false, reason: 'FENCED' }])
  t.strictSame(await call.outcomes, [ok(1), ok(2), { ok: false, reason: 'FENCED' }])
})

t.test('while a batch is under way, the next gathers, in the order of the calls', async (t) => {
  const bench = new Bench(t)
  const calls = [bench.commit(say(ana)), bench.commit(say(beto)), bench.commit(say(eva), say(ana))]
  const first = await bench.next()
  await turns()
  t.strictSame([first.what, bench.sent.length], [['b ana'], 0])
  first.answer([ok(5)])
  const second = await bench.next()
  t.strictSame(second.what, ['b beto', 'b eva', 'b ana'])
  t.strictSame(await calls[0]?.outcomes, [ok(5)])
  t.notOk(calls[1]?.done)
  second.answer([ok(6), { ok: false, reason: 'FENCED' }, ok(7)])
  t.strictSame(await calls[1]?.outcomes, [ok(6)])
  t.strictSame(await calls[2]?.outcomes, [{ ok: false, reason: 'FENCED' }, ok(7)])
  await turns()
  t.equal(bench.sent.length, 0)
})

t.test('with no load nothing waits: who sends one thing after the other has each sent at once', async (t) => {
  const bench = new Bench(t, LONG_MS, LONG_MS)
  for (let count = 0; count < 3; count += 1) {
    const call = bench.commit(say(ana))
    ;(await bench.next()).pass()
    t.strictSame(await call.verdicts(), ['ok'])
  }
})

t.test('under load the next batch waits a little, so that it becomes larger', async (t) => {
  t.test('but no longer than until it is full', async (t) => {
    const bench = new Bench(t, LONG_MS, LONG_MS)
    bench.commit(say(ana), say(beto))
    ;(await bench.next()).pass()
    bench.commit(...Array(255).fill(say(ana)))
    await turns()
    t.equal(bench.sent.length, 0)
    bench.commit(say(eva))
    t.equal((await bench.next()).what.length, 256)
  })

  t.test('whether by number or by bytes', async (t) => {
    const bench = new Bench(t, LONG_MS, LONG_MS)
    bench.commit(say(ana), say(beto))
    ;(await bench.next()).pass()
    bench.commit(say(ana), say(beto, 'x'.repeat(MAX_BYTES / 2)))
    await turns()
    t.equal(bench.sent.length, 0)
    bench.commit(say(eva, 'x'.repeat(MAX_BYTES / 2)))
    const full = await bench.next()
    t.strictSame(full.what, ['b ana', 'b beto'])
    full.pass()
    await turns()
    t.equal(bench.sent.length, 0, 'what was sent counts no more')
  })

  t.test('what was refused counts no more', async (t) => {
    const bench = new Bench(t, SHORT_MS, LONG_MS)
    bench.commit(say(ana), say(beto))
    const first = await bench.next()
    const late = bench.commit(say(ana, 'x'.repeat(MAX_BYTES)), say(beto))
    t.strictSame(await late.verdicts(), ['UNAVAILABLE', 'UNAVAILABLE'])
    first.pass()
    await turns()
    bench.commit(leave(eva))
    await turns()
    t.equal(bench.sent.length, 0)
  })

  t.test('and not for long', async (t) => {
    const bench = new Bench(t, LONG_MS, SHORT_MS)
    bench.commit(say(ana), say(beto))
    ;(await bench.next()).pass()
    await turns()
    bench.commit(say(eva))
    t.strictSame((await bench.next()).what, ['b eva'])
  })

  t.test('and what waits is refused when the queue is closed', async (t) => {
    const bench = new Bench(t, LONG_MS, LONG_MS)
    bench.commit(say(ana), say(beto))
    ;(await bench.next()).pass()
    await turns()
    const call = bench.commit(say(eva))
    await bench.queue.close()
    t.strictSame(await call.verdicts(), ['UNAVAILABLE'])
  })
})

t.test(
  'a batch holds 256 proposals at most; a call that is larger has all its outcomes in order',
  async (t) => {
    const bench = new Bench(t)
    const call = bench.commit(...Array(600).fill(say(ana)))
    const sizes: number[] = []
    while (!call.done) {
      const { what, pass } = await bench.next()
      sizes.push(what.length)
      pass()
      await turns()
    }
    t.strictSame(sizes, [256, 256, 88])
    t.strictSame(
      await call.outcomes,
      Array.from({ length: 600 }, (_, index) => ok(index + 1)),
    )
  },
)

t.test('a batch holds 256 KiB at most; what is larger goes alone', async (t) => {
  const sizes = fc.array(
    fc.oneof(fc.nat(2000), fc.nat(100_000), fc.integer({ min: 200_000, max: 300_000 })),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  const property = fc.asyncProperty(sizes, async (sizes) => {
    const bench = new Bench(t)
    bench.queue.hold()
    const people = sizes.map((_, index) => person(`p${index}`))
    const call = bench.commit(...people.map((someone, index) => say(someone, 'x'.repeat(sizes[index] ?? 0))))
    bench.queue.release()
    const batches: Batch[] = []
    while (!call.done) {
      const { batch, pass } = await bench.next()
      batches.push(batch)
      pass()
      await turns()
    }
    assert.deepEqual(
      batches.flatMap(whatOf),
      people.map(({ key }) => `b ${key}`),
    )
    for (const [index, batch] of batches.entries()) {
      assert.ok(bytesOf(batch) <= MAX_BYTES || whatOf(batch).length === 1)
      const next = batches[index + 1]
      const more = next === undefined ? 0 : bytesOf({ lines: next.lines.slice(0, 1) })
      assert.ok(next === undefined || bytesOf(batch) + more > MAX_BYTES, 'as much as fits')
    }
  })
  await fc.assert(property, { numRuns: 30 })
})

t.test('want of time refuses what has not been sent, and nothing else', async (t) => {
  const bench = new Bench(t, SHORT_MS)
  const first = bench.commit(say(ana))
  const sent = await bench.next()
  const late = [bench.commit(say(beto), say(eva)), bench.commit(join(eva))]
  t.strictSame(await late[0]?.verdicts(), ['UNAVAILABLE', 'UNAVAILABLE'])
  t.strictSame(await late[1]?.verdicts(), ['UNAVAILABLE'])
  t.notOk(first.done)
  sent.pass()
  t.strictSame(await first.verdicts(), ['ok'])
  const again = bench.commit(say(ana))
  const next = await bench.next()
  t.strictSame(next.what, ['b ana'], 'what was refused is not sent afterwards')
  next.pass()
  t.strictSame(await again.verdicts(), ['ok'])
})

t.test('each waits for its own time', async (t) => {
  const bench = new Bench(t, SHORT_MS)
  bench.commit(say(ana))
  await bench.next()
  for (let count = 0; count < 5; count += 1) {
    const call = bench.commit(say(beto))
    t.notOk(call.done)
    t.strictSame(await call.verdicts(), ['UNAVAILABLE'])
  }
})

t.test('a departure never waits too long', async (t) => {
  const bench = new Bench(t, SHORT_MS)
  bench.commit(say(ana))
  const first = await bench.next()
  const mixed = bench.commit(say(beto), leave(beto), say(eva))
  const alone = bench.commit(leave(eva))
  t.strictSame(await bench.commit(say(ana)).verdicts(), ['UNAVAILABLE'])
  t.strictSame(await bench.commit(say(ana)).verdicts(), ['UNAVAILABLE'])
  t.notOk(mixed.done || alone.done)
  first.pass()
  const second = await bench.next()
  t.strictSame(second.what, ['l beto', 'l eva'])
  second.pass()
  t.strictSame(await mixed.verdicts(), ['UNAVAILABLE', 'ok', 'UNAVAILABLE'])
  t.strictSame(await alone.verdicts(), ['ok'])
})

t.test('nothing is sent while it is held; what is under way goes on', async (t) => {
  const bench = new Bench(t)
  const first = bench.commit(say(ana))
  const sent = await bench.next()
  bench.queue.hold()
  const second = bench.commit(say(beto))
  sent.pass()
  t.strictSame(await first.verdicts(), ['ok'])
  const third = bench.commit(say(eva))
  await turns()
  t.equal(bench.sent.length, 0)
  bench.queue.release()
  const next = await bench.next()
  t.strictSame(next.what, ['b beto', 'b eva'])
  next.pass()
  t.strictSame([await second.verdicts(), await third.verdicts()], [['ok'], ['ok']])
})

t.test('what is held is refused in time, too', async (t) => {
  const bench = new Bench(t, SHORT_MS)
  bench.queue.hold()
  const departure = bench.commit(leave(ana))
  t.strictSame(await bench.commit(say(ana)).verdicts(), ['UNAVAILABLE'])
  bench.queue.release()
  const { what, pass } = await bench.next()
  t.strictSame(what, ['l ana'])
  pass()
  t.strictSame(await departure.verdicts(), ['ok'])
})

t.test('who has to wait is tried again and again, and holds up nobody', async (t) => {
  const bench = new Bench(t)
  const newcomers = [bench.commit(join(ana), join(beto)), bench.commit(join(eva))]
  const first = await bench.next()
  first.answer(['wait', ok(1)])
  const second = await bench.next()
  t.strictSame(second.what, ['j eva'], 'at once')
  second.answer(['wait'])
  const other = bench.commit(say(beto))
  const third = await bench.next()
  t.strictSame(third.what, ['b beto'], 'before them')
  third.pass()
  t.strictSame(await other.verdicts(), ['ok'])
  for (let times = 0; times < 3; times += 1) {
    const again = await bench.next()
    t.strictSame(again.what, ['j ana', 'j eva'])
    again.answer(['wait', 'wait'])
  }
  t.notOk(newcomers[0]?.done || newcomers[1]?.done)
  const last = await bench.next()
  last.answer([ok(8), { ok: false, reason: 'NAME_TAKEN' }])
  t.strictSame(await newcomers[0]?.outcomes, [ok(8), ok(1)])
  t.strictSame(await newcomers[1]?.verdicts(), ['NAME_TAKEN'])
})

t.test('who has to wait has his time anew each time', async (t) => {
  const bench = new Bench(t, SHORT_MS)
  const newcomer = bench.commit(join(ana))
  for (let times = 0; times < 2; times += 1) (await bench.next()).answer(['wait'])
  const busy = await bench.next()
  busy.answer(['wait'])
  bench.queue.hold()
  t.strictSame(await newcomer.verdicts(), ['UNAVAILABLE'], 'and is refused when he cannot be tried')
  t.equal(bench.sent.length, 0)
})

t.test('who claims what he had waits as long as it takes, also when Redis takes nothing', async (t) => {
  const bench = new Bench(t, SHORT_MS)
  bench.queue.hold()
  const claim = bench.commit(join(ana, { order: 7 }))
  const newcomer = bench.commit(join(beto))
  t.strictSame(await newcomer.verdicts(), ['UNAVAILABLE'])
  bench.queue.release()
  for (let times = 0; times < 2; times += 1) {
    const { what, answer } = await bench.next()
    t.strictSame(what, ['j ana'])
    answer('refused')
  }
  ;(await bench.next()).pass()
  t.strictSame(await claim.verdicts(), ['ok'])
})

t.test(
  'when its node was swept, a newcomer waits for its return, and what was said by others is fenced',
  async (t) => {
    const bench = new Bench(t)
    const call = bench.commit(join(ana), join(beto, { order: 7 }), say(eva), leave(eva))
    const swept = await bench.next()
    bench.queue.hold()
    swept.answer('lapsed')
    await turns()
    t.notOk(call.done)
    bench.queue.release()
    const again = await bench.next()
    t.strictSame(again.what, ['j ana'])
    again.pass()
    t.strictSame(await call.verdicts(), ['ok', 'FENCED', 'FENCED', 'FENCED'])
  },
)

t.test('when Redis takes nothing, what is said is refused, and who leaves goes on trying', async (t) => {
  const bench = new Bench(t, SHORT_MS)
  const call = bench.commit(join(ana), say(beto), leave(beto))
  const first = await bench.next()
  t.notOk(first.batch.makesRoom)
  const other = bench.commit(say(eva))
  first.answer('refused')
  for (let times = 0; times < 3; times += 1) {
    const again = await bench.next()
    t.strictSame([again.what, again.batch.makesRoom], [['l beto'], true], 'alone, and first')
    again.answer('refused')
    if (times > 0) continue
    ;(await bench.next()).pass()
    t.strictSame(await other.verdicts(), ['ok'])
  }
  bench.queue.hold()
  t.strictSame(await bench.commit(say(eva)).verdicts(), ['UNAVAILABLE'])
  t.notOk(call.done, 'however long that takes')
  bench.queue.release()
  ;(await bench.next()).pass()
  t.strictSame(await call.verdicts(), ['UNAVAILABLE', 'UNAVAILABLE', 'ok'])
})

t.test('what cannot be judged any more is refused', async (t) => {
  const bench = new Bench(t)
  const call = bench.commit(say(ana), say(beto))
  const { answer } = await bench.next()
  answer(undefined)
  t.strictSame(await call.verdicts(), ['UNAVAILABLE', 'UNAVAILABLE'])
})

t.test('nothing has no outcomes', async (t) => {
  const bench = new Bench(t)
  t.strictSame(await bench.commit().outcomes, [])
  t.equal(bench.sent.length, 0)
})

/** Whether it has been closed. */
function closing(t: Test, bench: Bench) {
  const state = { closed: false, end: Promise.resolve() }
  state.end = bench.queue.close().then(() => {
    state.closed = true
  })
  t.teardown(() => state.end)
  return state
}

t.test('closing refuses what was not sent, and waits for what is under way', async (t) => {
  const bench = new Bench(t)
  const first = bench.commit(say(ana))
  const sent = await bench.next()
  const second = bench.commit(say(beto), leave(beto))
  const state = closing(t, bench)
  t.strictSame(await second.verdicts(), ['UNAVAILABLE', 'UNAVAILABLE'])
  t.strictSame(await bench.commit(say(eva), leave(eva)).verdicts(), ['UNAVAILABLE', 'UNAVAILABLE'])
  await turns()
  t.notOk(state.closed)
  t.notOk(first.done)
  sent.pass()
  t.strictSame(await first.verdicts(), ['ok'])
  await state.end
  await turns()
  t.equal(bench.sent.length, 0)
})

t.test('closing refuses those who have to wait', async (t) => {
  const bench = new Bench(t)
  const parked = bench.commit(join(ana))
  ;(await bench.next()).answer(['wait'])
  const waiting = bench.commit(join(beto), say(eva))
  const sent = await bench.next()
  const state = closing(t, bench)
  t.strictSame(await parked.verdicts(), ['UNAVAILABLE'])
  sent.answer(['wait', ok(3)])
  t.strictSame(await waiting.outcomes, [{ ok: false, reason: 'UNAVAILABLE' }, ok(3)])
  await state.end
})

t.test('closing with nothing under way is done', async (t) => {
  const bench = new Bench(t)
  await bench.queue.close()
  t.strictSame(await bench.commit(say(ana)).verdicts(), ['UNAVAILABLE'])
})
