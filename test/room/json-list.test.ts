import fc from 'fast-check'
import t from 'tap'
import { JsonList } from '../../src/room/json-list.js'

t.test('it is the names as a JSON array has them, whatever they are', async () => {
  const names = fc.array(fc.string({ unit: 'binary' }))
  const property = fc.property(names, names, (first, more) => {
    const list = new JsonList(first)
    for (const name of more) list.append(name)
    return `[${Buffer.from(list.bytes)}]` === JSON.stringify([...first, ...more])
  })
  fc.assert(property)
})

t.test('what was given out stays as it was', async (t) => {
  const list = new JsonList(['Ana'])
  const given = list.bytes
  for (let count = 0; count < 10_000; count += 1) list.append(`Beto ${count}`)
  t.equal(Buffer.from(given).toString(), '"Ana"')
})

t.test('most names are added without copying those before', async (t) => {
  const list = new JsonList([])
  const buffers = new Set<ArrayBufferLike>()
  for (let count = 0; count < 10_000; count += 1) {
    list.append(`Beto ${count}`)
    buffers.add(list.bytes.buffer)
  }
  t.ok(buffers.size <= Math.log2(list.bytes.length), `${buffers.size} buffers`)
})
