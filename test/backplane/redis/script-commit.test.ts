import assert from 'node:assert/strict'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { encode } from '../../../src/protocol/codec.js'
import { parseName } from '../../../src/protocol/names.js'
import type { Act } from '../../../src/room/events.js'
import {
  changeStatus,
  claim,
  frameOf,
  join,
  leave,
  legible,
  person,
  say,
  whisper,
} from '../../contract/people.js'
import { last } from '../../contract/room.js'
import { someText } from '../../protocol/arbitraries.js'
import { outcomesOf, roomChecks, ScriptNode, type ScriptRoom, short } from './kit.js'

const check = await roomChecks(t)

/** Whoever is present, by name. */
async function present(room: ScriptRoom) {
  const { users } = await room.scripts.snapshot({ node: '', epoch: '' })
  return users
}

check('a join is appended, published and kept', async (t, room) => {
  const node = await room.node('n')
  const ear = await room.listen()
  const ana = person('Ana')
  t.strictSame(short(await node.outcomes(join(ana, { status: 'OCUPADO' }))), [1])
  const { kind, key, name, ip, session, connectedAt } = join(ana)
  const presence = { key, name, session, node: 'n', ip, status: 'OCUPADO', connectedAt, order: 1 }
  const event = { kind: `${kind}ed`, position: node.at(1), presence, fresh: true, at: connectedAt }
  t.strictSame(await ear.messages(), [{ kind: 'events', events: [event], head: node.at(1) }])
  t.strictSame(await room.log(node.at(0)), [event])
  t.strictSame(await present(room), [presence])
  t.strictSame(await room.admin.smembers(room.key('owned:n')), ['ana'])
})

check('a status, a message and a departure are appended with their frames', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  const proposals = [changeStatus(ana, 'INACTIVO'), say(ana), leave(ana)]
  t.strictSame(await node.done(...proposals), [2, 3, 4])
  const { key, session } = ana
  const [status, said, left] = proposals.map(frameOf)
  const log = await room.log(node.at(1))
  t.strictSame(log === 'lost' ? log : log.map(legible), [
    { kind: 'status', position: node.at(2), session, key, status: 'INACTIVO', frame: status },
    { kind: 'said', position: node.at(3), key, frame: said },
    { kind: 'left', position: node.at(4), session, key, frame: left },
  ])
  t.strictSame(await present(room), [])
  t.equal(await room.admin.exists(room.key('owned:n'), room.key('users')), 0)
})

check('a change of status is kept, and nothing else of the user changes', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  const before = last(await present(room))
  await node.done(changeStatus(ana, 'OCUPADO'))
  t.strictSame(await present(room), [{ ...before, status: 'OCUPADO' }])
})

check('a batch is one entry of the log and one message, the same bytes', async (t, room) => {
  const node = await room.node('n')
  const ear = await room.listen()
  const [ana, beto] = [person('Ana'), person('Beto')]
  await node.done(join(ana), say(ana), join(beto), say(beto))
  const [message, ...others] = await ear.take()
  t.strictSame(others, [])
  const entries = await room.admin.xrangeBuffer(room.key('log'), '-', '+')
  t.equal(entries.length, 1)
  const [id, fields] = entries[0] ?? []
  t.equal(String(id), '4-0', 'its id is its last offset')
  t.strictSame(fields?.[1], message)
})

check('what is refused changes nothing, and takes no offset', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const ana = await one.join('Ana')
  const ear = await room.listen()
  const users = await room.admin.dumpBuffer(room.key('users'))
  const stranger = { ...ana, session: 'another' }
  const nobody = person('Nadie')
  const refused: [ScriptNode, Act, string][] = [
    [one, join(ana), 'UNCHANGED'],
    [one, join(stranger), 'NAME_TAKEN'],
    [two, join(ana), 'NAME_TAKEN'],
    [two, join(person('ANA')), 'NAME_TAKEN'],
    [one, changeStatus(ana, 'ACTIVO'), 'UNCHANGED'],
    [one, whisper(ana, 'Nadie'), 'UNKNOWN_TARGET'],
    ...[stranger, nobody].flatMap((who): [ScriptNode, Act, string][] => [
      [one, leave(who), 'FENCED'],
      [one, say(who), 'FENCED'],
      [one, changeStatus(who, 'OCUPADO'), 'FENCED'],
      [one, whisper(who, 'Ana'), 'FENCED'],
    ]),
    [two, leave(ana), 'FENCED'],
    [two, say(ana), 'FENCED'],
    [two, changeStatus(ana, 'OCUPADO'), 'FENCED'],
    [two, whisper(ana, 'Ana'), 'FENCED'],
  ]
  for (const [node, proposal, reason] of refused)
    t.strictSame(short(await node.outcomes(proposal)), [reason], `${proposal.kind} of ${proposal.session}`)
  t.strictSame(await ear.take(), [])
  t.strictSame(await room.admin.dumpBuffer(room.key('users')), users)
  t.strictSame(await one.done(say(ana)), [2])
})

