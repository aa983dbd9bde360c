import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  readInboxMessage,
  readKeptBan,
  readKeptMessage,
  readMessage,
  readOutcomes,
  readUser,
  WireError,
  writeProposal,
} from '../../../src/backplane/redis/wire.js'
import { departure } from '../../../src/protocol/codec.js'
import { STATUSES } from '../../../src/protocol/frames.js'
import { keyOf } from '../../../src/protocol/names.js'
import { writePosition } from '../../../src/protocol/position.js'
import type { Ban, Event, Join, Presence } from '../../../src/room/events.js'
import {
  announce,
  banOf,
  changeStatus,
  forbid,
  hold,
  join,
  leave,
  permit,
  person,
  remove,
  say,
  under,
  whisper,
} from '../../contract/people.js'
import { someText } from '../../protocol/arbitraries.js'

/** As `fc.record`; all have the prototype that everything has. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true })

const word = fc.stringMatching(/^[\w-]{1,30}$/)
/** A name, or nearly: what stands in lines as it is has no separators. */
const key = someText(64)
  .filter((text) => !/[\n\t]/.test(text))
  .map(keyOf)
  .filter((text) => !/[\n\t]/.test(text))
const frame = record({ content: someText() }).map((value) => Buffer.from(JSON.stringify(value)))
const epoch = fc.stringMatching(/^[0-9a-f]{16}$/)
const offset = fc.nat({ max: 2 ** 40 })
const status = fc.constantFrom(...STATUSES)
const time = fc.nat({ max: 2 ** 45 })
const presence: fc.Arbitrary<Presence> = fc.record(
  {
    key,
    name: someText(64),
    session: word,
    node: word,
    ip: someText(40),
    status,
    connectedAt: time,
    order: offset,
    account: word,
    extended: fc.constant(true as const),
  },
  {
    requiredKeys: ['key', 'name', 'session', 'node', 'ip', 'status', 'connectedAt', 'order'],
    noNullPrototype: true,
  },
)
/** Where something stands in a log. */
const place = record({ epoch, offset })

const ban: fc.Arbitrary<Ban> = fc.record(
  {
    id: word,
    kind: fc.constantFrom('name' as const, 'ip' as const),
    value: fc.string(),
    reason: fc.string(),
    createdAt: fc.nat(),
    expiresAt: fc.nat(),
  },
  { requiredKeys: ['id', 'kind', 'value', 'createdAt'], noNullPrototype: true },
)

/** What happened, before it has a place. */
type Happened = Event extends infer E ? (E extends Event ? Omit<E, 'position'> : never) : never
const happened: fc.Arbitrary<Happened> = fc.oneof(
  record({ kind: fc.constant('joined' as const), presence, fresh: fc.boolean(), at: time }),
  record({ kind: fc.constant('held' as const), session: word, key }),
  record({ kind: fc.constant('erased' as const), message: place }),
  record({ kind: fc.constant('left' as const), session: word, key, frame }),
  record({ kind: fc.constant('status' as const), session: word, key, status, frame }),
  record({ kind: fc.constant('said' as const), key, frame }),
  record({ kind: fc.constant('said' as const), key: fc.constant(undefined), frame }),
  record({ kind: fc.constant('removed' as const), session: word, key, frame }),
  record({ kind: fc.constant('unbanned' as const), id: word }),
  record({ kind: fc.constant('banned' as const), ban }),
)

/** A line as commit.lua writes it. */
function lineOf(event: Happened): (string | Buffer)[] {
  switch (event.kind) {
    case 'joined': {
      const { order, status, session, node, account = '', key, name, ip, connectedAt } = event.presence
      const marks = `${event.presence.extended ? 'e' : ''}${event.fresh ? 'n' : ''}`
      const identity = JSON.stringify([key, name, ip, connectedAt])
      return ['j', `${order}`, status, session, node, account, marks, `${event.at}`, identity]
    }
    case 'held':
      return ['h', event.session, event.key, '']
    case 'erased':
      return ['d', writePosition(event.message), '', '']
    case 'left':
      return ['l', event.session, event.key, bytesOf(event.frame)]
    case 'status':
      return ['s', event.session, event.key, event.status, bytesOf(event.frame)]
    case 'said':
      return event.key === undefined
        ? ['a', '', '', bytesOf(event.frame)]
        : ['b', 's', event.key, bytesOf(event.frame)]
    case 'removed':
      return ['k', event.session, event.key, bytesOf(event.frame)]
    case 'unbanned':
      return ['u', event.id, '', '']
    case 'banned':
      return ['f', event.ban.id, '', `${event.ban.expiresAt ?? ''}`, JSON.stringify(event.ban)]
  }
}

const bytesOf = (frame: Uint8Array) => Buffer.from(frame)

