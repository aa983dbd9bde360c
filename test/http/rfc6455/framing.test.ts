/** RFC 6455, 5 and 8.1: what a client sends, and what becomes of it. */
import t, { type Test } from 'tap'
import { type FrameParts, fragments, frame, json, OPCODE, ping, pong } from './frames.js'
import type { Peer } from './peer.js'
import { type Row, Scene, tryAll } from './table.js'

const ZEROES = Buffer.alloc(4)
const MAX_FRAME_BYTES = 100_000

/** Makes the JSON of a broadcast. */
type Say = (content: string) => Buffer

/** What the sender gets: the echo of a message, or a pong. */
type Heard = string | { readonly pong: string | Uint8Array }

interface ValidRow extends Row {
  readonly send: (say: Say) => Buffer | readonly Buffer[]
  readonly hears: readonly Heard[]
  /** A byte at a time. */
  readonly slowly?: boolean
}

const bytes = (length: number) => 'x'.repeat(length)

/** The JSON of a broadcast. All names of a scene are equally long. */
const sayAs = (name: string) => (content: string) =>
  Buffer.from(JSON.stringify({ type: 'broadcast', sender: name, content }))

/** A message whose JSON has exactly so many bytes. */
const filling = (length: number) => bytes(length - sayAs('Ana 000')('').length)

const { text, binary, continuation } = OPCODE
const more = (payload: string | Uint8Array, opcode: number = continuation) =>
  frame({ opcode, payload, fin: false })
const last = (payload: string | Uint8Array) => frame({ opcode: continuation, payload })

/** Cuts bytes at places. */
function cut(payload: Buffer, ...places: readonly number[]): Buffer[] {
  return [0, ...places].map((from, index) => payload.subarray(from, places[index]))
}

