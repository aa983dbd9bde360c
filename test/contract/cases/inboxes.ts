import assert from 'node:assert/strict'
import type { InboxMessage } from '../../../src/backplane/backplane.js'
import { INBOX_HELD, INBOX_SENT } from '../../../src/room/inbox.js'
import type { Check } from '../check.js'
import {
  type ExtendedPerson,
  frameOf,
  hold,
  join,
  leave,
  legible,
  newSecret,
  person,
  remove,
  say,
  whisper,
} from '../people.js'
import { last, type TestNode, verdicts } from '../room.js'

/** What is kept for somebody behind a seq. */
async function inboxOf({ backplane }: TestNode, { secret }: ExtendedPerson, after = 0) {
  const [inbox] = await backplane.inboxes([{ secretHash: secret, after }])
  assert.ok(inbox !== undefined)
  return inbox
}

/** The seqs of what is kept, as the first and the last of them, and how many they are; or `lost`. */
async function seqsOf(node: TestNode, who: ExtendedPerson, after = 0): Promise<number[] | 'lost'> {
  const inbox = await inboxOf(node, who, after)
  if (inbox === 'lost') return inbox
  for (const [index, { seq }] of inbox.entries()) assert.equal(seq, after + index + 1, 'no gaps')
  return [inbox[0]?.seq ?? 0, inbox.at(-1)?.seq ?? 0, inbox.length]
}

const texts = (inbox: readonly InboxMessage[] | 'lost') =>
  inbox === 'lost' ? inbox : inbox.map(({ frame }) => Buffer.from(frame).toString())

