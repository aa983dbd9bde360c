import type { Check } from '../check.js'
import { changeStatus, join, leave, legible, person, say, whisper } from '../people.js'
import { last, verdicts } from '../room.js'

export async function judging(check: Check): Promise<void> {
  await check('a name that somebody has is taken, on every node and in any case', async (t, room) => {
    const [a, b] = await room.two()
    await a.enter('Ana')
    for (const node of [a, b])
      t.strictSame(verdicts(await node.commit(join(person('Ana')), join(person('ANA')))), [
        'NAME_TAKEN',
        'NAME_TAKEN',
      ])
  })

  await check('of many who want one name at once exactly one gets it', async (t, room) => {
    const nodes = [...(await room.three()), await room.node()]
    const names = Array.from({ length: 25 }, (_, index) => `name ${index}`)
    const tries = nodes.map((node) => ({ node, people: names.map(person) }))
    const outcomes = await Promise.all(
      tries.map(({ node, people }) => node.commit(...people.map((who) => join(who)))),
    )
    for (const [index, name] of names.entries()) {
      const each = verdicts(outcomes.flatMap((one) => one[index] ?? []))
      t.strictSame(each.toSorted(), ['NAME_TAKEN', 'NAME_TAKEN', 'NAME_TAKEN', 'ok'], name)
      const { node, people } = tries[each.indexOf('ok')] ?? {}
      const winner = people?.[index] ?? person('nobody')
      t.match(await nodes[0]?.backplane.find(winner.key), { session: winner.session, node: node?.id })
      for (const other of tries) {
        const who = other.people[index] ?? person('nobody')
        t.strictSame(verdicts(await other.node.commit(say(who))), [other.node === node ? 'ok' : 'FENCED'])
      }
    }
  })

  await check(
    'proposals of one call are judged in order, each as if those before it had happened',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = person('Ana')
      const another = person('Ana')
      const outcomes = await a.commit(
        say(ana),
        join(ana),
        say(ana),
        join(another),
        changeStatus(ana, 'OCUPADO'),
        changeStatus(ana, 'OCUPADO'),
        leave(ana),
        say(ana),
        join(another),
        say(another),
      )
      const expected = ['FENCED', 'ok', 'ok', 'NAME_TAKEN', 'ok', 'UNCHANGED', 'ok', 'FENCED', 'ok', 'ok']
      t.strictSame(verdicts(outcomes), expected)
      await b.catchUp()
      t.strictSame(
        b.log.map(({ kind }) => kind),
        ['joined', 'said', 'status', 'left', 'joined', 'said'],
      )
    },
  )

  await check('what is so already is not changed', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana', { status: 'OCUPADO' })
    t.strictSame(verdicts(await node.commit(changeStatus(ana, 'OCUPADO'), join(ana))), [
      'UNCHANGED',
      'UNCHANGED',
    ])
    t.strictSame(verdicts(await node.commit(changeStatus(ana, 'ACTIVO'))), ['ok'])
    t.strictSame(verdicts(await node.commit(changeStatus(ana, 'ACTIVO'))), ['UNCHANGED'])
  })

  await check('only the session that owns a name acts in it', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    const beto = await node.enter('Beto')
    const gone = await node.enter('Carla')
    await node.done(leave(gone))
    const impostors = [
      person('Ana'),
      person('nobody'),
      { ...ana, session: beto.session },
      { ...beto, session: ana.session },
      gone,
    ]
    for (const who of impostors) {
      const outcomes = await node.commit(
        say(who),
        changeStatus(who, 'OCUPADO'),
        changeStatus(who, 'ACTIVO'),
        whisper(who, 'Beto'),
        whisper(who, 'nobody'),
        leave(who),
      )
      t.strictSame(verdicts(outcomes), Array(6).fill('FENCED'), JSON.stringify(who))
    }
    t.match(await node.backplane.snapshot(), { users: [ana, beto] })
  })

  await check('a session that left and came back acts again', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    t.strictSame(verdicts(await node.commit(leave(ana), join(ana), say(ana))), ['ok', 'ok', 'ok'])
  })

  await check('only the node that holds a session acts for it', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    await b.enter('Beto')
    const foreign = await b.commit(
      join(ana),
      say(ana),
      changeStatus(ana, 'OCUPADO'),
      whisper(ana, 'Beto'),
      leave(ana),
    )
    t.strictSame(verdicts(foreign), ['NAME_TAKEN', 'FENCED', 'FENCED', 'FENCED', 'FENCED'])
    t.strictSame(verdicts(await a.commit(say(ana))), ['ok'])
  })

  await check('what was refused never takes effect', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const before = await b.catchUp()
    const told = b.log.length
    const refused = await a.commit(
      join(person('Ana')),
      say(person('Ana')),
      changeStatus(ana, 'ACTIVO'),
      whisper(ana, 'nobody'),
      leave(person('Ana')),
    )
    t.strictSame(verdicts(refused), ['NAME_TAKEN', 'FENCED', 'UNCHANGED', 'UNKNOWN_TARGET', 'FENCED'])
    t.strictSame(await a.backplane.snapshot(), before)
    const next = last(await a.done(say(ana)))
    t.equal(next.offset, before.position.offset + 1)
    await b.sink.reach(next)
    t.match(b.log.slice(told).map(legible), [{ kind: 'said', position: next }])
    t.strictSame([...a.sink.messages, ...b.sink.messages], [])
  })

  await check('a name that was left may be taken by anybody', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    await a.done(leave(ana))
    const other = await b.enter('ANA')
    t.match(await a.backplane.find(ana.key), { name: 'ANA', session: other.session, node: b.id })
  })
}
