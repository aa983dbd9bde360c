import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  readMessage,
  readOutcomes,
  readUser,
  WireError,
  writeProposal,
} from '../../../src/backplane/redis/wire.js'
import { departure } from '../../../src/protocol/codec.js'
import { STATUSES } from '../../../src/protocol/frames.js'
import { keyOf } from '../../../src/protocol/names.js'
import type { Event, Join, Presence } from '../../../src/room/events.js'
import { changeStatus, join, leave, person, say, whisper } from '../../contract/people.js'
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
const presence: fc.Arbitrary<Presence> = record({
  key,
  name: someText(64),
  session: word,
  node: word,
  ip: someText(40),
  status,
  connectedAt: fc.nat({ max: 2 ** 45 }),
  order: offset,
})

/** What happened, before it has a place. */
type Happened = Event extends infer E ? (E extends Event ? Omit<E, 'position'> : never) : never
const happened: fc.Arbitrary<Happened> = fc.oneof(
  record({ kind: fc.constant('joined' as const), presence }),
  record({ kind: fc.constant('left' as const), session: word, key, frame }),
  record({ kind: fc.constant('status' as const), session: word, key, status, frame }),
  record({ kind: fc.constant('said' as const), key, frame }),
)

/** A line as commit.lua writes it. */
function lineOf(event: Happened): (string | Buffer)[] {
  switch (event.kind) {
    case 'joined': {
      const { order, status, session, node, key, name, ip, connectedAt } = event.presence
      return ['j', `${order}`, status, session, node, JSON.stringify([key, name, ip, connectedAt])]
    }
    case 'left':
      return ['l', event.session, event.key, bytesOf(event.frame)]
    case 'status':
      return ['s', event.session, event.key, event.status, bytesOf(event.frame)]
    case 'said':
      return ['b', 's', event.key, bytesOf(event.frame)]
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
  const letter = record({ after: offset, session: word, frame })
  const property = fc.property(
    epoch,
    offset,
    fc.array(letter, { minLength: 1, maxLength: 8 }),
    (epoch, offset, letters) => {
      assert.deepEqual(readMessage(bytes(['h', epoch, `${offset}`])), {
        kind: 'head',
        head: { epoch, offset },
      })
      const lines = letters.map(({ after, session, frame }) => [`${after}`, session, frame])
      assert.deepEqual(readMessage(bytes(['p', epoch], ...lines)), {
        kind: 'mail',
        mail: letters.map(({ after, session, frame }) => ({
          after: { epoch, offset: after },
          message: { kind: 'private', session, frame },
        })),
      })
    },
  )
  fc.assert(property)
})

t.test('a user comes out as it is kept', async () => {
  const property = fc.property(presence, (presence) => {
    const { node, session, status, order, key, name, ip, connectedAt } = presence
    const identity = JSON.stringify([key, name, ip, connectedAt])
    const value = [node, session, status, `${order}`, identity, departure(name)].join('\n')
    assert.deepEqual(readUser(Buffer.from(value)), presence)
  })
  fc.assert(property)
})

t.test('a proposal is a line as the script counts on it', async (t) => {
  const ana = person('Ana')
  const { session } = ana
  const entered: Join = join(ana, { order: 7, status: 'OCUPADO' })
  const identity = JSON.stringify(['ana', 'Ana', entered.ip, entered.connectedAt])
  const claim = ['j', session, 'ana', 'OCUPADO', '7', identity, departure('Ana')]
  t.equal(writeProposal(entered), claim.join('\t'))
  t.equal(writeProposal(join(ana)), ['j', session, 'ana', 'ACTIVO', '', ...claim.slice(5)].join('\t'))
  for (const [kind, proposal, ...rest] of [
    ['l', leave(ana)],
    ['b', say(ana)],
    ['s', changeStatus(ana, 'OCUPADO'), 'OCUPADO'],
    ['p', whisper(ana, 'BETO'), 'beto'],
  ] as const) {
    const frame = 'frame' in proposal ? proposal.frame : ''
    t.equal(writeProposal(proposal), [kind, session, 'ana', ...rest, frame].join('\t'))
  }
})

t.test('outcomes are read with their epoch', async (t) => {
  t.strictSame(readOutcomes('x', '1,T,F,U,X,N,W,1234567890123'), [
    { ok: true, position: { epoch: 'x', offset: 1 } },
    { ok: false, reason: 'NAME_TAKEN' },
    { ok: false, reason: 'FENCED' },
    { ok: false, reason: 'UNCHANGED' },
    { ok: false, reason: 'UNKNOWN_TARGET' },
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
    `e\tx\t1\nj\t1\tACTIVO\ts\t${identity}`,
    `e\tx\t1\nj\tfirst\tACTIVO\ts\tn\t${identity}`,
    `e\tx\t1\nj\t1\tACTIVO\ts\tn\t${identity.slice(1)}`,
    'e\tx\t1\nj\t1\tACTIVO\ts\tn\t["ana","Ana","192.0.2.1"]',
    'e\tx\t1\nj\t1\tACTIVO\ts\tn\t{"key":"ana"}',
    'p\tx\n',
    'p\tx\n1\ts',
    'p\tx\nsoon\ts\t{}',
  ])
    t.throws(() => readMessage(Buffer.from(text)), { name: 'WireError' }, JSON.stringify(text))
  for (const text of ['', 'n\ns\nACTIVO\n1', `n\ns\nACTIVO\nfirst\n${identity}`, `n\ns\n\n1\n${identity}`])
    t.throws(() => readUser(Buffer.from(text)), { name: 'WireError' }, JSON.stringify(text))
  for (const text of ['', '1,', 'Z', '1.5', '-1', '1,T,x'])
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