check('a proposal is judged by what those before it in the batch have done', async (t, room) => {
  const node = await room.node('n')
  const ana = person('Ana')
  const again = person('Ana')
  const batch = [
    say(ana),
    join(ana),
    whisper(ana, 'Beto'),
    say(ana),
    changeStatus(ana, 'OCUPADO'),
    changeStatus(ana, 'OCUPADO'),
    join(again),
    leave(ana),
    say(ana),
    join(again, { status: 'INACTIVO' }),
    leave(again),
    join(ana),
  ]
  t.strictSame(short(await node.outcomes(...batch)), [
    'FENCED',
    1,
    'UNKNOWN_TARGET',
    2,
    3,
    'UNCHANGED',
    'NAME_TAKEN',
    4,
    'FENCED',
    5,
    6,
    7,
  ])
  const { session, status, order } = last(await present(room))
  t.strictSame({ session, status, order }, { session: ana.session, status: 'ACTIVO', order: 7 })
  t.strictSame(await room.admin.smembers(room.key('owned:n')), ['ana'])
})

check('a private message is published to the node of its target alone, with its place', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const [ana, beto] = [await one.join('Ana'), await two.join('Beto')]
  const [ear, toOne, toTwo] = [
    await room.listen(),
    await room.listen(room.keys.mail('one')),
    await room.listen(room.keys.mail('two')),
  ]
  const [first, second] = [whisper(ana, 'BETO', 'uno'), whisper(ana, 'Beto', 'dos')]
  t.strictSame(short(await one.outcomes(first, say(ana), second, changeStatus(ana, 'OCUPADO'))), [2, 3, 3, 4])
  t.strictSame(await toOne.take(), [])
  const heard = await toTwo.messages()
  const mail = heard.flatMap((message) => (message.kind === 'mail' ? message.mail : []))
  t.equal(heard.length, 1)
  t.strictSame(
    mail.map(({ after, message }) => ({ after, session: message.session, frame: frameOf(message) })),
    [
      { after: one.at(2), session: beto.session, frame: frameOf(first) },
      { after: one.at(3), session: beto.session, frame: frameOf(second) },
    ],
  )
  t.equal((await ear.take()).length, 1)
})

check('a private message alone appends nothing', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  const [ear, mail] = [await room.listen(), await room.listen(room.keys.mail('n'))]
  t.strictSame(short(await node.outcomes(whisper(ana, 'Ana'))), [1])
  t.strictSame(await ear.take(), [])
  t.equal((await mail.take()).length, 1)
})

check(
  'a private message that nobody listens for is refused; the rest of the batch is not',
  async (t, room) => {
    const [one, two, deaf] = [await room.node('one'), await room.node('two'), await room.node('deaf')]
    const ana = await one.join('Ana')
    await two.join('Beto')
    await deaf.join('Carla')
    const mail = await room.listen(room.keys.mail('two'))
    const batch = [whisper(ana, 'Carla'), say(ana), whisper(ana, 'Beto'), whisper(ana, 'Carla')]
    t.strictSame(short(await one.outcomes(...batch)), ['UNAVAILABLE', 4, 4, 'UNAVAILABLE'])
    t.strictSame(short(outcomesOf(await one.send(one.number, ...batch))), [
      'UNAVAILABLE',
      4,
      4,
      'UNAVAILABLE',
    ])
    t.equal((await mail.take()).length, 1)
  },
)

check('the same number is the same batch: the same outcomes, and nothing happens twice', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const [ear, mail] = [await room.listen(), await room.listen(room.keys.mail('two'))]
  const beto = await two.join('Beto')
  await ear.take()
  const ana = person('Ana')
  const batch = [join(ana), say(ana), whisper(ana, 'Beto'), join(person('beto')), changeStatus(ana, 'ACTIVO')]
  const outcomes = await one.outcomes(...batch)
  t.strictSame(short(outcomes), [2, 3, 3, 'NAME_TAKEN', 'UNCHANGED'])
  await two.done(leave(beto))
  const before = await room.kept()
  for (let times = 0; times < 3; times += 1)
    t.strictSame(outcomesOf(await one.send(one.number, ...batch)), outcomes)
  t.strictSame(await room.kept(), before)
  t.equal((await ear.take()).length, 2, 'the batch of each')
  t.equal((await mail.take()).length, 1)
})