const many = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`)

export async function inboxes(check: Check): Promise<void> {
  await check('messages for an extended session are numbered without gaps, and kept', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await b.enter('Beto')
    const carla = await a.enter('Carla')
    const messages = [
      [b, whisper(beto, 'Ana', '1')],
      [a, whisper(carla, 'ANA', '2')],
      [a, whisper(ana, 'Ana', '3')],
      [b, whisper(beto, 'Ana', '4 \t\n"ñ"')],
    ] as const
    for (const [node, message] of messages) t.strictSame(verdicts(await node.commit(message)), ['ok'])
    await a.sink.until('all of them', () => a.sink.messages.length === messages.length)
    const frames = messages.map(([, message]) => frameOf(message))
    t.strictSame(
      a.sink.messages.map(legible),
      frames.map((frame, index) => ({ kind: 'private', session: ana.session, frame, seq: index + 1 })),
    )
    const { position } = await b.backplane.snapshot()
    for (const node of [a, b]) {
      const inbox = await inboxOf(node, ana)
      t.strictSame(texts(inbox), frames)
      assert.ok(inbox !== 'lost')
      t.strictSame(
        inbox.map(({ seq, after }) => [seq, after]),
        frames.map((_, index) => [index + 1, position]),
      )
    }
    t.strictSame(b.sink.messages, [])
  })

  await check('those of a base session are neither numbered nor kept', async (t, room) => {
    const node = await room.node()
    const ana = await node.enter('Ana')
    await node.done(whisper(ana, 'Ana'))
    await node.sink.until('the message', () => node.sink.messages.length === 1)
    t.notOk(node.sink.messages[0] && 'seq' in node.sink.messages[0])
  })

  await check('only what passes is numbered', async (t, room) => {
    const node = await room.node()
    const ana = await node.enterExtended('Ana')
    const tries = [whisper(person('Ana'), 'Ana'), whisper(ana, 'Nadie'), whisper(ana, 'Ana')]
    t.strictSame(verdicts(await node.commit(...tries)), ['FENCED', 'UNKNOWN_TARGET', 'ok'])
    t.strictSame(await seqsOf(node, ana), [1, 1, 1])
  })

  await check('each knows behind which event it stands, and comes in that place', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await b.enter('Beto')
    const proposals = [
      say(beto, '0'),
      whisper(beto, 'Ana', '1'),
      say(beto, '2'),
      whisper(beto, 'Ana', '3'),
      whisper(beto, 'Ana', '4'),
      leave(beto),
    ]
    await a.catchUp()
    const start = a.sink.told.length
    const where = await b.done(...proposals)
    await a.sink.reach(last(where))
    t.strictSame(
      a.sink.told.slice(start).map((told) => ('frame' in told ? frameOf(told) : told.kind)),
      proposals.map(frameOf),
    )
    const inbox = await inboxOf(a, ana)
    assert.ok(inbox !== 'lost')
    t.strictSame(
      inbox.map(({ after }) => after),
      [where[1], where[3], where[4]],
    )
  })

  await check(
    'a part of an inbox is what came behind a seq; several are asked for at once',
    async (t, room) => {
      const [a, b] = await room.two()
      const [ana, beto] = [await a.enterExtended('Ana'), await b.enterExtended('Beto')]
      const carla = await a.enterExtended('Carla')
      await a.done(...many(12).map((text) => whisper(ana, 'Beto', text)), whisper(ana, 'Ana'))
      t.strictSame(await seqsOf(b, beto, 9), [10, 12, 3])
      t.strictSame(await inboxOf(b, beto, 12), [])
      t.equal(await inboxOf(b, beto, 13), 'lost', 'there was no such message')
      const queries = [carla.secret, newSecret(), beto.secret, ana.secret, beto.secret, carla.secret]
      const afters = [0, 0, 11, 0, 12, 1]
      const found = await b.backplane.inboxes(
        queries.map((secretHash, index) => ({ secretHash, after: afters[index] ?? 0 })),
      )
      t.strictSame(
        found.map((inbox) => (inbox === 'lost' ? inbox : inbox.map(({ seq }) => seq))),
        [[], 'lost', [12], [1], [], 'lost'],
      )
      t.strictSame(await b.backplane.inboxes([]), [])
    },
  )

  await check('messages for somebody who is held wait, and the sender is told so', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await b.enter('Beto')
    const [before] = await b.commit(whisper(beto, 'Ana', '1'))
    t.notOk(before && 'waits' in before)
    await a.done(hold(ana))
    const { position } = await b.backplane.snapshot()
    const [outcome] = await b.commit(whisper(beto, 'Ana', '2'))
    t.strictSame(outcome, { ok: true, position, waits: true })
    const again = await b.takeUp(ana)
    t.strictSame(await seqsOf(b, again, 1), [2, 2, 1])
    const [after] = await b.commit(whisper(beto, 'Ana', '3'))
    t.notOk(after && 'waits' in after)
    await b.sink.until('the message', () => b.sink.messages.length > 0)
    await a.catchUp()
    t.match(b.sink.messages, [{ session: again.session, seq: 3 }])
    t.equal(b.sink.messages.length, 1)
    t.match(a.sink.messages, [{ session: ana.session, seq: 1 }])
    t.equal(a.sink.messages.length, 1)
    t.strictSame(await seqsOf(a, again), [1, 3, 3])
  })

  await check('of somebody who is connected the latest messages are kept', async (t, room) => {
    const node = await room.node()
    const ana = await node.enterExtended('Ana')
    const most = INBOX_SENT.messages
    await node.done(...many(most).map((text) => whisper(ana, 'Ana', text)))
    t.strictSame(await seqsOf(node, ana), [1, most, most])
    await node.done(whisper(ana, 'Ana', 'one more'))
    t.equal(await inboxOf(node, ana), 'lost')
    t.strictSame(await seqsOf(node, ana, 1), [2, most + 1, most])
    await node.done(...many(most + 20).map((text) => whisper(ana, 'Ana', text)))
    t.equal(await inboxOf(node, ana, most + 20), 'lost')
    t.strictSame(await seqsOf(node, ana, most + 21), [most + 22, 2 * most + 21, most])
    t.strictSame(await inboxOf(node, ana, 2 * most + 21), [])
  })

  await check('and no more of them than a number of bytes', async (t, room) => {
    const node = await room.node()
    const ana = await node.enterExtended('Ana')
    const size = 8 * 1024
    const most = INBOX_SENT.bytes / size
    await node.done(...many(most + 10).map(() => whisper(ana, 'Ana', 'x'.repeat(size - 200))))
    const inbox = await inboxOf(node, ana, 20)
    assert.ok(inbox !== 'lost')
    t.equal(inbox.length, most - 10)
    t.equal(await inboxOf(node, ana), 'lost')
  })

  await check(
    'of somebody who is held all is kept, and when it is full no more is taken',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const beto = await b.enterExtended('Beto')
      await b.done(whisper(beto, 'Ana', 'sent'))
      await a.done(hold(ana))
      const most = INBOX_HELD.messages - 1
      const letters = many(most + 2).map((text) => whisper(beto, 'Ana', text))
      const outcomes = await b.commit(...letters, say(beto), whisper(beto, 'Beto'))
      t.strictSame(verdicts(outcomes), [...Array(most).fill('ok'), 'INBOX_FULL', 'INBOX_FULL', 'ok', 'ok'])
      t.strictSame(verdicts(await b.commit(whisper(beto, 'Ana'))), ['INBOX_FULL'])
      t.strictSame(await seqsOf(b, ana), [1, most + 1, most + 1])
      const again = await b.takeUp(ana)
      t.strictSame(verdicts(await b.commit(whisper(beto, 'Ana', 'live'))), ['ok'])
      t.strictSame(await seqsOf(b, again), [1, most + 2, most + 2], 'and all of it is there when she is back')
    },
  )

  await check('what waits for somebody is bounded in bytes', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enterExtended('Ana')
    const beto = await b.enter('Beto')
    await a.done(hold(ana))
    const size = 64 * 1024
    const most = INBOX_HELD.bytes / size
    const letters = many(most + 2).map((text) => whisper(beto, 'Ana', text.padEnd(size - 500, 'x')))
    const outcomes = verdicts(await b.commit(...letters))
    t.strictSame(outcomes, [...Array(most).fill('ok'), 'INBOX_FULL', 'INBOX_FULL'])
    t.strictSame(texts(await inboxOf(b, ana)), letters.slice(0, most).map(frameOf))
    t.strictSame(verdicts(await b.commit(whisper(beto, 'Ana', 'small'))), ['ok'], 'what fits is taken')
  })

  await check(
    'what had waited is not lost by what comes right after the session was taken up',
    async (t, room) => {
      const [a, b] = await room.two()
      const ana = await a.enterExtended('Ana')
      const beto = await b.enter('Beto')
      await a.done(hold(ana))
      const waiting = INBOX_SENT.messages + 100
      await b.done(...many(waiting).map((text) => whisper(beto, 'Ana', text)))
      const again = await b.takeUp(ana)
      await b.done(whisper(beto, 'Ana', 'live'))
      t.strictSame(await seqsOf(b, again), [1, waiting + 1, waiting + 1])
      await b.done(...many(INBOX_SENT.messages - 1).map((text) => whisper(beto, 'Ana', text)))
      const all = waiting + INBOX_SENT.messages
      t.strictSame(await seqsOf(b, again), [1, all, all])
      // By now it has come, or its connection is broken again.
      await b.done(whisper(beto, 'Ana', 'one more'))
      t.equal(await inboxOf(b, again), 'lost')
      t.strictSame(await seqsOf(b, again, waiting + 1), [waiting + 2, all + 1, INBOX_SENT.messages])
    },
  )

  await check('an inbox ends with its session, and the next of the name begins anew', async (t, room) => {
    const [a, b] = await room.two()
    for (const end of [leave, remove]) {
      const ana = await a.enterExtended('Ana')
      await a.done(whisper(ana, 'Ana'), whisper(ana, 'Ana'), end(ana))
      t.equal(await inboxOf(b, ana), 'lost')
      t.equal(await inboxOf(b, ana, 2), 'lost')
      const next = await b.enterExtended('Ana')
      t.strictSame(await inboxOf(a, next), [])
      await b.done(whisper(next, 'Ana'))
      t.strictSame(await seqsOf(a, next), [1, 1, 1])
      await b.done(leave(next))
    }
  })

  await check('in one call, too, only the last session of a name has what came for it', async (t, room) => {
    const node = await room.node()
    const beto = await node.enter('Beto')
    const [one, two] = [person('Ana'), person('Ana')]
    const [first, second] = [newSecret(), newSecret()]
    await node.done(
      join(one, { secretHash: first }),
      whisper(beto, 'Ana', '1'),
      whisper(beto, 'Ana', '2'),
      leave(one),
      join(two, { secretHash: second }),
      whisper(beto, 'Ana', '3'),
    )
    t.equal(await inboxOf(node, { ...one, secret: first }), 'lost')
    t.strictSame(await seqsOf(node, { ...two, secret: second }), [1, 1, 1])
  })
}
