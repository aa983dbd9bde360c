import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Entry, JoinOrder } from '../../src/room/join-order.js'
import { someone } from './samples.js'

const entry = (order: number, name = `u${order}`): Entry => ({ presence: someone(name, order), gone: false })
const orders = (list: JoinOrder, after = -Infinity) => Array.from(list.after(after), ({ order }) => order)

t.test('entries stand in the order of joining, however they come', async (t) => {
  const list = new JoinOrder()
  for (const order of [5, 9, 1, 7, 3]) list.add(entry(order))
  t.same(orders(list), [1, 3, 5, 7, 9])
})

t.test('seeking begins behind a place, also one where nobody stands', async (t) => {
  const list = new JoinOrder()
  for (const order of [2, 4, 6]) list.add(entry(order))
  t.same(orders(list, 4), [6])
  t.same(orders(list, 3), [4, 6])
  t.same(orders(list, 0), [2, 4, 6])
  t.same(orders(list, 6), [])
  t.same(orders(new JoinOrder()), [])
})

t.test('of two with the same order the first to come stands first', async (t) => {
  const list = new JoinOrder()
  for (const [name, order] of [
    ['a', 1],
    ['z', 2],
    ['b', 1],
    ['c', 1],
  ] as const)
    list.add(entry(order, name))
  t.same(
    Array.from(list.after(0), ({ name }) => name),
    ['a', 'b', 'c', 'z'],
  )
})

t.test('who is replaced while the order is the same is seen as it is now', async (t) => {
  const list = new JoinOrder()
  const ana = entry(1)
  list.add(ana)
  ana.presence = { ...ana.presence, status: 'OCUPADO' }
  t.match([...list.after(0)], [{ status: 'OCUPADO' }])
})

t.test('who has gone is not seen any more, and the gaps close when there are many', async (t) => {
  const list = new JoinOrder()
  const entries = Array.from({ length: 200 }, (_, index) => entry(index))
  for (const each of entries) list.add(each)
  for (const [index, each] of entries.entries()) {
    list.remove(each)
    t.same(orders(list).length, 199 - index)
  }
  list.add(entry(7))
  t.same(orders(list), [7])
})

t.test('after any sequence of changes it is what sorting would give', async () => {
  const change = fc.record({ add: fc.boolean(), order: fc.nat(1000), pick: fc.nat(1000) })
  const property = fc.property(
    fc.array(change, { maxLength: 400, size: 'max' }),
    fc.nat(1000),
    (changes, after) => {
      const list = new JoinOrder()
      let model: Entry[] = []
      for (const { add, order, pick } of changes) {
        const picked = model[pick % Math.max(model.length, 1)]
        if (add || picked === undefined) {
          if (model.some(({ presence }) => presence.order === order)) continue
          const added = entry(order)
          list.add(added)
          model.push(added)
        } else {
          list.remove(picked)
          model = model.filter((one) => one !== picked)
        }
      }
      const sorted = model.map(({ presence }) => presence.order).sort((a, b) => a - b)
      assert.deepEqual(orders(list), sorted)
      assert.deepEqual(
        orders(list, after),
        sorted.filter((order) => order > after),
      )
    },
  )
  fc.assert(property, { numRuns: 200 })
})