check('a smaller number is stale and does nothing; one that skips some runs', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  const other = await room.node('other')
  t.strictSame(short(outcomesOf(await node.send(10, say(ana)))), [2])
  const before = await room.kept()
  for (const number of [1, 2, 9]) t.strictSame((await node.send(number, say(ana))).kind, 'lapsed')
  t.strictSame(await room.kept(), before)
  t.strictSame(short(outcomesOf(await node.send(11, say(ana)))), [3], 'numbers are not compared as text')
  t.strictSame(short(outcomesOf(await other.send(1, join(person('Beto'))))), [4], 'each node has its own')
})

check('a node that is not there is fenced whole, and told what became of its last batch', async (t, room) => {
  const [node, other] = [await room.node('n'), await room.node('other')]
  const ana = person('Ana')
  const outcomes = await node.outcomes(join(ana), say(ana))
  await room.scripts.leave(node.caller)
  await room.scripts.sweep(other.caller, Date.now)
  const before = await room.kept()
  t.strictSame(outcomesOf(await node.send(node.number, join(ana), say(ana))), outcomes)
  t.strictSame(await node.commit(join(ana)), { kind: 'lapsed' })
  t.strictSame(await new ScriptNode(room, 'unknown').commit(join(ana)), { kind: 'lapsed' })
  t.strictSame(await room.kept(), before)
  const kept = await room.admin.ttl(room.key('node:n'))
  t.ok(kept > 3000 && kept <= 3600, 'its outcomes are not kept for ever')
})

check('a batch of another epoch does nothing, and its node learns of the new one', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  await room.restarted()
  const ear = await room.listen()
  const reply = await node.commit(say(ana))
  const epoch = await room.meta('epoch')
  t.not(epoch, node.epoch)
  t.strictSame(reply, { kind: 'epoch', epoch })
  t.strictSame(await room.scripts.commit({ node: 'n', epoch: '' }, node.number, []), { kind: 'epoch', epoch })
  t.strictSame(await ear.take(), [])
  t.equal(await room.meta('offset'), '1')

  node.epoch = epoch ?? ''
  t.strictSame(short(outcomesOf(await node.send(node.number, say(ana)))), [2], 'under the same number')
  t.strictSame(await room.log(node.at(1)), await room.log({ epoch: node.epoch, offset: 1 }))
})

check('outcomes are those of the epoch that they were judged in', async (t, room) => {
  const node = await room.node('n')
  const outcomes = await node.outcomes(join(person('Ana')))
  await room.restarted()
  t.strictSame(outcomesOf(await node.send(node.number, join(person('Ana')))), outcomes)
})

check('while names are claimed again, newcomers wait and nobody else does', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  const [beto, eva] = [person('Beto'), person('Eva')]
  await room.admin.hset(room.key('meta'), 'claims_until', (await room.time()) + 600_000)
  const batch = [join(beto), join(eva, { order: 7 }), say(ana), join(person('ana')), join(person('EVA'))]
  t.strictSame(short(await node.outcomes(...batch)), ['wait', 2, 3, 'NAME_TAKEN', 'NAME_TAKEN'])
  t.strictSame(
    (await present(room)).map(({ name, order }) => [name, order]),
    [
      ['Ana', 1],
      ['Eva', 7],
    ],
  )
  await room.admin.hset(room.key('meta'), 'claims_until', (await room.time()) - 1)
  t.strictSame(short(await node.outcomes(join(beto))), [4])
  t.equal(last(await present(room)).order, 8, 'behind those who claimed')
})

check('who claims a name keeps the place that he had', async (t, room) => {
  const [one, two] = [await room.node('one'), await room.node('two')]
  const ana = await one.join('Ana')
  await one.join('Beto')
  const before = await present(room)
  await one.done(leave(ana))
  const [was] = before
  assert.ok(was)
  await two.done(claim({ ...was, status: 'INACTIVO' }))
  t.strictSame(await present(room), [{ ...was, node: 'two', status: 'INACTIVO' }, before[1]])
  t.strictSame(await room.admin.smembers(room.key('owned:one')), ['beto'])
  await two.join('Carla')
  t.equal(last(await present(room)).order, 5, 'newcomers count on from the log')
})

