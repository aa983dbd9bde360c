import type { Act } from '../../../src/room/events.js'
import { KNOWN_REFS } from '../../../src/room/inbox.js'
import type { Check } from '../check.js'
import { changeStatus, hold, leave, newSecret, person, resume, say, under, whisper } from '../people.js'
import { last, positions, type TestNode, verdicts } from '../room.js'

/** What a node was told, in short, from a place on. */
const toldFrom = ({ sink }: TestNode, start: number) => sink.told.slice(start).map(({ kind }) => kind)

export async function refs(check: Check): Promise<void> {
  for (const [what, act, kind] of [
    ['what was said', (who) => say(who, 'once'), 'said'],
    ['a change of status', (who) => changeStatus(who, 'OCUPADO'), 'status'],
    ['a private message', (who) => whisper(who, 'Ana', 'once'), 'private'],
  ] as const satisfies readonly (readonly [string, (who: Parameters<typeof say>[0]) => Act, string])[])
    await check(`${what} is not done again under the same ref, wherever it comes from`, async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      await a.catchUp()
      const start = a.sink.told.length
      const once = under('r', act(ana))
      const outcomes = await a.commit(say(ana, '1'), once, say(ana, '2'), once)
      const [, position] = positions(outcomes)
      const repeated = [{ ok: true, position, repeated: true }]
      t.strictSame(outcomes[1], { ok: true, position })
      t.strictSame(outcomes.slice(3), repeated, 'in the same call')
      t.strictSame(await a.commit(once), repeated, 'later')
      await a.done(hold(ana))
      const there = await b.takeUp(ana)
      t.strictSame(await b.commit(under('r', act(there))), repeated, 'from another node')
      const [late] = await b.done(say(there, '3'))
      for (const node of [a, b]) if (late) await node.sink.reach(late)
      const told = kind === 'private' ? ['said', 'private', 'said'] : ['said', kind, 'said']
      t.strictSame(toldFrom(a, start), [...told, 'held', 'joined', 'said'])
      t.equal(
        toldFrom(b, 0).filter((told) => told === kind).length,
        kind === 'said' ? 4 : kind === 'status' ? 1 : 0,
      )
      const [inbox] = await b.backplane.inboxes([{ secretHash: ana.secret, after: 0 }])
      t.equal(inbox?.length, kind === 'private' ? 1 : 0)
    })

  await check('also that a message waits is said again', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await b.enterExtended('Beto')
    await a.done(hold(ana))
    const letter = under('r', whisper(beto, 'Ana'))
    const [first, second] = await b.commit(letter, letter)
    t.match(first, { ok: true, waits: true, repeated: undefined })
    t.strictSame(second, { ...first, repeated: true })
    await a.takeUp(ana)
    t.strictSame(await b.commit(letter), [second])
  })

  await check('it is what was done, whatever it would come to now', async (t, room) => {
    const node = await room.node()
    const ana = await node.enterExtended('Ana')
    const beto = await node.enter('Beto')
    const [status, letter] = [under('s', changeStatus(ana, 'OCUPADO')), under('p', whisper(ana, 'Beto'))]
    const [first, second] = await node.commit(status, letter)
    await node.done(leave(beto))
    t.strictSame(await node.commit(letter, status), [
      { ...second, repeated: true },
      { ...first, repeated: true },
    ])
    t.strictSame(await node.commit(under('p', say(ana))), [{ ...second, repeated: true }], 'or what it is')
  })

  await check('what was refused is tried again', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const letter = under('r', whisper(ana, 'Beto'))
    t.strictSame(verdicts(await a.commit(letter, letter)), ['UNKNOWN_TARGET', 'UNKNOWN_TARGET'])
    await b.enter('Beto')
    const [outcome] = await a.commit(letter)
    t.match(outcome, { ok: true, repeated: undefined })
    t.strictSame(await a.commit(letter), [{ ...outcome, repeated: true }])
  })

  await check(
    'a status that was so already has been set: sent again, it does not undo another',
    async (t, room) => {
      const node = await room.node()
      const ana = await node.enterExtended('Ana')
      const [position] = await node.done(say(ana))
      const same = under('r', changeStatus(ana, 'ACTIVO'))
      const repeated = { ok: true, position, repeated: true }
      const [first, ...others] = await node.commit(same, same, changeStatus(ana, 'OCUPADO'), same)
      t.strictSame(first, { ok: false, reason: 'UNCHANGED' })
      t.match(others, [repeated, { ok: true }, repeated])
      t.strictSame(await node.commit(same), [repeated])
      t.match(await node.presenceOf(ana), { status: 'OCUPADO' })
    },
  )

  await check('a session that has been taken over is fenced, whatever it sent before', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const once = under('r', say(ana))
    await a.done(once)
    await b.takeUp(ana)
    t.strictSame(verdicts(await a.commit(once)), ['FENCED'])
  })

  await check('the ref of another session is another', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await b.enterExtended('Beto')
    await a.done(under('r', say(ana)))
    t.match(await b.commit(under('r', say(beto))), [{ ok: true, repeated: undefined }])
    await a.done(leave(ana))
    const next = await a.enterExtended('Ana')
    t.match(await a.commit(under('r', say(next))), [{ ok: true, repeated: undefined }])
    const [third, secretHash] = [person('Ana'), newSecret()]
    const outcomes = await b.commit(
      resume(third, next.secret, { secretHash }),
      under('r', say(third)),
      under('r', say(third)),
    )
    t.match(outcomes, [{ repeated: undefined }, { repeated: undefined }, { repeated: true }])
  })

  await check('those of a base session mean nothing', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    const outcomes = await node.commit(
      under('r', say(ana)),
      under('r', say(ana)),
      under('r', whisper(ana, 'Ana')),
    )
    t.match(outcomes, [{ repeated: undefined }, { repeated: undefined }, { repeated: undefined }])
    t.strictSame(verdicts(outcomes), ['ok', 'ok', 'ok'])
  })

  await check(
    'of a session the latest refs are known, and those before them are forgotten',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const beto = await b.enterExtended('Beto')
      const all = Array.from({ length: KNOWN_REFS }, (_, index) => under(`r${index}`, say(ana)))
      const [first, second] = all
      if (first === undefined || second === undefined) throw new Error('there are none')
      await a.done(...all)
      t.match(await a.commit(first, last(all)), [{ repeated: true }, { repeated: true }])
      // Sent again, or by another, they push nothing out; what was refused neither.
      await a.commit(...all, under('refused', whisper(ana, 'Nadie')))
      await b.done(...all.map(({ ref }) => under(ref, say(beto))))
      t.match(await a.commit(first), [{ repeated: true }])
      t.match(await a.commit(under('another', whisper(ana, 'Beto'))), [{ repeated: undefined }])
      // In calls of their own: what is forgotten, is forgotten behind the call at the latest.
      t.match(await a.commit(second), [{ repeated: true }])
      t.match(await a.commit(first), [{ repeated: undefined }])
      t.match(await a.commit(second), [{ repeated: undefined }])
      t.match(await a.commit(last(all), first, second), Array(3).fill({ repeated: true }))
    },
  )

  await check('a ref may be any text, and only the same is the same', async (t, room) => {
    const node = await room.node()
    const ana = await node.enterExtended('Ana')
    const odd = [
      'a',
      'A',
      'ñ',
      'n\u0303',
      '\t',
      '\n',
      '"',
      '\\',
      '@',
      '=',
      ',',
      ' ',
      '0',
      's:0',
      'seq',
      '\ud83e',
      '🦊'.repeat(64),
    ]
    const said = odd.map((ref) => under(ref, say(ana)))
    const outcomes = await node.commit(...said)
    for (const outcome of outcomes) t.match(outcome, { ok: true, repeated: undefined })
    t.strictSame(
      await node.commit(...said),
      outcomes.map((outcome) => ({ ...outcome, repeated: true })),
    )
  })
}
