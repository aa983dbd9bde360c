import fc from 'fast-check'
import type { Check } from '../check.js'
import { changeStatus, frameOf, join, leave, legible, type Person, person, say } from '../people.js'
import { last, positions, type TestNode } from '../room.js'

const offsets = (all: readonly { readonly offset: number }[]) => all.map(({ offset }) => offset)

export async function log(check: Check): Promise<void> {
  await check('events are what was proposed, one offset each, without gaps', async (t, room) => {
    const [a, b] = await room.two()
    const ana = person('Ana')
    const proposals = [join(ana), say(ana, 'hola'), changeStatus(ana, 'OCUPADO'), leave(ana)] as const
    const where = await a.done(...proposals)
    t.strictSame(offsets(where), [1, 2, 3, 4])
    await b.sink.reach(last(where))
    const { key, session } = ana
    const { ip, status, connectedAt } = proposals[0]
    const [first] = b.log
    const order = first?.kind === 'joined' ? first.presence.order : undefined
    const frames = proposals.map(frameOf)
    t.strictSame(b.log.map(legible), [
      {
        kind: 'joined',
        position: where[0],
        presence: { ...ana, node: a.id, ip, status, connectedAt, order },
        fresh: true,
        at: connectedAt,
      },
      { kind: 'said', position: where[1], key, frame: frames[1] },
      { kind: 'status', position: where[2], key, session, status: 'OCUPADO', frame: frames[2] },
      { kind: 'left', position: where[3], key, session, frame: frames[3] },
    ])
  })

  await check(
    'all nodes, the one that proposed too, are told the same in the same order',
    async (t, room) => {
      const nodes = await room.three()
      const people = await Promise.all(nodes.map((node, index) => node.enter(`user ${index}`)))
      const talk = async (node: TestNode, who: Person | undefined) => {
        for (let count = 0; who !== undefined && count < 20; count += 1) {
          await node.done(say(who, `${count}`), changeStatus(who, count % 2 === 0 ? 'OCUPADO' : 'ACTIVO'))
        }
      }
      await Promise.all(nodes.map((node, index) => talk(node, people[index])))
      const [a, b, c] = nodes
      for (const node of nodes) await node.catchUp()
      t.ok(a.log.length >= 3 * 40)
      t.strictSame(b.log.map(legible).slice(-120), a.log.map(legible).slice(-120))
      t.strictSame(c.log.map(legible).slice(-120), a.log.map(legible).slice(-120))
    },
  )

  await check(
    'calls take effect in the order in which they were made, also when none is awaited',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enter('Ana')
      const texts = Array.from({ length: 50 }, (_, index) => `${index}`)
      const outcomes = await Promise.all(texts.map((text) => a.commit(say(ana, text))))
      const where = positions(outcomes.flat())
      t.strictSame(
        offsets(where),
        Array.from(texts, (_, index) => index + 2),
      )
      await b.sink.reach(last(where))
      t.strictSame(
        b.log.slice(1).map(frameOf),
        texts.map((text) => frameOf(say(ana, text))),
      )
    },
  )

  await check('what is proposed in one call stands together in the log', async (t, room) => {
    const nodes = await room.three()
    const people = await Promise.all(nodes.map((node, index) => node.enter(`user ${index}`)))
    const calls = nodes.flatMap((node, index) => {
      const who = people[index] ?? person('nobody')
      return Array.from({ length: 10 }, () => node.done(say(who, '1'), say(who, '2'), say(who, '3')))
    })
    for (const where of await Promise.all(calls)) {
      const [first = 0] = offsets(where)
      t.strictSame(offsets(where), [first, first + 1, first + 2])
    }
  })

  await check('one call may hold much', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const texts = Array.from({ length: 700 }, (_, index) => `${index} `.padEnd(1500, 'x'))
    const where = await a.done(...texts.map((text) => say(ana, text)))
    t.strictSame(
      offsets(where),
      Array.from(texts, (_, index) => index + 2),
    )
    await b.sink.reach(last(where))
    const frames = b.log.slice(1).map(frameOf)
    t.ok(
      frames.every((frame, index) => frame === frameOf(say(ana, texts[index]))),
      'all of it, in order',
    )
  })

  await check('one call may hold nothing', async (t, room) => {
    const node = await room.node()
    t.strictSame(await node.commit(), [])
    t.equal((await node.backplane.snapshot()).position.offset, 0)
  })

  await check('frames are delivered byte for byte', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const content = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom(
        '\n',
        '\r\n',
        '\\n',
        '"',
        '\u2028',
        '{"a":1}',
        '%s',
        '\ud83e',
        '🦊',
        'x'.repeat(65_536),
      ),
    )
    const texts = ['', ...fc.sample(content, 100)]
    const where = await a.done(...texts.map((text) => say(ana, text)))
    await b.sink.reach(last(where))
    t.strictSame(
      b.log.slice(1).map(frameOf),
      texts.map((text) => frameOf(say(ana, text))),
    )
  })

  await check('names, addresses and sessions may hold any character', async (t, room) => {
    const [a, b] = await room.two()
    const names = [
      '"',
      '\\',
      "a'b",
      'a b',
      '{x}',
      'a:b',
      '*',
      '%d',
      '🦊',
      'مريم',
      'null',
      '__proto__',
      '0',
      '-1',
      'İ',
    ]
    const people = names.map((name) => person(name))
    const where = await a.done(...people.map((who) => join(who, { ip: '2001:db8::1' })))
    await a.done(...people.map((who) => changeStatus(who, 'OCUPADO')))
    await b.catchUp()
    t.match(
      b.present(),
      people.map((who) => ({ ...who, ip: '2001:db8::1', status: 'OCUPADO', node: a.id })),
    )
    t.equal(where.length, names.length)
    for (const { key, name } of people) t.match(await b.backplane.find(key), { key, name })
  })
}