/** Has Redis take no writes, and sees to it that nothing of a batch is done: neither the first time nor when it is sent again. */
async function refused(t: Test, room: ScriptRoom, [option, on, off]: readonly [string, string, string]) {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  const [ear, mail] = [await room.listen(), await room.listen(room.keys.mail('n'))]
  const beto = person('Beto')
  const batch = [join(beto), whisper(ana, 'Ana'), say(ana), leave(beto)]
  const before = await room.kept()
  t.teardown(() => room.server.call('CONFIG', 'SET', option, off))
  await room.server.call('CONFIG', 'SET', option, on)
  const replies = []
  for (let times = 0; times < 2; times += 1)
    replies.push(await node.send(7, ...batch).catch((error: unknown) => error))
  await room.server.call('CONFIG', 'SET', option, off)
  t.strictSame(await room.kept(), before)
  t.strictSame([await ear.take(), await mail.take()], [[], []])
  t.strictSame(short(outcomesOf(await node.send(7, ...batch))), [2, 2, 3, 4], 'afterwards it is done')
  t.strictSame([(await ear.take()).length, (await mail.take()).length], [1, 1])
  return replies
}

check('nothing is half done when Redis has no memory left', async (t, room) => {
  const replies = await refused(t, room, ['maxmemory', '1', '0'])
  t.strictSame(replies, [{ kind: 'full' }, { kind: 'full' }])
})

check('nothing is half done when Redis has too few replicas', async (t, room) => {
  const replies = await refused(t, room, ['min-replicas-to-write', '1', '0'])
  for (const reply of replies) t.match(reply, { message: /^NOREPLICAS/ })
})

check('a batch may be as large as the queue makes it', async (t, room) => {
  const node = await room.node('n')
  const people = Array.from({ length: 256 }, (_, index) => person(`p${index}`))
  t.strictSame(
    await node.done(...people.map((someone) => join(someone))),
    people.map((_, index) => index + 1),
  )
  const mail = await room.listen(room.keys.mail('n'))
  await node.done(...people.map((someone, index) => whisper(someone, `p${255 - index}`, 'x'.repeat(900))))
  t.equal(
    (await mail.messages()).flatMap((message) => (message.kind === 'mail' ? message.mail : [])).length,
    256,
  )
  await node.done(...people.map(leave))
  t.strictSame(await present(room), [])
})

check('any text that a name or a message can be comes out as it went in', async (_t, room) => {
  const node = await room.node('n')
  const [ear, mail] = [await room.listen(), await room.listen(room.keys.mail('n'))]
  const name = someText(64).filter((text) => 'key' in parseName(text))
  const property = fc.asyncProperty(name, someText(), someText(), async (name, content, ip) => {
    const parsed = parseName(name)
    assert.ok('key' in parsed)
    const someone = { ...parsed, session: `s-${parsed.key.length}` }
    const proposals = [
      join(someone, { ip }),
      say(someone, content),
      changeStatus(someone, 'OCUPADO'),
      whisper(someone, name, content),
    ]
    await node.done(...proposals)
    const users = await present(room)
    assert.deepEqual(
      users.map(({ key, name, session, ip }) => ({ key, name, session, ip })),
      [{ ...someone, ip }],
    )
    await room.admin.sadd(room.key('swept'), 'n')
    await room.scripts.sweep(node.caller, () => 0)
    const [committed, swept] = await ear.messages()
    assert.ok(committed?.kind === 'events' && swept?.kind === 'events')
    assert.deepEqual(committed.events.map(frameOf), ['', ...proposals.slice(1, 3).map(frameOf)])
    assert.deepEqual(swept.events.map(frameOf), [encode.userDisconnected(parsed.name, 0)])
    assert.deepEqual(
      [...committed.events.slice(1), ...swept.events].map((event) => ('key' in event ? event.key : '')),
      Array(3).fill(parsed.key),
    )
    const [letter] = await mail.messages()
    assert.ok(letter?.kind === 'mail')
    assert.deepEqual(
      letter.mail.map(({ message }) => [message.session, frameOf(message)]),
      [[someone.session, frameOf(proposals.at(3) ?? say(someone))]],
    )
  })
  await fc.assert(property, { numRuns: 150 })
})

check('a target may be any text: it belongs to nobody', async (t, room) => {
  const node = await room.node('n')
  const ana = await node.join('Ana')
  await node.join('\ufffd')
  for (const target of ['', '\n', '\t', 'Ana\0', 'ana\n', '%a+', '.*', 'a'.repeat(100_000), '\ud800'])
    t.strictSame(short(await node.outcomes(whisper(ana, target))), ['UNKNOWN_TARGET'], JSON.stringify(target))
})
