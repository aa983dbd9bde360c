import type { Check } from '../check.js'
import {
  announce,
  changeStatus,
  erase,
  frameOf,
  join,
  leave,
  legible,
  person,
  say,
  whisper,
} from '../people.js'
import { last, type TestNode, type TestRoom, verdicts } from '../room.js'

const contents = async ({ backplane }: TestNode, limit = 100) =>
  (await backplane.history(undefined, limit)).map((said) => JSON.parse(frameOf(said)).content)

const many = (count: number, first = 1) => Array.from({ length: count }, (_, index) => `${first + index}`)

/** A room in which so many things were said, with joins and departures between. */
async function talk(room: TestRoom, count: number) {
  const [a, b] = await room.two()
  const ana = await a.enter('Ana')
  const said = []
  for (const text of many(count)) {
    const passing = person(`Passing ${text}`)
    await b.done(join(passing), leave(passing))
    said.push(last(await a.done(say(ana, text))))
  }
  return { a, b, ana, said }
}

const FEW = { keptEvents: 100_000, historyLength: 5 }

export async function history(check: Check): Promise<void> {
  await check('what was said last is kept, by whomever, the oldest first', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await b.enter('Beto')
    t.strictSame(await a.backplane.history(undefined, 10), [])
    const [first, second, third] = [say(ana, 'uno\t\n"ñ"'), announce('dos'), say(beto, 'tres')]
    const where = [
      ...(await a.done(first, changeStatus(ana, 'OCUPADO'), whisper(ana, 'Beto'), second)),
      ...(await b.done(third)),
    ]
    const expected = [
      { kind: 'said', position: where[0], key: ana.key, frame: frameOf(first) },
      { kind: 'said', position: where[3], key: undefined, frame: frameOf(second) },
      { kind: 'said', position: where[4], key: beto.key, frame: frameOf(third) },
    ]
    for (const node of [a, b, await room.node()]) {
      const history = async (limit: number) => (await node.backplane.history(undefined, limit)).map(legible)
      t.strictSame(await history(10), expected)
      t.strictSame(await history(3), expected)
      t.strictSame(await history(2), expected.slice(1), 'the latest')
      t.strictSame(await history(1), expected.slice(2))
    }
  })

  await check('it is read page by page, backwards', async (t, room) => {
    const { a, b, said } = await talk(room, 9)
    const before = async (place = last(said), limit = 3) =>
      (await b.backplane.history(place, limit)).map(({ position }) => position)
    t.strictSame(await before(), said.slice(5, 8))
    t.strictSame(await before(said[5]), said.slice(2, 5))
    t.strictSame(await before(said[2]), said.slice(0, 2), 'as many as there are')
    t.strictSame(await before(said[0]), [])
    const { position } = await a.catchUp()
    t.strictSame(await before({ ...position, offset: position.offset + 100 }), said.slice(6))
    const [third = position] = said.slice(2)
    const between = { ...third, offset: third.offset + 1 }
    t.strictSame(await before(between, 2), said.slice(1, 3), 'also before what nobody said')
    t.strictSame(await before({ ...position, offset: 0 }), [])
  })

  await check(
    'so many are kept, however many came and went between',
    async (t, room) => {
      const { a, b, ana, said } = await talk(room, 12)
      t.strictSame(await contents(b), many(5, 8))
      t.strictSame(await b.backplane.history(said[7], 10), [])
      t.strictSame(
        (await b.backplane.history(said[9], 10)).map(({ position }) => position),
        said.slice(7, 9),
      )
      await a.done(...many(20, 13).map((text) => say(ana, text)))
      t.strictSame(await contents(b), many(5, 28), 'also of what was said at once')
    },
    { ...FEW, keptEvents: 10 },
  )

  await check(
    'nothing is kept where nothing is to be',
    async (t, room) => {
      const { b, a, ana, said } = await talk(room, 3)
      t.strictSame(await contents(b), [])
      t.strictSame(verdicts(await a.commit(erase(last(said)))), ['UNKNOWN_MESSAGE'])
      t.strictSame(verdicts(await a.commit(say(ana))), ['ok'])
    },
    { ...FEW, historyLength: 0 },
  )

  await check('what an operator takes out is there no more, and everybody is told once', async (t, room) => {
    const { a, b, said } = await talk(room, 5)
    const [, second, , fourth] = said
    if (second === undefined || fourth === undefined) throw new Error('nothing was said')
    const { position } = await a.catchUp()
    const outcomes = await b.commit(erase(second), erase(second), erase(fourth))
    t.strictSame(verdicts(outcomes), ['ok', 'UNKNOWN_MESSAGE', 'ok'])
    for (const node of [a, b]) {
      t.strictSame(verdicts(await node.commit(erase(second))), ['UNKNOWN_MESSAGE'])
      t.strictSame(await contents(node), ['1', '3', '5'])
      await node.catchUp()
      const [one, other, ...more] = node.log.slice(position.offset)
      t.strictSame(
        [one, other],
        [
          { kind: 'erased', position: { ...position, offset: position.offset + 1 }, message: second },
          { kind: 'erased', position: { ...position, offset: position.offset + 2 }, message: fourth },
        ],
      )
      t.strictSame(more, [])
    }
    t.strictSame(
      (await b.backplane.history(last(said), 2)).map(({ position }) => position),
      [said[0], said[2]],
    )
  })

  await check(
    'only what was said, and is kept, can be taken out',
    async (t, room) => {
      const { a, b, ana, said } = await talk(room, 8)
      const [position] = await a.done(changeStatus(ana, 'OCUPADO'))
      const [first] = said
      const kept = last(said)
      if (first === undefined || position === undefined) throw new Error('nothing was said')
      const others = [
        first,
        position,
        { ...kept, offset: kept.offset + 100 },
        { ...kept, offset: 0 },
        { ...kept, epoch: 'another' },
        { ...kept, epoch: '' },
        { ...kept, epoch: `${kept.epoch}0` },
        { ...kept, epoch: kept.epoch.slice(0, -1) },
      ]
      t.strictSame(
        verdicts(await b.commit(...others.map(erase))),
        others.map(() => 'UNKNOWN_MESSAGE'),
      )
      t.strictSame(await contents(a), many(5, 4))
      t.strictSame((await b.backplane.snapshot()).position, position, 'and nothing is told')
    },
    FEW,
  )

  await check(
    'what was taken out makes room for another',
    async (t, room) => {
      const { a, b, ana, said } = await talk(room, 5)
      await b.done(erase(last(said)))
      await a.done(say(ana, '6'))
      t.strictSame(await contents(b), ['1', '2', '3', '4', '6'])
      await a.done(say(ana, '7'))
      t.strictSame(await contents(b), ['2', '3', '4', '6', '7'])
    },
    FEW,
  )
}
