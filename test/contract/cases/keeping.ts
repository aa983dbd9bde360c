import type { Check } from '../check.js'

/** The second port, {@link Store}. */
export async function keeping(check: Check): Promise<void> {
  await check('the store keeps the first value, and gives it to every node', async (t, room) => {
    const [a, b] = await room.two()
    t.equal(await a.store.putIfAbsent('key', 'first'), 'first')
    t.equal(await b.store.putIfAbsent('key', 'second'), 'first')
    t.equal(await a.store.putIfAbsent('key', 'third'), 'first')
    const late = await room.node()
    t.equal(await late.store.putIfAbsent('key', 'fourth'), 'first')
  })

  await check('of many who put a value at once all get the same', async (t, room) => {
    const nodes = await room.three()
    const values = Array.from({ length: 30 }, (_, index) => `${index}`)
    const kept = await Promise.all(
      values.map((value, index) => nodes[index % 3]?.store.putIfAbsent('key', value)),
    )
    t.equal(new Set(kept).size, 1)
    t.ok(values.includes(kept[0] ?? ''), 'one of them')
  })

  await check('the store keeps each key apart, and any text as it is', async (t, room) => {
    const [a, b] = await room.two()
    const texts = ['', ' ', '\n', '"{}"', '0', 'null', '🦊', '\u2028', 'x'.repeat(10_000)]
    for (const text of texts) t.equal(await a.store.putIfAbsent(`key ${text}`, text), text)
    for (const text of texts) t.equal(await b.store.putIfAbsent(`key ${text}`, 'another'), text)
  })
}