function bytes(...lines: readonly (readonly (string | Buffer)[])[]): Buffer {
  const all = lines.map((fields) =>
    Buffer.concat(fields.flatMap((field) => [Buffer.from(field), Buffer.from('\t')]).slice(0, -1)),
  )
  return Buffer.concat(all.flatMap((line) => [line, Buffer.from('\n')]).slice(0, -1))
}

t.test('events come out of a message as they went in, each with its place', async () => {
  const property = fc.property(
    epoch,
    offset,
    fc.array(happened, { minLength: 1, maxLength: 8 }),
    (epoch, first, all) => {
      const message = readMessage(bytes(['e', epoch, `${first}`], ...all.map(lineOf)))
      assert.deepEqual(message, {
        kind: 'events',
        events: all.map((event, index) => ({ ...event, position: { epoch, offset: first + index } })),
        head: { epoch, offset: first + all.length - 1 },
      })
    },
  )
  fc.assert(property, { numRuns: 500 })
})

t.test('frames are handed on as they are: parts of the message itself', async (t) => {
  const payload = bytes(['e', 'x', '1'], ['b', 's', 'ana', '{"tab":"\t"}'])
  const message = readMessage(payload)
  const [event] = message.kind === 'events' ? message.events : []
  assert.ok(event?.kind === 'said')
  t.equal(Buffer.from(event.frame).toString(), '{"tab":"\t"}', 'tabs in the last field are its own')
  t.equal(event.frame.buffer, payload.buffer)
})

t.test('heads and private messages come out as they went in', async () => {
  const letter = record({ after: offset, session: word, seq: fc.nat(), frame })
  const property = fc.property(
    epoch,
    offset,
    fc.array(letter, { minLength: 1, maxLength: 8 }),
    (epoch, offset, letters) => {
      assert.deepEqual(readMessage(bytes(['h', epoch, `${offset}`])), {
        kind: 'head',
        head: { epoch, offset },
      })
      // Base sessions count nothing.
      const counts = (seq: number) => seq % 2 === 0
      const lines = letters.map(({ after, session, seq, frame }) => {
        return [`${after}`, session, counts(seq) ? `${seq}` : '', frame]
      })
      assert.deepEqual(readMessage(bytes(['p', epoch], ...lines)), {
        kind: 'mail',
        mail: letters.map(({ after, session, seq, frame }) => ({
          after: { epoch, offset: after },
          message: { kind: 'private', session, frame, ...(counts(seq) && { seq }) },
        })),
      })
    },
  )
  fc.assert(property)
})

t.test('a user comes out as it is kept', async () => {
  const property = fc.property(presence, (presence) => {
    const { node, session, status, order, account = '', key, name, ip, connectedAt } = presence
    const identity = JSON.stringify([key, name, ip, connectedAt])
    const secret = presence.extended ? 'hash' : ''
    const value = (node: string) =>
      Buffer.from([node, session, status, `${order}`, account, secret, identity, departure(name)].join('\n'))
    assert.deepEqual(readUser(value(node)), presence)
    assert.deepEqual(readUser(value('')), { ...presence, node: '', held: true }, 'held')
  })
  fc.assert(property)
})

t.test('a proposal is a line as the script counts on it', async (t) => {
  const ana = person('Ana')
  const { session } = ana
  const entered: Join = join(ana, { order: 7, status: 'OCUPADO' })
  const identity = JSON.stringify(['ana', 'Ana', entered.ip, entered.connectedAt])
  const line = (...[status, order, proof, secrets, at = entered.connectedAt]: (string | number)[]) =>
    ['j', session, 'ana', status, order, proof, secrets, at, identity, departure('Ana')].join('\t')
  t.equal(writeProposal(entered), line('OCUPADO', 7, '', ''))
  t.equal(writeProposal(join(ana)), line('ACTIVO', '', '', ''))
  t.equal(writeProposal(join(ana, { account: 'a1' })), line('ACTIVO', '', '=a1', ''))
  t.equal(writeProposal(join(ana, { account: 'a1', claim: 'a1 {}' })), line('ACTIVO', '', '+a1 {}', ''))
  t.equal(writeProposal(join(ana, { secretHash: 'h1', at: 9 })), line('ACTIVO', '', '', 'h1', 9))
  t.equal(writeProposal(join(ana, { secretHash: 'h2', resumes: 'h1' })), line('ACTIVO', '', '', 'h2 h1'))
  t.equal(writeProposal(join(ana, { resumes: 'h1' })), line('ACTIVO', '', '', ' h1'))
  for (const [kind, proposal, ...rest] of [
    ['l', leave(ana)],
    ['b', say(ana)],
    ['s', changeStatus(ana, 'OCUPADO'), 'OCUPADO'],
    ['p', whisper(ana, 'BETO'), 'beto'],
  ] as const) {
    const frame = 'frame' in proposal ? proposal.frame : ''
    t.equal(writeProposal(proposal), [kind, session, 'ana', ...rest, frame].join('\t'))
  }
  t.equal(writeProposal(hold(ana)), ['h', session, 'ana', ''].join('\t'))
  const position = { epoch: 'x', offset: 7 }
  t.equal(writeProposal({ kind: 'erase', message: position }), 'd\tx-7\t\t')
})

