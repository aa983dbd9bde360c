import t from 'tap'
import { Slices } from '../../src/chat/slices.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Each item is worth so many bytes. */
function slices(bytesEach: number) {
  const applied: number[] = []
  const ends: number[] = []
  let pending = 0
  const queue = new Slices<number>(
    (item) => {
      applied.push(item)
      pending += bytesEach
    },
    () => pending,
    () => {
      ends.push(applied.length)
      pending = 0
    },
  )
  return { queue, applied, ends }
}

t.test('a few items are applied at once', async (t) => {
  const { queue, applied, ends } = slices(1)
  queue.push([1, 2])
  queue.push([3])
  t.same(applied, [1, 2, 3])
  t.same(ends, [2, 3])
})

t.test('many bytes are applied in slices of 64 KiB, one a turn of the event loop', async (t) => {
  const { queue, applied, ends } = slices(32 * 1024)
  queue.push([1, 2, 3, 4, 5])
  t.same(applied, [1, 2])
  await turn()
  t.same(applied, [1, 2, 3, 4])
  await turn()
  t.same(applied, [1, 2, 3, 4, 5])
  t.same(ends, [2, 4, 5])
})

t.test('what comes while a slice waits keeps its place', async (t) => {
  const { queue, applied } = slices(64 * 1024)
  queue.push([1, 2])
  queue.push([3])
  t.same(applied, [1])
  await turn()
  await turn()
  t.same(applied, [1, 2, 3])
})

t.test('there may be any number of items at once', async (t) => {
  const { queue, applied } = slices(0)
  queue.push(Array.from({ length: 300_000 }, (_, index) => index))
  t.equal(applied.length, 300_000)
})
