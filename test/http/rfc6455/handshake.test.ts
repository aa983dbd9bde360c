/** RFC 6455, 4: the opening handshake. */
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { type Fields, frame, handshake, json, KEY, OPCODE, ping } from './frames.js'
import { acceptOf, Peer, type Target } from './peer.js'
import { type Row, serve, tryAll } from './table.js'

interface HandshakeRow extends Row {
  readonly fields?: Fields
  readonly line?: string
  readonly status: number
  /** Fields of the answer; undefined: it must not be there. */
  readonly answer?: Readonly<Record<string, string | undefined>>
}

const UPGRADED = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-accept': acceptOf(KEY) }
const OTHER_KEY = randomBytes(16).toString('base64')
const ASKED = { upgrade: 'websocket', connection: 'Upgrade' }
const ANOTHER_VERSION = { ...ASKED, 'sec-websocket-version': '13' }

const ROWS: readonly HandshakeRow[] = [
  {
    section: '1.3',
    title: 'the key of the RFC is answered as the RFC has it',
    status: 101,
    answer: { ...UPGRADED, 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' },
  },
  {
    section: '4.2.2',
    title: 'another key is answered by what belongs to it',
    fields: { 'Sec-WebSocket-Key': OTHER_KEY },
    status: 101,
    answer: { 'sec-websocket-accept': acceptOf(OTHER_KEY) },
  },
  {
    section: '4.2.2',
    title: 'what was not offered is not chosen',
    status: 101,
    answer: { 'sec-websocket-protocol': undefined, 'sec-websocket-extensions': undefined },
  },
  { section: '4.2.1', title: 'Upgrade in odd case', fields: { Upgrade: 'WebSOCKET' }, status: 101 },
  {
    section: '4.2.1',
    title: 'Connection with several tokens, in odd case',
    fields: { Connection: 'keep-alive, x-y,UPGRADE' },
    status: 101,
  },
  {
    section: '4.2.1',
    title: 'Connection in several lines',
    fields: { Connection: ['keep-alive', 'Upgrade'] },
    status: 101,
  },
  {
    section: '4.2.1',
    title: 'field names in odd case',
    fields: {
      Host: null,
      hOST: 'x',
      Upgrade: null,
      uPGRADE: 'websocket',
      Connection: null,
      CONNECTION: 'upgrade',
      'Sec-WebSocket-Key': null,
      'sec-websocket-KEY': KEY,
      'Sec-WebSocket-Version': null,
      'SEC-WEBSOCKET-VERSION': '13',
    },
    status: 101,
  },
  { section: '4.2.1', title: 'a query behind the path', line: 'GET /chat?x=1&y HTTP/1.1', status: 101 },
  {
    section: '4.1',
    title: 'other fields do no harm',
    fields: {
      Origin: 'https://example.com',
      Cookie: 'a=b; c=d',
      Authorization: 'Basic QQ==',
      'User-Agent': 'x',
      'X-Long': 'x'.repeat(4000),
      'Cache-Control': 'no-cache',
    },
    status: 101,
  },
  { section: '4.2.1', title: 'without Upgrade', fields: { Upgrade: null }, status: 426, answer: ASKED },
  { section: '4.2.1', title: 'an upgrade to something else', fields: { Upgrade: 'h2c' }, status: 400 },
  { section: '4.2.1', title: 'without Connection', fields: { Connection: null }, status: 426, answer: ASKED },
  {
    section: '4.2.1',
    title: 'Connection without the token upgrade',
    fields: { Connection: 'keep-alive' },
    status: 426,
    answer: ASKED,
  },
  {
    section: '4.2.1',
    title: 'Connection with a token that only begins with it',
    fields: { Connection: 'upgraded' },
    status: 426,
    answer: ASKED,
  },
  ...['8', '14', '0', '', '13.0', '0x0d', '+13', '13, 8', 'x'].map((version) => ({
    section: '4.2.2',
    title: `version "${version}" is told which one there is`,
    fields: { 'Sec-WebSocket-Version': version },
    status: 426,
    answer: ANOTHER_VERSION,
  })),
  {
    section: '4.2.2',
    title: 'no version is told which one there is',
    fields: { 'Sec-WebSocket-Version': null },
    status: 426,
    answer: ANOTHER_VERSION,
  },
  { section: '4.2.1', title: 'without a key', fields: { 'Sec-WebSocket-Key': null }, status: 400 },
  ...[
    ['that is empty', ''],
    ['of 15 bytes', Buffer.alloc(15).toString('base64')],
    ['of 17 bytes', Buffer.alloc(17).toString('base64')],
    ['without its padding', KEY.replace('==', '')],
    ['that is not Base64', `${'!'.repeat(22)}==`],
    ['of two lines', [KEY, KEY]],
  ].map(([what, key]) => ({
    section: '4.2.1',
    title: `a key ${what}`,
    fields: { 'Sec-WebSocket-Key': key ?? null },
    status: 400,
  })),
  ...['POST', 'PUT', 'OPTIONS'].map((method) => ({
    section: '4.2.1',
    title: `${method} instead of GET`,
    line: `${method} /chat HTTP/1.1`,
    status: 404,
  })),
  { section: '4.2.1', title: 'HEAD instead of GET', line: 'HEAD /chat HTTP/1.1', status: 426, answer: ASKED },
  { section: '4.2.1', title: 'HTTP/1.0', line: 'GET /chat HTTP/1.0', status: 426, answer: ASKED },
  {
    section: '4.2.1',
    title: 'without Host',
    differs: 'node does not ask for it in an upgrade, and clients written by hand may leave it out',
    fields: { Host: null },
    status: 101,
  },
  {
    section: '4.2.1',
    title: 'Upgrade with several tokens',
    differs: 'ws takes only the one',
    fields: { Upgrade: 'websocket, h2c' },
    status: 400,
  },
  {
    section: '4.2.2',
    title: 'of several subprotocols the first one is chosen',
    fields: { 'Sec-WebSocket-Protocol': 'zeta,chat-protocol, alfa' },
    status: 101,
    answer: { 'sec-websocket-protocol': 'zeta' },
  },
  {
    section: '4.2.2',
    title: 'of subprotocols in several lines the first one is chosen',
    fields: { 'Sec-WebSocket-Protocol': ['zeta', 'alfa, beta'] },
    status: 101,
    answer: { 'sec-websocket-protocol': 'zeta' },
  },
  ...[',', 'a b', 'a,,b', 'a,a', 'a;b', ''].map((protocols) => ({
    section: '4.1',
    title: `"${protocols}" is no list of subprotocols`,
    fields: { 'Sec-WebSocket-Protocol': protocols },
    status: 400,
  })),
  {
    section: '9.1',
    title: 'permessage-deflate is offered, and not taken',
    fields: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, x-other; a="b"' },
    status: 101,
    answer: { 'sec-websocket-extensions': undefined },
  },
  {
    section: '4.2.2',
    title: 'elsewhere there is no WebSocket',
    line: 'GET /chats HTTP/1.1',
    status: 404,
  },
]

async function tryRow(t: Test, target: Target, row: HandshakeRow): Promise<void> {
  const peer = await Peer.dial(t, target)
  peer.write(handshake(row.fields, row.line))
  const { status, headers } = await peer.answer()
  t.equal(status, row.status)
  for (const [name, value] of Object.entries(row.answer ?? {})) t.equal(headers.get(name), value, name)
  if (status === 101) await works(t, peer)
  else t.notOk(headers.has('sec-websocket-accept'), 'who is refused is not accepted')
}

const ASK = json({ type: 'list_users', sender: 'x' })

/** Whoever has not registered is told so: one answer for one frame. */
async function works(t: Test, peer: Peer, frames = ASK): Promise<void> {
  peer.write(frames)
  t.match(await peer.message(), { type: 'error', content: 'Debes registrarte primero' })
}

/** What comes in pieces, or at once. */
interface PiecesRow extends Row {
  /** What is written behind the handshake in one go, and after its answer. */
  readonly along: Buffer
  readonly after: Buffer
  readonly pongs: number
}

const PIECES: readonly PiecesRow[] = [
  { section: '4.1', title: 'a frame along with the handshake', along: ASK, after: Buffer.alloc(0), pongs: 0 },
  {
    section: '4.1',
    title: 'half a frame along with the handshake',
    along: ASK.subarray(0, 9),
    after: ASK.subarray(9),
    pongs: 0,
  },
  {
    section: '4.1',
    title: 'a byte of a frame along with the handshake',
    along: ASK.subarray(0, 1),
    after: ASK.subarray(1),
    pongs: 0,
  },
  {
    section: '4.1',
    title: 'pings and a fragment along with the handshake',
    along: Buffer.concat([ping('x'), frame({ payload: '{"type":"list_users",', fin: false }), ping('x')]),
    after: frame({ opcode: OPCODE.continuation, payload: '"sender":"x"}' }),
    pongs: 2,
  },
]

t.test('RFC 6455, 4: the opening handshake', async (t) => {
  for (const tls of [false, true])
    await t.test(tls ? 'over TLS' : 'over TCP', async (t) => {
      const target = await serve(t, tls)
      await tryAll(t, ROWS, (t, row) => tryRow(t, target, row))
      await tryAll(t, PIECES, async (t, { along, after, pongs }) => {
        const peer = await Peer.dial(t, target)
        peer.write(handshake(), along)
        t.equal((await peer.answer()).status, 101)
        for (let count = 0; count < pongs; count += 1) t.equal((await peer.frame()).opcode, OPCODE.pong)
        await works(t, peer, after)
        await works(t, peer)
      })
      await t.test('4.1 a byte at a time', async (t) => {
        const peer = await Peer.dial(t, target)
        await peer.writeSlowly(Buffer.concat([handshake(), ASK]))
        t.equal((await peer.answer()).status, 101)
        await works(t, peer, Buffer.alloc(0))
      })
    })
})

t.test('4.2.1 whoever is refused holds no place', async (t) => {
  const target = await serve(t, false, { MAX_CONNECTIONS: '1' })
  for (const line of ['HEAD /chat HTTP/1.1', 'GET /chat HTTP/1.0', 'POST /chat HTTP/1.1']) {
    const peer = await Peer.dial(t, target)
    peer.write(handshake({}, line))
    t.not((await peer.answer()).status, 101)
    await peer.ended()
  }
  await works(t, await Peer.open(t, target))
})
