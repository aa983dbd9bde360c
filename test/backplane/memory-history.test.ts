import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { MemoryHistory } from '../../src/backplane/memory-history.js'
import type { Position, Said } from '../../src/room/events.js'

const at = (offset: number, epoch = 'e'): Position => ({ epoch, offset })
const said = (offset: number, bytes = 1): Said => {
  return { kind: 'said', position: at(offset), key: undefined, frame: Buffer.alloc(bytes) }
}
const offsets = (all: readonly Said[]) => all.map(({ position }) => position.offset)

/** What may happen to a history: something is said, some events on; or what was said somewhere is taken out. */
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('say' as const), by: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('erase' as const), by: fc.nat(12) }) },
  ),
  { maxLength: 120, size: 'max' },
)

t.test('whatever is said and taken out, it is what a naive list of the latest is', async () => {
  const property = fc.property(fc.nat(12), steps, (most, steps) => {
    const history = new MemoryHistory(most)
    let kept: number[] = []
    let head = 0
    for (const { kind, by } of steps) {
      if (kind === 'say') {
        head += by
        history.add(said(head))
        kept = most === 0 ? [] : [...kept, head].slice(-most)
      } else {
        history.erase(at(head - by))
        kept = kept.filter((offset) => offset !== head - by)
      }
    }
    assert.deepEqual(offsets(history.latest(undefined, 100)), kept)
    for (let offset = 0; offset <= head + 1; offset += 1) {
      assert.equal(history.has(at(offset)), kept.includes(offset))
      const before = kept.filter((one) => one < offset)
      assert.deepEqual(offsets(history.latest(at(offset), 100)), before)
      assert.deepEqual(offsets(history.latest(at(offset), 2)), before.slice(-2))
    }
    assert.deepEqual(history.latest(undefined, 0), [])
  })
  fc.assert(property, { numRuns: 500 })
})

t.test('it is bounded in bytes, too', async (t) => {
  const history = new MemoryHistory(1000)
  const mebibyte = 1024 * 1024 - 512
  for (let offset = 1; offset <= 16; offset += 1) history.add(said(offset, mebibyte))
  t.equal(history.latest(undefined, 100).length, 16)
  history.add(said(17))
  t.strictSame(offsets(history.latest(undefined, 100)).slice(0, 2), [2, 3])
  history.erase(at(2))
  history.add(said(18, mebibyte - 513))
  t.equal(offsets(history.latest(undefined, 100))[0], 3, 'what was taken out weighs nothing')
  history.add(said(19, 17 * 1024 * 1024))
  t.strictSame(history.latest(undefined, 100), [], 'what is too large is not kept')
  history.add(said(20))
  t.strictSame(offsets(history.latest(undefined, 100)), [20])
})

t.test('a message is known by its epoch, too', async (t) => {
  const history = new MemoryHistory(10)
  history.add(said(3))
  t.notOk(history.has(at(3, 'other')))
  history.erase(at(3, 'other'))
  t.ok(history.has(at(3)))
})
