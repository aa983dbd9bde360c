import { until } from '../../support/until.js'
import type { Check } from '../check.js'
import type { TestNode } from '../room.js'

const HOUR_MS = 3_600_000
/** Soon over. */
const SHORT_MS = 40

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)
const inUtf8 = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other))

/** The keys of a kind, by one node. */
async function keys({ store }: TestNode, kind: string, after = '', limit = 1000): Promise<string[]> {
  return (await store.list(kind, after, limit)).map(({ key }) => key)
}

/** The second port, {@link Store}. */
export async function keeping(check: Check): Promise<void> {
  await check('the store keeps the first value, and gives it to every node', async (t, room) => {
    const [a, b] = await room.two()
    t.equal(await a.store.putIfAbsent('kind', 'key', 'first'), 'first')
    t.equal(await b.store.putIfAbsent('kind', 'key', 'second'), 'first')
    t.equal(await a.store.putIfAbsent('kind', 'key', 'third', SHORT_MS), 'first')
    const late = await room.node()
    t.equal(await late.store.putIfAbsent('kind', 'key', 'fourth'), 'first')
    for (const { store } of [a, b, late]) t.equal(await store.get('kind', 'key'), 'first')
  })

  await check('of many who put a value at once all get the same', async (t, room) => {
    const nodes = await room.three()
    for (const [kind, ttlMs] of [['kept'], ['for a while', HOUR_MS]] as const) {
      const values = numbers(30).map(String)
      const kept = await Promise.all(
        values.map((value, index) => nodes[index % 3]?.store.putIfAbsent(kind, 'key', value, ttlMs)),
      )
      t.equal(new Set(kept).size, 1)
      t.ok(values.includes(kept[0] ?? ''), 'one of them')
    }
  })

  await check('the store keeps each key apart, and any text as it is', async (t, room) => {
    const [a, b] = await room.two()
    const texts = ['', ' ', '\n', '"{}"', '0', 'null', '🦊', '\u2028', 'x'.repeat(10_000)]
    for (const text of texts) t.equal(await a.store.putIfAbsent('kind', `key ${text}`, text), text)
    for (const text of texts) t.equal(await b.store.putIfAbsent('kind', `key ${text}`, 'another'), text)
    for (const text of texts) t.equal(await b.store.get('kind', `key ${text}`), text)
    const listed = await b.store.list('kind', '', 100)
    const expected = texts.map((text) => ({ key: `key ${text}`, value: text }))
    t.strictSame(
      listed,
      expected.toSorted((one, other) => inUtf8(one.key, other.key)),
    )
  })

  await check('what nobody has put is not there', async (t, room) => {
    const node = await room.node()
    await node.store.putIfAbsent('kind', 'key', 'value')
    t.equal(await node.store.get('kind', 'other'), undefined)
    t.equal(await node.store.get('other', 'key'), undefined)
    t.strictSame(await node.store.list('other', '', 10), [])
    t.strictSame(await node.store.list('kind', 'key', 10), [])
  })

  await check('kinds are apart from each other, and from what is counted', async (t, room) => {
    const [a, b] = await room.two()
    for (const kind of ['one', 'two', 'on']) await a.store.putIfAbsent(kind, 'key', `of ${kind}`)
    await a.store.count('one', 'key', 5, HOUR_MS)
    await a.store.count('one', 'counted', 5, HOUR_MS)
    t.strictSame(await b.store.list('one', '', 10), [{ key: 'key', value: 'of one' }])
    t.equal(await b.store.get('one', 'key'), 'of one')
    t.equal(await b.store.get('one', 'counted'), undefined)
    t.equal(await b.store.delete('one', 'counted'), false)
    t.equal(await b.store.delete('one', 'key'), true)
    t.equal(await a.store.get('two', 'key'), 'of two')
    t.strictSame(await keys(a, 'on'), ['key'])
    t.equal((await a.store.count('one', 'key', 0, HOUR_MS)).count, 5)
    t.equal((await a.store.count('two', 'key', 0, HOUR_MS)).count, 0)
  })

  await check('what is kept for a while is gone afterwards, for every node', async (t, room) => {
    const [a, b] = await room.two()
    t.equal(await a.store.putIfAbsent('kind', 'key', 'first', SHORT_MS), 'first')
    await a.store.putIfAbsent('kind', 'other', 'for good')
    for (const { store } of [a, b])
      await until('it is gone', async () => (await store.get('kind', 'key')) === undefined)
    for (const node of [a, b]) t.strictSame(await keys(node, 'kind'), ['other'])
    t.equal(await b.store.delete('kind', 'key'), false)
    t.equal(await b.store.putIfAbsent('kind', 'key', 'second'), 'second')
    t.equal(await a.store.get('kind', 'key'), 'second')
    t.strictSame(await a.store.list('kind', '', 1), [{ key: 'key', value: 'second' }], 'for good')
  })

  await check('when it is forgotten is told, and nobody who comes later changes it', async (t, room) => {
    const [a, b] = await room.two()
    const before = Date.now()
    await a.store.putIfAbsent('kind', 'key', 'value', HOUR_MS)
    await b.store.putIfAbsent('kind', 'key', 'value', SHORT_MS)
    await b.store.putIfAbsent('kind', 'key', 'value', 10 * HOUR_MS)
    await b.store.putIfAbsent('kind', 'key', 'value')
    const [{ expiresAt = 0 } = {}] = await b.store.list('kind', '', 1)
    t.ok(expiresAt > before + HOUR_MS - 1000 && expiresAt <= Date.now() + HOUR_MS, `${expiresAt - before} ms`)
  })

  await check('a kind is listed by the order of its keys in UTF-8', async (t, room) => {
    const [a, b] = await room.two()
    const ordered = [' ', '"', '0', '10', '9', 'A', 'Z', 'a', 'aa', 'b', 'ñ', 'ﬀ', '🦊']
    for (const key of ordered.toReversed()) await a.store.putIfAbsent('kind', key, 'value')
    t.strictSame(await keys(b, 'kind'), ordered)
    for (const [index, key] of ordered.entries())
      t.strictSame(await keys(b, 'kind', key), ordered.slice(index + 1), `behind ${key}`)
  })

  await check('a list goes on behind any key, and has as many as are asked for', async (t, room) => {
    const [a, b] = await room.two()
    const all = numbers(250).map((number) => `${number}`.padStart(3, '0'))
    await Promise.all(all.map((key) => a.store.putIfAbsent('kind', key, `value of ${key}`)))
    const listed: string[] = []
    for (let page = ['']; page.length > 0; listed.push(...page)) {
      page = await keys(b, 'kind', listed.at(-1), 60)
      t.ok(page.length <= 60, `${page.length}`)
    }
    t.strictSame(listed, all)
    t.strictSame(await keys(b, 'kind', '', 250), all)
    t.strictSame(await keys(b, 'kind', '0999', 3), ['100', '101', '102'], 'behind one that is not there')
    t.strictSame(await keys(b, 'kind', '248', 5), ['249'])
    t.strictSame(await keys(b, 'kind', '249', 5), [])
    t.strictSame(await keys(b, 'kind', '', 0), [])
  })

  await check('a list leaves out what has been forgotten, and goes on behind it', async (t, room) => {
    const [a, b] = await room.two()
    const all = numbers(240).map((number) => `${number}`.padStart(3, '0'))
    const stays = (key: string) => Number(key) % 60 === 59
    await Promise.all(
      all.map((key) => a.store.putIfAbsent('kind', key, 'value', stays(key) ? undefined : SHORT_MS)),
    )
    await until('they are gone', async () => (await keys(b, 'kind')).length === 4)
    t.strictSame(await keys(b, 'kind', '', 2), ['059', '119'])
    t.strictSame(await keys(b, 'kind', '119', 2), ['179', '239'])
    await a.store.delete('kind', '179')
    t.strictSame(await keys(b, 'kind', '119', 2), ['239'])
  })

  await check('what is deleted is there no more, and another may be put', async (t, room) => {
    const [a, b] = await room.two()
    await a.store.putIfAbsent('kind', 'key', 'first')
    await a.store.putIfAbsent('kind', 'other', 'other')
    t.equal(await b.store.delete('kind', 'key'), true)
    t.equal(await a.store.delete('kind', 'key'), false)
    t.equal(await a.store.delete('kind', 'never'), false)
    t.equal(await a.store.get('kind', 'key'), undefined)
    t.strictSame(await keys(a, 'kind'), ['other'])
    t.equal(await b.store.putIfAbsent('kind', 'key', 'second'), 'second')
    t.equal(await a.store.get('kind', 'key'), 'second')
    t.strictSame(await keys(a, 'kind'), ['key', 'other'])
  })

  await check('of many who delete at once one is told that there was something', async (t, room) => {
    const nodes = await room.three()
    await nodes[0].store.putIfAbsent('kind', 'key', 'value')
    const deleted = await Promise.all(
      numbers(12).map((index) => nodes[index % 3]?.store.delete('kind', 'key')),
    )
    t.equal(deleted.filter(Boolean).length, 1)
  })

  await check('all nodes count together', async (t, room) => {
    const [a, b] = await room.two()
    const look = async () => (await b.store.count('kind', 'key', 0, HOUR_MS)).count
    t.strictSame(await a.store.count('kind', 'key', 0, HOUR_MS), { count: 0, leftMs: 0 })
    t.equal((await a.store.count('kind', 'key', 1, HOUR_MS)).count, 1)
    t.equal((await b.store.count('kind', 'key', 1, HOUR_MS)).count, 2)
    t.equal((await a.store.count('kind', 'key', 3, HOUR_MS)).count, 5)
    t.equal(await look(), 5)
    t.equal((await a.store.count('kind', 'key', -1, HOUR_MS)).count, 4)
    t.equal(await look(), 4)
    t.equal((await a.store.count('kind', 'another', 0, HOUR_MS)).count, 0)
  })

  await check('what is not there cannot be taken back', async (t, room) => {
    const [a, b] = await room.two()
    t.strictSame(await a.store.count('kind', 'key', -1, HOUR_MS), { count: 0, leftMs: 0 })
    t.equal((await b.store.count('kind', 'key', 1, HOUR_MS)).count, 1)
    t.equal((await a.store.count('kind', 'key', -2, HOUR_MS)).count, 0)
    t.equal((await b.store.count('kind', 'key', 1, HOUR_MS)).count, 1)
  })

  await check('of many who count at once each is counted', async (t, room) => {
    const nodes = await room.three()
    const counts = await Promise.all(
      numbers(90).map(
        async (index) => (await nodes[index % 3]?.store.count('kind', 'key', 1, HOUR_MS))?.count,
      ),
    )
    t.strictSame(new Set(counts), new Set(numbers(90).map((number) => number + 1)))
  })

  await check('a window begins with the first who counts, and no other moves its end', async (t, room) => {
    const [a, b] = await room.two()
    await a.store.count('kind', 'key', 0, 1)
    const { leftMs } = await a.store.count('kind', 'key', 1, HOUR_MS)
    t.ok(leftMs > HOUR_MS - 10_000 && leftMs <= HOUR_MS, `${leftMs} ms`)
    for (const by of [1, 0, -1, -1, 1]) {
      const later = await b.store.count('kind', 'key', by, 10 * HOUR_MS)
      t.ok(later.leftMs > HOUR_MS - 10_000 && later.leftMs <= leftMs, `${later.leftMs} ms after ${by}`)
    }
  })

  await check('when a window is over it is counted anew', async (t, room) => {
    const [a, b] = await room.two()
    await a.store.count('kind', 'key', 7, SHORT_MS)
    await until('it is over', async () => (await b.store.count('kind', 'key', 0, HOUR_MS)).count === 0)
    t.strictSame(await a.store.count('kind', 'key', 0, HOUR_MS), { count: 0, leftMs: 0 })
    const { count, leftMs } = await b.store.count('kind', 'key', 1, HOUR_MS)
    t.equal(count, 1)
    t.ok(leftMs > HOUR_MS - 10_000, `${leftMs} ms`)
  })
}
