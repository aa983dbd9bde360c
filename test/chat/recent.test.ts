import t from 'tap'
import { Recent } from '../../src/chat/recent.js'
import { encode } from '../../src/protocol/codec.js'
import type { Said } from '../../src/room/events.js'

function said(offset: number): Said {
  const frame = Buffer.from(encode.broadcast('Ana', `m${offset}`, 0))
  return { kind: 'said', position: { epoch: 'e', offset }, key: undefined, frame }
}

/** What is kept by the nodes, told when the test says so. */
function distant() {
  const asked: { tell: (kept: Said[]) => void; fail: (error: Error) => void }[] = []
  const history = () => new Promise<Said[]>((resolve, reject) => asked.push({ tell: resolve, fail: reject }))
  return { asked, recent: new Recent({ history }) }
}

const contents = (recent: Recent) =>
  recent.latest(100).map((frame) => JSON.parse(Buffer.from(frame).toString()).content)

t.test('what is said or taken out while the latest are asked for is not lost', async (t) => {
  const { asked, recent } = distant()
  const loading = recent.load()
  recent.add(said(3))
  recent.add(said(4))
  recent.erase(said(1).position)
  recent.erase(said(4).position)
  recent.erase({ epoch: 'other', offset: 2 })
  asked[0]?.tell([said(1), said(2), said(3)])
  await loading
  t.same(contents(recent), ['m2', 'm3'])
  t.ok(recent.loaded)
})

t.test('what was taken out once is not, when the latest are asked for again', async (t) => {
  const { asked, recent } = distant()
  const first = recent.load()
  asked[0]?.tell([said(1), said(2)])
  await first
  recent.erase(said(1).position)
  t.same(contents(recent), ['m2'])
  const second = recent.load()
  recent.add(said(3))
  asked[1]?.tell([said(2)])
  await second
  t.same(contents(recent), ['m2', 'm3'])
})

t.test('where they cannot be had, pages are asked for each time', async (t) => {
  const { asked, recent } = distant()
  const loading = recent.load()
  asked[0]?.fail(new Error('away'))
  await loading
  t.notOk(recent.loaded)
  recent.add(said(1))
  recent.add(said(2))
  const page = recent.page(undefined, 1)
  asked[1]?.tell([said(1), said(2)])
  t.match(await page, { messages: [said(2)], more: true })
  t.equal(asked.length, 2)
})