t.test('a ref stands in front of a line, as JSON, so that it parts nothing', async () => {
  const property = fc.property(someText(), (ref) => {
    const ana = person('Ana')
    for (const proposal of [say(ana), changeStatus(ana, 'OCUPADO'), whisper(ana, 'Beto')]) {
      const [first, ...others] = writeProposal(under(ref, proposal)).split('\t')
      assert.equal(first, `@${JSON.stringify(ref)}`)
      assert.equal(others.join('\t'), writeProposal(proposal))
      assert.ok(!first.includes('\n'))
    }
  })
  fc.assert(property)
})

t.test('messages of inboxes and of the history come out as they are kept', async () => {
  const property = fc.property(fc.nat(), place, key, frame, (seq, place, key, frame) => {
    const position = writePosition(place)
    const message = readInboxMessage(bytes([`${seq}`, position, frame]))
    assert.deepEqual(message, { seq, after: place, frame })
    const said = { kind: 'said' as const, position: place, frame }
    assert.deepEqual(readKeptMessage(bytes([position, 'b', 's', key, frame])), { ...said, key })
    const announced = readKeptMessage(bytes([position, 'a', '', '', frame]))
    assert.deepEqual(announced, { ...said, key: undefined })
  })
  fc.assert(property)
})

t.test('what an operator proposes is a line as the script counts on it', async (t) => {
  const ana = person('Ana')
  const removal = remove(ana)
  t.equal(writeProposal(removal), ['k', ana.session, 'ana', removal.frame].join('\t'))
  t.equal(writeProposal({ kind: 'announce', frame: '{"x":"\\t"}' }), 'a\t\t\t{"x":"\\t"}')
  t.notMatch(writeProposal(announce('\t\n')).slice('a\t\t\t'.length), /[\t\n]/)
  const ban = banOf('Ana\t\n', { id: 'b-1', expiresAt: 7, reason: '\t\n' })
  t.equal(writeProposal(forbid(ban)), ['f', 'b-1', '', '7', JSON.stringify(ban)].join('\t'))
  const { expiresAt: _, ...forGood } = ban
  t.equal(writeProposal(forbid(forGood)), ['f', 'b-1', '', '', JSON.stringify(forGood)].join('\t'))
  t.equal(writeProposal(permit(ban)), 'u\tb-1\t\t')
})

t.test('a ban comes out as it is kept', async () => {
  const property = fc.property(ban, (ban) => {
    const [, , , ...kept] = writeProposal(forbid(ban)).split('\t')
    assert.deepEqual(readKeptBan(Buffer.from(kept.join('\t'))), ban)
  })
  fc.assert(property)
})

t.test('outcomes are read with their epoch', async (t) => {
  t.strictSame(readOutcomes('x', '1,2w,=y-3,=y-4w,T,C,A,B,M,F,U,X,L,I,H,N,W,1234567890123'), [
    { ok: true, position: { epoch: 'x', offset: 1 } },
    { ok: true, position: { epoch: 'x', offset: 2 }, waits: true },
    { ok: true, position: { epoch: 'y', offset: 3 }, repeated: true },
    { ok: true, position: { epoch: 'y', offset: 4 }, waits: true, repeated: true },
    { ok: false, reason: 'NAME_TAKEN' },
    { ok: false, reason: 'NAME_CLAIMED' },
    { ok: false, reason: 'ACCOUNT_CHANGED' },
    { ok: false, reason: 'UNKNOWN_BAN' },
    { ok: false, reason: 'TOO_MANY_BANS' },
    { ok: false, reason: 'FENCED' },
    { ok: false, reason: 'UNCHANGED' },
    { ok: false, reason: 'UNKNOWN_TARGET' },
    { ok: false, reason: 'SESSION_LOST' },
    { ok: false, reason: 'INBOX_FULL' },
    { ok: false, reason: 'UNKNOWN_MESSAGE' },
    { ok: false, reason: 'UNAVAILABLE' },
    'wait',
    { ok: true, position: { epoch: 'x', offset: 1234567890123 } },
  ])
})