const VALID: readonly ValidRow[] = [
  {
    section: '5.3',
    title: 'a mask of zeroes',
    send: (say) => frame({ payload: say('hola'), mask: ZEROES }),
    hears: ['hola'],
  },
  {
    section: '5.3',
    title: 'a mask of ones, and another for the next frame',
    send: (say) => [
      frame({ payload: say('uno'), mask: Buffer.alloc(4, 0xff) }),
      frame({ payload: say('dos') }),
    ],
    hears: ['uno', 'dos'],
  },
  {
    section: '5.3',
    title: 'each fragment has a mask of its own, of zeroes too, and begins it anew',
    send: (say) => {
      const [a = '', b = '', c = ''] = cut(say('hola'), 7, 20)
      return [more(a, text), frame({ payload: b, opcode: continuation, fin: false, mask: ZEROES }), last(c)]
    },
    hears: ['hola'],
  },
  ...[125, 126, 127, 128, 65535, 65536, MAX_FRAME_BYTES].map((length) => ({
    section: '5.2',
    title: `a payload of ${length} bytes`,
    send: (say: Say) => frame({ payload: say(filling(length)) }),
    hears: [filling(length)],
  })),
  ...([2, 8] as const).map((lengthBytes) => ({
    section: '5.2',
    title: `a length in more bytes than it needs: ${lengthBytes}`,
    differs: 'ws reads it',
    send: (say: Say) => frame({ payload: say('hola'), lengthBytes }),
    hears: ['hola'],
  })),
  {
    section: '5.4',
    title: 'a message in fragments of a byte each',
    send: (say) => fragments(say(bytes(2000)), 1),
    hears: [bytes(2000)],
  },
  {
    section: '5.4',
    title: 'a message in 4,096 fragments',
    send: (say) => [
      ...fragments(say('hola'), 1).slice(0, -1),
      ...Array.from({ length: 4096 - say('hola').length }, () => more('')),
      last('}'),
    ],
    hears: ['hola'],
  },
  {
    section: '5.4',
    title: 'fragments without a byte: the first, some in the middle, the last',
    send: (say) => {
      const [a = '', b = ''] = cut(say('hola'), 10)
      return [more('', text), more(a), more(''), more(''), more(b), last('')]
    },
    hears: ['hola'],
  },
  {
    section: '5.4',
    title: 'a message of fragments without a byte is an empty one',
    send: (say) => [more('', text), more(''), last(''), frame({ payload: say('hola') })],
    hears: ['', 'hola'],
  },
  {
    section: '5.4',
    title: 'pings between fragments are answered before the message has come',
    send: (say) => {
      const [a = '', b = '', c = ''] = cut(say('hola'), 3, 30)
      return [more(a, text), ping('uno'), more(b), ping(''), ping('tres'), last(c)]
    },
    hears: [{ pong: 'uno' }, { pong: '' }, { pong: 'tres' }, 'hola'],
  },
  {
    section: '5.4',
    title: 'a ping of 125 bytes between fragments, a pong too',
    send: (say) => {
      const [a = '', b = ''] = cut(say('hola'), 3)
      return [more(a, text), ping(bytes(125)), pong(bytes(125)), last(b)]
    },
    hears: [{ pong: bytes(125) }, 'hola'],
  },
  {
    section: '5.4',
    title: 'two messages in fragments, one after the other',
    send: (say) => [
      ...fragments(say('uno'), 11),
      ...fragments(say('dos'), 1000),
      ...fragments(say('tres'), 3),
    ],
    hears: ['uno', 'dos', 'tres'],
  },
  {
    section: '5.4',
    title: 'as many bytes in fragments as one frame may have',
    send: (say) => fragments(say(filling(MAX_FRAME_BYTES)), 30_001),
    hears: [filling(MAX_FRAME_BYTES)],
  },
  {
    section: '5.6',
    title: 'a text that is cut within a character',
    send: (say) => {
      const payload = say('ñ😀')
      const at = payload.indexOf('😀')
      const [a = '', b = '', c = '', d = ''] = cut(payload, at - 1, at + 1, at + 3)
      return [more(a, text), more(b), more(c), last(d)]
    },
    hears: ['ñ😀'],
  },
  {
    section: '5.6',
    title: 'binary frames are read as if they were text (protocol 1.1), in fragments too',
    send: (say) => {
      const [a = '', b = ''] = cut(say('dos'), 10)
      return [frame({ opcode: binary, payload: say('uno') }), more(a, binary), last(b)]
    },
    hears: ['uno', 'dos'],
  },
  {
    section: '8.1',
    title: 'what is not UTF-8 does no harm behind the first NUL (protocol 1.1)',
    differs: 'the clients of the source send such frames',
    send: (say) => [
      frame({ payload: Buffer.concat([say('uno'), Buffer.from([0, 0xff, 0xc0])]) }),
      more(say('dos'), text),
      more(Buffer.from([0])),
      last(Buffer.from([0xed, 0xa0, 0x80])),
    ],
    hears: ['uno', 'dos'],
  },
  {
    section: '5.5.2',
    title: 'a ping is answered by a pong with the same bytes, be it none, 125 or no text',
    send: () => [ping(), ping(bytes(125)), ping(Buffer.from([0, 0xff, 0xc0, 0x80]))],
    hears: [{ pong: '' }, { pong: bytes(125) }, { pong: Buffer.from([0, 0xff, 0xc0, 0x80]) }],
  },
  {
    section: '5.5.2',
    title: 'many pings are each answered, in their order',
    send: () => Array.from({ length: 50 }, (_, index) => ping(`${index}`)),
    hears: Array.from({ length: 50 }, (_, index) => ({ pong: `${index}` })),
  },
  {
    section: '5.5.3',
    title: 'a pong that nobody asked for is not answered',
    send: (say) => [pong(), pong('hola'), frame({ payload: say('hola') })],
    hears: ['hola'],
  },
  {
    section: '5.2',
    title: 'a byte at a time',
    slowly: true,
    send: (say) => {
      const [a = '', b = ''] = cut(say('dos'), 10)
      return [frame({ payload: say(bytes(300)) }), ping('x'), more(a, text), ping('y'), last(b)]
    },
    hears: [bytes(300), { pong: 'x' }, { pong: 'y' }, 'dos'],
  },
]

async function tryValid(t: Test, scene: Scene, { send, hears, slowly }: ValidRow): Promise<void> {
  const { peer, name } = await scene.join(t)
  const sent = Buffer.concat([send(sayAs(name))].flat())
  if (slowly) await peer.writeSlowly(sent)
  else peer.write(sent)
  const seen: string[] = []
  for (const heard of hears) seen.push(...(await hear(t, peer, heard)))
  await scene.hears(t, name, ...seen)
  peer.write(json({ type: 'list_users', sender: name }))
  t.equal((await peer.message()).type, 'list_users_response', 'and nothing else')
  peer.reset()
  await scene.seesLeave(t, name)
}

