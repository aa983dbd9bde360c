import type { Check } from '../check.js'
import { changeStatus, frameOf, join, leave, legible, person, say, whisper } from '../people.js'
import { isEvent } from '../recording-sink.js'
import { last, type TestNode, verdicts } from '../room.js'

/** What a node was told since, each by its frame. */
const framesFrom = ({ sink }: TestNode, start: number) =>
  sink.told.slice(start).map((told) => (isEvent(told) || told.kind === 'private' ? frameOf(told) : told.kind))

export async function privateMessages(check: Check): Promise<void> {
  await check(
    'a private message is told to the node of its target, for its session, and to no other',
    async (t, room) => {
      const [a, b, c] = await room.three()
      const ana = await a.enter('Ana')
      const beto = await b.enter('Beto')
      await c.enter('Carla')
      const message = whisper(ana, 'BETO', 'secreto')
      await a.done(message)
      const after = last(await a.done(say(ana)))
      for (const node of [a, b, c]) await node.sink.reach(after)
      t.strictSame(b.sink.messages.map(legible), [
        { kind: 'private', session: beto.session, frame: frameOf(message) },
      ])
      t.strictSame(a.sink.messages, [])
      t.strictSame(c.sink.messages, [])
    },
  )

  await check(
    'a private message keeps its place among what its sender proposed in the call',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enter('Ana')
      await b.enter('Beto')
      await a.enter('Carla')
      const proposals = [
        whisper(ana, 'Beto', 'first of all'),
        say(ana, '1'),
        whisper(ana, 'Beto', '2'),
        whisper(ana, 'Beto', '3'),
        say(ana, '4'),
        changeStatus(ana, 'OCUPADO'),
        whisper(ana, 'Carla', 'not for this node'),
        whisper(ana, 'Beto', '5'),
        leave(ana),
      ]
      const { position } = await b.catchUp()
      t.equal(position.offset, 3)
      const start = b.sink.told.length
      await b.sink.reach(last(await a.done(...proposals)))
      const forBeto = proposals.filter((one) => !(one.kind === 'private' && one.target === 'carla'))
      t.strictSame(framesFrom(b, start), forBeto.map(frameOf))
    },
  )

  await check('it keeps its place also among calls that are not awaited', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    await b.enter('Beto')
    await b.catchUp()
    const start = b.sink.told.length
    const proposals = Array.from({ length: 40 }, (_, index) =>
      index % 3 === 0 ? say(ana, `${index}`) : whisper(ana, 'Beto', `${index}`),
    )
    await Promise.all(proposals.map((proposal) => a.done(proposal)))
    await b.sink.until('all of them', (told) => told.length >= start + proposals.length)
    t.strictSame(framesFrom(b, start), proposals.map(frameOf))
  })

  await check(
    'it has the position of the event that it stands behind, and no offset of its own',
    async (t, room) => {
      const node = await room.node()
      const ana = await node.enter('Ana')
      const where = await node.done(
        whisper(ana, 'Ana'),
        say(ana),
        whisper(ana, 'Ana'),
        whisper(ana, 'Ana'),
        say(ana),
      )
      t.strictSame(
        where.map(({ offset }) => offset),
        [1, 2, 2, 2, 3],
      )
      t.equal(last(await node.done(whisper(ana, 'Ana'))).offset, 3)
    },
  )

  await check('it is not in the log', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    await node.done(say(ana), whisper(ana, 'Ana'), say(ana))
    const slice = await node.backplane.read(node.snapshot.position, 10)
    t.match(slice, { events: [{ kind: 'joined' }, { kind: 'said' }, { kind: 'said' }] })
    t.equal(slice === 'lost' ? 0 : slice.events.length, 3)
  })

  await check('one may write to oneself', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    await node.done(whisper(ana, 'Ana', 'nota'))
    await node.sink.until('the message', () => node.sink.messages.length === 1)
    t.match(node.sink.messages, [{ session: ana.session }])
  })

  await check('nobody who is absent is written to, and that refuses nothing else', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const beto = await b.enter('Beto')
    const outcomes = await a.commit(say(ana), whisper(ana, 'nobody'), say(ana), whisper(ana, 'Beto'))
    t.strictSame(verdicts(outcomes), ['ok', 'UNKNOWN_TARGET', 'ok', 'ok'])
    await b.done(leave(beto))
    t.strictSame(verdicts(await a.commit(whisper(ana, 'Beto'))), ['UNKNOWN_TARGET'])
  })

  await check(
    'who enters in the same call can be written to, and who leaves in it cannot any more',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await b.enter('Ana')
      const carla = person('Carla')
      const outcomes = await a.commit(
        join(carla),
        whisper(carla, 'Ana', 'aquí estoy'),
        whisper(carla, 'Carla'),
        leave(carla),
      )
      t.strictSame(verdicts(outcomes), ['ok', 'ok', 'ok', 'ok'])
      t.strictSame(verdicts(await b.commit(leave(ana), whisper(ana, 'Ana'))), ['ok', 'FENCED'])
      const dora = await a.enter('Dora')
      const eva = await a.enter('Eva')
      const later = await a.commit(leave(dora), whisper(eva, 'Dora'))
      t.strictSame(verdicts(later), ['ok', 'UNKNOWN_TARGET'])
      await a.catchUp()
      await b.catchUp()
      t.match(b.sink.messages, [{ session: ana.session }])
      t.match(a.sink.messages, [{ session: carla.session }])
      t.equal(a.sink.messages.length + b.sink.messages.length, 2)
    },
  )

  await check('what somebody writes in the name of another is not delivered', async (t, room) => {
    const [a, b] = await room.two()
    await a.enter('Ana')
    await b.enter('Beto')
    t.strictSame(verdicts(await a.commit(whisper(person('Ana'), 'Beto'))), ['FENCED'])
    await a.enter('Carla')
    await b.catchUp()
    t.strictSame(b.sink.messages, [])
  })
}