t.test('what this version does not write is refused by name', async (t) => {
  const identity = '["ana","Ana","192.0.2.1",1]'
  for (const text of [
    '',
    'x',
    'z\tx\t1',
    'h',
    'h\tx',
    'h\tx\tnext',
    'e\tx\t1',
    'e\tx\t\nb\ts\tana\t{}',
    'e\tx\t-1\nb\ts\tana\t{}',
    'e\tx\t1.5\nb\ts\tana\t{}',
    'e\tx\t1\n',
    'e\tx\t1\nq\ts\tana\t{}',
    'e\tx\t1\nb\ts\tana',
    'e\tx\t1\nl\ts\tana',
    'e\tx\t1\ns\ts\tana\tACTIVO',
    'e\tx\t1\ns\ts\tana\tDORMIDO\t{}',
    `e\tx\t1\nj\t1\tACTIVO\ts\tn\t\t${identity}`,
    `e\tx\t1\nj\t1\tACTIVO\ts\tn\t\t\t${identity}`,
    `e\tx\t1\nj\t1\tACTIVO\ts\tn\t\tn\tsoon\t${identity}`,
    `e\tx\t1\nj\tfirst\tACTIVO\ts\tn\t\tn\t1\t${identity}`,
    `e\tx\t1\nj\t1\tACTIVO\ts\tn\t\tn\t1\t${identity.slice(1)}`,
    'e\tx\t1\nj\t1\tACTIVO\ts\tn\t\tn\t1\t["ana","Ana","192.0.2.1"]',
    'e\tx\t1\nj\t1\tACTIVO\ts\tn\t\tn\t1\t{"key":"ana"}',
    'e\tx\t1\nh\ts\tana',
    'e\tx\t1\nd\tx-1\t',
    'e\tx\t1\nd\tx\t\t',
    'e\tx\t1\nk\ts\tana',
    'e\tx\t1\na\t\t{}',
    'e\tx\t1\nu\tb1\t',
    'e\tx\t1\nf\tb1\t\t',
    'e\tx\t1\nf\tb1\t\t\t{}',
    'e\tx\t1\nf\tb1\t\t\t{"id":"b1","kind":"name","value":"x"}',
    'p\tx\n',
    'p\tx\n1\ts',
    'p\tx\n1\ts\t{}',
    'p\tx\nsoon\ts\t\t{}',
    'p\tx\n1\ts\tfirst\t{}',
  ])
    t.throws(() => readMessage(Buffer.from(text)), { name: 'WireError' }, JSON.stringify(text))
  for (const text of [
    '',
    'n\ns\nACTIVO\n1',
    `n\ns\nACTIVO\nfirst\n\n\n${identity}`,
    `n\ns\n\n1\n\n\n${identity}`,
    `n\ns\nACTIVO\n1\n${identity}`,
    `n\ns\nACTIVO\n1\n\n${identity}`,
  ])
    t.throws(() => readUser(Buffer.from(text)), { name: 'WireError' }, JSON.stringify(text))
  for (const text of ['', '\t', '\tnull', '{}', '\t{"id":"b","kind":"all","value":"x","createdAt":1}'])
    t.throws(() => readKeptBan(Buffer.from(text)), { name: 'WireError' }, JSON.stringify(text))
  for (const text of ['', '1\t', '1\tx-1', 'first\tx-1\t{}', '1\tx\t{}', '1\t\t{}'])
    t.throws(() => readInboxMessage(Buffer.from(text)), { name: 'WireError' }, JSON.stringify(text))
  for (const text of ['', 'x-1', 'x\tb\ts\tana\t{}', 'x-1\tl\ts\tana\t{}', 'x-1\tq\ts\tana\t{}'])
    t.throws(() => readKeptMessage(Buffer.from(text)), { name: 'WireError' }, JSON.stringify(text))
  for (const text of ['', '1,', 'Z', '1.5', '-1', '1,T,x', '=1', '=-1', '=x-', 'w', '1W'])
    t.throws(() => readOutcomes('x', text), { name: 'WireError' }, JSON.stringify(text))
})

t.test('whatever bytes come, they are read or refused by name', async () => {
  const separators = fc.constantFrom(
    ...['\n', '\t', '"', ',', 'e\tx\t1\n', 'p\tx\n', 'j', 'b', 's', 'l', '1', 'ACTIVO'].map((text) =>
      Buffer.from(text),
    ),
  )
  const noise = fc.array(fc.oneof(separators, fc.uint8Array({ maxLength: 5 })), { maxLength: 30 })
  const readers: ((bytes: Buffer) => unknown)[] = [
    readMessage,
    readUser,
    readInboxMessage,
    readKeptMessage,
    (bytes) => readOutcomes('x', bytes.toString()),
  ]
  const property = fc.property(noise, (parts) => {
    for (const read of readers) {
      try {
        read(Buffer.concat(parts))
      } catch (error) {
        if (!(error instanceof WireError)) throw error
      }
    }
  })
  fc.assert(property, { numRuns: 2000 })
})