/** Checks what the sender gets next, and returns what of it everybody gets. */
async function hear(t: Test, peer: Peer, heard: Heard): Promise<string[]> {
  if (typeof heard !== 'string') {
    const { opcode, payload } = await peer.frame()
    t.equal(opcode, OPCODE.pong)
    t.same(payload, Buffer.from(heard.pong))
    return []
  }
  const message = await peer.message()
  if (heard === '') {
    t.match(message, { type: 'error' }, 'an empty message is one that cannot be read')
    return []
  }
  t.match(message, { type: 'broadcast', content: heard })
  return [heard]
}

interface FailingRow extends Row {
  readonly send: Buffer | readonly Buffer[]
  readonly code: number
  /** How many answers come before the close frame. */
  readonly answers?: number
  /** Whether the server waits for the answer to its close frame, before it ends the connection. */
  readonly answered?: boolean
}

const bad = (parts: FrameParts) => frame({ payload: '{}', ...parts })
const told = (length: bigint, parts: FrameParts = {}) => frame({ told: length, lengthBytes: 8, ...parts })
const INVALID = Buffer.from([0x7b, 0xff, 0x7d])

const FAILING: readonly FailingRow[] = [
  ...Object.entries(OPCODE).map(([name, opcode]) => ({
    section: '5.1',
    title: `a frame that is not masked: ${name}`,
    send:
      opcode === continuation ? [more('{', text), bad({ opcode, mask: null })] : bad({ opcode, mask: null }),
    code: 1002,
  })),
  ...[1, 2, 3, 4, 7].map((rsv) => ({
    section: '5.2',
    title: `reserved bits ${rsv.toString(2).padStart(3, '0')}`,
    send: bad({ rsv }),
    code: 1002,
  })),
  {
    section: '5.2',
    title: 'a reserved bit in a fragment',
    send: [more('{', text), bad({ opcode: 0, rsv: 4 })],
    code: 1002,
  },
  {
    section: '5.2',
    title: 'a reserved bit in a ping',
    send: bad({ opcode: OPCODE.ping, rsv: 4 }),
    code: 1002,
  },
  {
    section: '5.2',
    title: 'a reserved bit in a close frame',
    send: bad({ opcode: OPCODE.close, rsv: 1 }),
    code: 1002,
  },
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
    section: '5.2',
    title: `opcode ${opcode}, which is reserved`,
    send: bad({ opcode }),
    code: 1002,
  })),
  {
    section: '5.2',
    title: 'a reserved opcode between fragments',
    send: [more('{', text), bad({ opcode: 11 })],
    code: 1002,
  },
  {
    section: '5.2',
    title: 'a length with the highest bit set',
    differs: 'ws says 1009, not 1002',
    send: told(2n ** 63n),
    code: 1009,
  },
  {
    section: '5.2',
    title: 'a length of 2^64 - 1',
    differs: 'ws says 1009, not 1002',
    send: told(2n ** 64n - 1n),
    code: 1009,
  },
  { section: '5.2', title: 'a length of 2^53', send: told(2n ** 53n), code: 1009 },
  { section: '5.2', title: 'a length of 2^53 - 1', send: told(2n ** 53n - 1n), code: 1009 },
  { section: '5.2', title: 'a length of 2^32', send: told(2n ** 32n), code: 1009 },
  {
    section: '7.4.1',
    title: 'a frame that is told to be too large, of which nothing comes',
    send: told(BigInt(MAX_FRAME_BYTES) + 1n),
    code: 1009,
  },
  {
    section: '7.4.1',
    title: 'a fragment that would make the message too large, of which nothing comes',
    send: [more(bytes(MAX_FRAME_BYTES - 10), text), told(11n, { opcode: continuation, lengthBytes: 0 })],
    code: 1009,
  },
  { section: '5.4', title: 'a continuation without a beginning', send: last('{}'), code: 1002 },
  {
    section: '5.4',
    title: 'a continuation without a beginning, and without an end',
    send: more('{}'),
    code: 1002,
  },
  {
    section: '5.4',
    title: 'a continuation of a message that has ended',
    send: [...fragments(Buffer.from('{}'), 1), last('{}')],
    answers: 1,
    code: 1002,
  },
  {
    section: '5.4',
    title: 'a new text before the old one has ended',
    send: [more('{', text), frame({ payload: '{}' })],
    code: 1002,
  },
  {
    section: '5.4',
    title: 'a new binary before the text has ended',
    send: [more('{', text), bad({ opcode: binary })],
    code: 1002,
  },
  {
    section: '5.4',
    title: 'a new beginning before the old message has ended',
    send: [more('{', text), more(''), more('{', text)],
    code: 1002,
  },
  ...[OPCODE.ping, OPCODE.pong, OPCODE.close].flatMap((opcode) => [
    {
      section: '5.5',
      title: `a control frame of 126 bytes: ${opcode}`,
      send: bad({ opcode, payload: bytes(126) }),
      code: 1002,
    },
    {
      section: '5.5',
      title: `a control frame that is told to have 2^32 bytes: ${opcode}`,
      send: told(2n ** 32n, { opcode }),
      code: 1002,
    },
    {
      section: '5.5',
      title: `a control frame with its length in two bytes: ${opcode}`,
      send: bad({ opcode, lengthBytes: 2 }),
      code: 1002,
    },
    {
      section: '5.5',
      title: `a fragment of a control frame: ${opcode}`,
      send: bad({ opcode, fin: false }),
      code: 1002,
    },
  ]),
  {
    section: '8.1',
    title: 'a text that is not UTF-8',
    send: frame({ payload: INVALID }),
    code: 1007,
    answered: true,
  },
  {
    section: '8.1',
    title: 'a text that is not UTF-8 before the first NUL',
    send: frame({ payload: Buffer.concat([INVALID, Buffer.from([0])]) }),
    code: 1007,
    answered: true,
  },
  {
    section: '8.1',
    title: 'a text in fragments that is not UTF-8',
    send: [
      more('{', text),
      ...[0xf4, 0x90, 0x80].map((byte) => more(Buffer.from([byte]))),
      last(Buffer.from([0x80])),
    ],
    code: 1007,
    answered: true,
  },
  {
    section: '8.1',
    title: 'a text that ends within a character, at a NUL',
    send: frame({ payload: Buffer.from([0x7b, 0xc3, 0, 0xb1]) }),
    code: 1007,
    answered: true,
  },
  {
    section: '5.4',
    title: 'more than 4,096 fragments',
    differs: 'the server takes no more (protocol 1.1)',
    send: Array.from({ length: 4097 }, (_, index) => more('', index === 0 ? text : continuation)),
    code: 1008,
  },
]

