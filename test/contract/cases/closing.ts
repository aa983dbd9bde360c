import { until } from '../../support/until.js'
import type { Check } from '../check.js'
import { frameOf, join, leave, person, say, tellsDeparture, whisper } from '../people.js'
import { last, verdicts } from '../room.js'

export async function closing(check: Check): Promise<void> {
  await check('who a node still holds when it closes leaves, and everyone is told', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const gone = await a.enter('Beto')
    const carla = await b.enter('Carla')
    await a.done(leave(gone))
    await a.backplane.close()
    await b.sink.until('the departure', () =>
      b.log.some((event) => event.kind === 'left' && event.key === ana.key),
    )
    await b.catchUp()
    t.match(b.present(), [carla])
    const left = b.log.filter((event) => event.kind === 'left')
    t.match(left, [{ session: gone.session }, { session: ana.session }])
    t.equal(left.length, 2)
    t.ok(tellsDeparture(frameOf(last(left)), 'Ana'))
    await until('one node', async () => (await b.backplane.nodes()).length === 1)
  })

  await check('a node that has closed commits nothing', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    await a.backplane.close()
    const outcomes = await a.commit(join(person('Beto')), say(ana), leave(ana), whisper(ana, 'Ana'))
    t.strictSame(verdicts(outcomes), Array(4).fill('UNAVAILABLE'))
    t.strictSame(await a.commit(), [])
    await b.catchUp()
    t.strictSame(b.present(), [])
  })

  await check('a node that has closed is told nothing more', async (t, room) => {
    const [a, b] = await room.two()
    const beto = await b.enter('Beto')
    await a.enter('Ana')
    await a.backplane.close()
    const told = a.sink.told.length
    await b.done(say(beto))
    await b.catchUp()
    t.equal(a.sink.told.length, told)
    t.notOk(a.sink.told.some(({ kind }) => kind === 'lapsed'))
  })

  await check(
    'what was committed before closing is in the log if, and only if, it was accepted',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enter('Ana')
      const calls = Array.from({ length: 20 }, (_, index) => a.commit(say(ana, `${index}`)))
      await a.backplane.close()
      const outcomes = (await Promise.all(calls)).flat()
      await b.catchUp()
      const said = b.log.filter(({ kind }) => kind === 'said')
      const accepted = outcomes.flatMap((outcome) => (outcome.ok ? outcome.position : []))
      t.strictSame(
        said.map(({ position }) => position),
        accepted,
      )
    },
  )

  await check('a node may be closed twice', async (t, room) => {
    const [a, b] = await room.two()
    await a.enter('Ana')
    const beto = await b.enter('Beto')
    await Promise.all([a.backplane.close(), a.backplane.close()])
    await a.backplane.close()
    await b.catchUp()
    t.match(b.present(), [beto])
    t.equal(b.present().length, 1)
  })
}
