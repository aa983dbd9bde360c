import type { Event, Position } from '../../../src/room/events.js'
import type { Check } from '../check.js'
import { legible, say } from '../people.js'
import { last, type TestNode } from '../room.js'

/** The events after a position, or a failure when they are lost. */
async function read({ backplane }: TestNode, after: Position, limit: number) {
  const slice = await backplane.read(after, limit)
  if (slice === 'lost') throw new Error(`lost: what is after ${after.offset}`)
  return slice
}

const offsets = (events: readonly Event[]) => events.map(({ position }) => position.offset)

export async function reading(check: Check): Promise<void> {
  await check('reading the log gives the events that the nodes were told', async (t, room) => {
    const [a, b] = await room.two()
    const start = a.snapshot.position
    const ana = await a.enter('Ana')
    await a.done(say(ana, '1'), say(ana, '2'))
    const end = last(await a.done(say(ana, '3')))
    await b.sink.reach(end)
    for (const node of [a, b]) {
      const { events, head } = await read(node, start, 100)
      t.strictSame(events.map(legible), b.log.map(legible))
      t.strictSame(head, end)
    }
  })

  await check(
    'reading begins after any position, also in the middle of what was one call',
    async (t, room) => {
      const node = await room.node()
      const ana = await node.enter('Ana')
      const where = await node.done(...['1', '2', '3', '4', '5'].map((text) => say(ana, text)))
      for (const after of where) {
        const { events } = await read(node, after, 100)
        const expected = where.filter(({ offset }) => offset > after.offset).map(({ offset }) => offset)
        t.strictSame(offsets(events), expected, `after ${after.offset}`)
      }
    },
  )

  await check('reading gives at most as many as are asked for, from the first on', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    const where = await node.done(...Array.from({ length: 20 }, (_, index) => say(ana, `${index}`)))
    for (const limit of [1, 2, 7, 20, 21]) {
      const seen: number[] = []
      let after = node.snapshot.position
      for (;;) {
        const { events, head } = await read(node, after, limit)
        t.ok(events.length <= limit)
        t.strictSame(head, last(where))
        seen.push(...offsets(events))
        if (events.length === 0) break
        after = last(events).position
      }
      t.strictSame(
        seen,
        Array.from({ length: 21 }, (_, index) => index + 1),
        `${limit} at a time`,
      )
    }
  })

  await check('after the head there is nothing', async (t, room) => {
    const node = await room.node()
    t.strictSame(await read(node, node.snapshot.position, 10), { events: [], head: node.snapshot.position })
    await node.enter('Ana')
    const { position } = await node.backplane.snapshot()
    t.strictSame(await read(node, position, 10), { events: [], head: position })
  })

  await check('a position that the log does not know is lost', async (t, room) => {
    const node = await room.node()
    await node.enter('Ana')
    const { position } = await node.backplane.snapshot()
    for (const epoch of ['', 'another', position.epoch.slice(0, -1)])
      t.equal(await node.backplane.read({ ...position, epoch }, 10), 'lost', `epoch "${epoch}"`)
    for (const ahead of [1, 1000])
      t.equal(await node.backplane.read({ ...position, offset: position.offset + ahead }, 10), 'lost')
  })

  const kept = { keptEvents: 50 }
  await check(
    'what is no longer kept is lost, and the latest events are kept',
    async (t, room) => {
      const node = await room.node()
      const ana = await node.enter('Ana')
      const start = node.snapshot.position
      const enough = 10_000
      let head = start
      while (head.offset < enough && (await node.backplane.read(start, 1)) !== 'lost') {
        head = last(await node.done(...Array.from({ length: 7 }, (_, index) => say(ana, `${index}`))))
      }
      t.equal(await node.backplane.read(start, 1), 'lost', `after ${head.offset} events`)
      const recent = { ...head, offset: head.offset - kept.keptEvents }
      const { events } = await read(node, recent, 1000)
      t.strictSame(
        offsets(events),
        Array.from({ length: kept.keptEvents }, (_, index) => recent.offset + index + 1),
      )
      for (let offset = 0; offset <= head.offset; offset += 1) {
        const slice = await node.backplane.read({ ...head, offset }, 1)
        if (slice !== 'lost' && offset < head.offset)
          t.strictSame(offsets(slice.events), [offset + 1], 'no gap')
      }
    },
    kept,
  )

  await check('what a node reads and what it is told afterwards is the whole log', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const writing = Promise.all(Array.from({ length: 30 }, (_, index) => a.commit(say(ana, `${index}`))))
    const { events, head } = await read(b, b.snapshot.position, 1000)
    t.equal(last([b.snapshot.position, ...events.map(({ position }) => position)]).offset, head.offset)
    await writing
    await b.catchUp()
    t.strictSame(events.map(legible), b.log.slice(0, events.length).map(legible))
  })
}
