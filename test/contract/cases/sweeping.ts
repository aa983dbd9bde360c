import type { Left } from '../../../src/room/events.js'
import { until } from '../../support/until.js'
import type { Check } from '../check.js'
import {
  changeStatus,
  claim,
  frameOf,
  join,
  leave,
  type Person,
  person,
  say,
  tellsDeparture,
  whisper,
} from '../people.js'
import { last, type TestNode, verdicts } from '../room.js'

const names = (users: Iterable<{ readonly name: string }>) => Array.from(users, ({ name }) => name)
const departures = ({ log }: TestNode): Left[] => log.filter((event) => event.kind === 'left')

/** Waits until a node was told that all these have left. */
async function untilGone(node: TestNode, people: readonly Person[]): Promise<void> {
  await node.sink.until(`the departures of ${names(people)}`, () => {
    const gone = new Set(departures(node).map(({ session }) => session))
    return people.every(({ session }) => gone.has(session))
  })
}

async function untilLapsed({ sink }: TestNode): Promise<void> {
  await sink.until('that it lapsed', (told) => told.some(({ kind }) => kind === 'lapsed'))
}

export async function sweeping(check: Check): Promise<void> {
  await check('the users of a node that is swept leave, and everyone is told once', async (t, room) => {
    const [a, b] = await room.two()
    const people = [await a.enter('Ana'), await a.enter('"Beto"'), await a.enter('Dora')]
    const carla = await b.enter('Carla')
    await room.sweep(a)
    await untilGone(b, people)
    await untilLapsed(a)
    await b.catchUp()
    t.equal(departures(b).length, people.length)
    for (const { key, session, frame } of departures(b)) {
      const who = people.find((one) => one.session === session)
      t.equal(key, who?.key)
      t.ok(tellsDeparture(Buffer.from(frame).toString(), who?.name ?? ''), `${who?.name}: ${frame}`)
    }
    t.match(b.present(), [carla])
    t.strictSame((await b.backplane.snapshot()).users, b.present())
    t.strictSame(frameOf(last(a.log)), frameOf(last(b.log)), 'the node that was swept is told too')
  })

  await check(
    'a node that was swept is told so behind the departures, and has a new identity',
    async (t, room) => {
      const [a, b] = await room.two()
      const old = a.id
      const people = [await a.enter('Ana'), await a.enter('Beto')]
      await room.sweep(a)
      await untilLapsed(a)
      const { told } = a.sink
      t.strictSame(
        told.slice(-3).map(({ kind }) => kind),
        ['left', 'left', 'lapsed'],
      )
      t.equal(departures(a).length, people.length)
      t.not(a.id, old)
      await until('only the new identity', async () => {
        const nodes = await b.backplane.nodes()
        const ids = nodes.map(({ id }) => id)
        return ids.length === 2 && ids.includes(a.id) && ids.includes(b.id)
      })
    },
  )

  await check('its old sessions act no more, and nobody can write to them', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const beto = await b.enter('Beto')
    await room.sweep(a)
    await untilGone(b, [ana])
    const proposals = [say(ana), changeStatus(ana, 'OCUPADO'), whisper(ana, 'Beto'), leave(ana)]
    t.strictSame(verdicts(await a.commit(...proposals)), Array(4).fill('FENCED'), 'at once')
    await untilLapsed(a)
    t.strictSame(verdicts(await a.commit(...proposals)), Array(4).fill('FENCED'), 'and later')
    t.strictSame(verdicts(await b.commit(whisper(beto, 'Ana'))), ['UNKNOWN_TARGET'])
    t.equal(await b.backplane.find(ana.key), undefined)
    t.strictSame(b.sink.messages, [])
  })

  await check('it claims its sessions again, each as it was and in its old place', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana', { connectedAt: 1, ip: '203.0.113.9' })
    await b.enter('Beto')
    const carla = await a.enter('Carla', { connectedAt: 2 })
    await a.done(changeStatus(carla, 'OCUPADO'))
    const before = await b.catchUp()
    await room.sweep(a)
    await untilLapsed(a)
    const own = before.users.filter(({ session }) => session === ana.session || session === carla.session)
    await a.done(...own.toReversed().map(claim))
    const after = await b.catchUp()
    const expected = before.users.map((user) => (own.includes(user) ? { ...user, node: a.id } : user))
    t.strictSame(after.users, expected)
    t.strictSame(b.present(), expected)
    await a.done(say(ana))
    await a.catchUp()
    t.strictSame(a.present(), expected)
  })

  await check('it may claim from within, at the moment that it is told', async (t, room) => {
    const [a, b] = await room.two()
    const people = Array.from({ length: 600 }, (_, index) => person(`user ${index}`))
    await a.done(...people.map((who) => join(who)))
    const before = await b.catchUp()
    const claims = new Promise<string[]>((resolve, reject) => {
      a.sink.react = ({ kind }) => {
        if (kind === 'lapsed')
          a.commit(...before.users.map(claim)).then((all) => resolve(verdicts(all)), reject)
      }
    })
    await room.sweep(a)
    await untilLapsed(a)
    t.strictSame(new Set(await claims), new Set(['ok']))
    await b.catchUp()
    t.strictSame(
      b.present(),
      before.users.map((user) => ({ ...user, node: a.id })),
    )
    t.equal(departures(b).length, people.length)
  })

  await check('a name that somebody took meanwhile is not given back', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const was = await a.presenceOf(ana)
    await room.sweep(a)
    await untilGone(b, [ana])
    const other = await b.enter('ANA')
    await untilLapsed(a)
    t.strictSame(verdicts(await a.commit(claim(was), say(ana))), ['NAME_TAKEN', 'FENCED'])
    t.match(await a.backplane.find(ana.key), other)
  })

  await check('a node without users is swept, and nobody else is told anything', async (t, room) => {
    const [a, b] = await room.two()
    await b.enter('Beto')
    const before = await b.catchUp()
    await room.sweep(a)
    await untilLapsed(a)
    t.strictSame(await b.backplane.snapshot(), before)
    t.strictSame(departures(b), [])
  })

  await check('a node that came back can be swept again', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    await room.sweep(a)
    await untilLapsed(a)
    const beto = await a.enter('Beto')
    await room.sweep(a)
    await untilGone(b, [ana, beto])
    await a.sink.until('both', (told) => told.filter(({ kind }) => kind === 'lapsed').length === 2)
    t.strictSame(b.present(), [])
  })
}