async function tryFailing(
  t: Test,
  scene: Scene,
  { send, code, answers = 0, answered }: FailingRow,
): Promise<void> {
  const { peer, name } = await scene.join(t)
  const after = json({ type: 'broadcast', sender: name, content: 'after' })
  peer.write(...[send].flat(), after)
  for (let count = 0; count < answers; count += 1) t.equal((await peer.message()).type, 'error')
  t.equal((await peer.closeFrame()).code, code)
  peer.write(after)
  if (answered) peer.write(frame({ opcode: OPCODE.close, payload: Buffer.from([code >> 8, code & 0xff]) }))
  await peer.ended()
  peer.finish()
  await scene.seesLeave(t, name)
}

t.test('RFC 6455, 5: framing', async (t) => {
  const scene = await Scene.begin(t, false, {
    MAX_FRAME_BYTES: `${MAX_FRAME_BYTES}`,
    MAX_CONTENT_CHARS: `${MAX_FRAME_BYTES}`,
  })
  await t.test('what is taken', (t) => tryAll(t, VALID, (t, row) => tryValid(t, scene, row)))
  await t.test('what fails the connection (7.1.7): nothing behind it is heard', (t) =>
    tryAll(t, FAILING, (t, row) => tryFailing(t, scene, row)),
  )
  await t.test(
    '5.5.3 of very many pings at once the last is answered, and the connection stays',
    async (t) => {
      const { peer } = await scene.join(t)
      peer.write(...Array.from({ length: 500 }, (_, number) => ping(Buffer.from(String(number)))))
      let last = -1
      while (last !== 499) {
        const { opcode, payload } = await peer.frame()
        t.equal(opcode, OPCODE.pong)
        t.ok(Number(payload) > last, 'in their order')
        last = Number(payload)
      }
      peer.write(ping(Buffer.from('still there')))
      t.equal(String((await peer.frame()).payload), 'still there')
    },
  )
})
