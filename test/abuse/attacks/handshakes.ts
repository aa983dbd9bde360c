/** Mutations of a right upgrade request, and of frames behind it, each over a connection of its own. */
import { register } from '../../conformance/frames.js'
import type { Dice } from '../../support/dice.js'
import type { Attack } from '../ground.js'
import { damaged } from '../mutate.js'
import { OPCODES, Raw, requestOf, times, UPGRADE, wireFrame } from '../raw.js'
import { INSIDE } from '../rest.js'
import { newName, shown } from '../stranger.js'

const AT_ONCE = 24

/** Lines that do not belong there, or not twice. */
const ODD_LINES = [
  ...[
    'GET /chat HTTP/1.0',
    'GET /chat HTTP/2.0',
    'POST /chat HTTP/1.1',
    'PRI * HTTP/2.0',
    'GET  /chat HTTP/1.1',
  ],
  ...[
    'GET http://127.0.0.1/chat HTTP/1.1',
    'GET //chat HTTP/1.1',
    'GET /chat/../chat HTTP/1.1',
    'GET /%63hat HTTP/1.1',
  ],
  ...[
    'GET /chat?__proto__[x]=1 HTTP/1.1',
    'GET /chat%00 HTTP/1.1',
    'GET /chat# HTTP/1.1',
    'get /chat http/1.1',
  ],
  ...[
    'CONNECT /chat HTTP/1.1',
    'GET /%ff%fe HTTP/1.1',
    'GET /users/__proto__ HTTP/1.1',
    'DELETE /users/x HTTP/1.1',
  ],
  ...['Sec-WebSocket-Version: 12', 'Sec-WebSocket-Version: 99999999999', 'Sec-WebSocket-Version: 13, 8'],
  ...[
    'Sec-WebSocket-Key: x',
    'Sec-WebSocket-Key: ',
    'Sec-WebSocket-Protocol: ,,',
    'Sec-WebSocket-Protocol: a, a',
  ],
  ...[
    'Sec-WebSocket-Protocol: chat\tprotocol',
    'Sec-WebSocket-Extensions: permessage-deflate; x="',
    'Upgrade: h2c',
  ],
  ...[
    'Connection: close',
    'Connection: keep-alive',
    'Connection: Upgrade, Upgrade',
    'Transfer-Encoding: chunked',
  ],
  ...[
    'Transfer-Encoding: chunked, identity',
    'Content-Length: 5',
    'Content-Length: -1',
    'Content-Length: 99999999999999',
  ],
  ...[
    'Host: ',
    'Host: a\r\nHost: b',
    'X-Forwarded-For: 1.2.3.4',
    '__proto__: x',
    'constructor: x',
    ': x',
    'x',
    'X: \u0000',
  ],
  ...['X: a\rb', ' folded: x', 'Origin: null', 'Expect: 100-continue', 'Origin: \u00ff', 'Cookie: a=b'],
  `X-Long: ${'x'.repeat(20_000)}`,
  `GET /chat?${'x'.repeat(20_000)} HTTP/1.1`,
]

/** What an answer to such a request begins with: a server that fails says 5xx, unless it does not know how. */
const ANSWER = /^HTTP\/1\.1 (100|101|200|204|302|4\d\d|501|505) /

export const fuzzHandshakes: Attack = async ({ nodes, dice }, amount) => {
  await times(amount, AT_ONCE, async () => {
    const request = odd(dice)
    const raw = await Raw.open(dice.pick(nodes).port)
    // Nothing more comes: a request that is not whole is over with that.
    raw.socket.end(request)
    await raw.ended().catch((error) => {
      throw new Error(`${error}: ${shown(request)}, answered ${shown(Buffer.from(raw.received))}`)
    })
    const { received } = raw
    if ((received !== '' && !ANSWER.test(received)) || INSIDE.test(received))
      throw new Error(`${shown(request)} was answered ${shown(Buffer.from(received))}`)
  })
  return amount
}

function odd(dice: Dice): Buffer {
  if (dice.happens(0.5)) return damaged(Buffer.from(requestOf(UPGRADE)), dice)
  const lines = [...UPGRADE]
  for (let times = 1 + dice.below(3); times > 0; times -= 1) change(lines, dice)
  const request = dice.happens(0.1) ? `${lines.join('\n')}\n\n` : requestOf(lines)
  return Buffer.concat([Buffer.from(request, 'latin1'), behind(dice)])
}

function change(lines: string[], dice: Dice): void {
  const line = dice.pick(ODD_LINES)
  const isFirst = / HTTP\/\d|http\//.test(line)
  const at = dice.below(lines.length)
  if (isFirst) lines[0] = line
  else if (dice.happens(0.5)) lines.splice(at, dice.below(2), line)
  else lines.splice(at, 1, ...(dice.happens(0.5) ? [lines[at] ?? '', dice.pick(lines)] : []))
}

/** What may stand behind a request: nothing, noise, or frames that are nearly right, in their headers too. */
function behind(dice: Dice): Buffer {
  if (dice.happens(0.5)) return Buffer.alloc(0)
  if (dice.happens(0.2)) return Buffer.from(Array.from({ length: dice.below(200) }, () => dice.below(256)))
  const frames = Array.from({ length: 1 + dice.below(5) }, () => {
    const opcode = dice.happens(0.7) ? dice.pick(Object.values(OPCODES)) : dice.below(16)
    const payload = dice.pick([
      JSON.stringify(register(newName(dice))),
      '{"type":"disconnect","sender":"Nadie"}',
      'x'.repeat(dice.below(300)),
      '\u0003\u00e8',
      '',
    ])
    return wireFrame(opcode, Buffer.from(payload, 'latin1'), dice, dice.happens(0.8))
  })
  return dice.happens(0.5) ? damaged(Buffer.concat(frames), dice) : Buffer.concat(frames)
}
