import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { decision, source } from '../case.js'
import { DEADLINE_MS } from '../client.js'
import { expectControl, expectNext, expectShown } from '../expect.js'
import { broadcast, stamped } from '../frames.js'

const it = decision('1.1')
const byRfc6455 = source('1.1', '2.1, by RFC 6455')

/** What a server adds to the key of a client before it hashes it (RFC 6455, 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export const transport = [
  source('1.1', '2.1')('GET with the upgrade to WebSocket is answered 101', async ({ target }) => {
    const key = randomBytes(16).toString('base64')
    const { statusCode, headers } = await get(target.urls[0], {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
    })
    assert.equal(statusCode, 101, 'the status of the answer')
    const accept = createHash('sha1')
      .update(key + GUID)
      .digest('base64')
    assert.equal(headers['sec-websocket-accept'], accept, 'the header "Sec-WebSocket-Accept" of the answer')
  }),

  it('a plain GET without the upgrade is answered 426 with "Upgrade: websocket"', async ({ target }) => {
    const { statusCode, headers } = await get(target.urls[0])
    assert.equal(statusCode, 426, 'the status of the answer')
    assert.equal(headers.upgrade?.toLowerCase(), 'websocket', 'the header "Upgrade" of the answer')
  }),

  it('the subprotocol that the client offers is chosen', async (ctx) => {
    const client = await ctx.open({ protocols: ['chat-protocol'] })
    assert.equal(client.ws.protocol, 'chat-protocol', 'the chosen subprotocol')
  }),

  it('of several subprotocols the first one offered is chosen', async (ctx) => {
    const client = await ctx.open({ protocols: ['zeta', 'chat-protocol', 'alfa'] })
    assert.equal(client.ws.protocol, 'zeta', 'the chosen subprotocol')
  }),

  byRfc6455('no subprotocol is chosen when none is offered', async (ctx) => {
    const client = await ctx.open()
    assert.equal(client.ws.protocol, '', 'the chosen subprotocol')
  }),

  it('no compression is negotiated, though the client offers it', async (ctx) => {
    const client = await ctx.open()
    assert.equal(client.ws.extensions, '', 'the negotiated extensions')
  }),

  it('a binary frame is read as if it were text', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.send(JSON.stringify(broadcast(ana.name, 'en binario: ñ')), { binary: true })
    await expectNext(ana, { type: 'broadcast', sender: ana.name, content: 'en binario: ñ' })
  }),

  byRfc6455('a message may come in fragments, cut anywhere, with a ping between them', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const bytes = Buffer.from(JSON.stringify(stamped(broadcast(ana.name, 'ñandú 😀'))))
    const inTheFace = bytes.indexOf('😀') + 2
    ana.send(bytes.subarray(0, 7), { fin: false })
    ana.send(bytes.subarray(7, inTheFace), { fin: false })
    ana.ws.ping()
    ana.send(bytes.subarray(inTheFace))
    await expectShown(beto, { type: 'broadcast', sender: ana.name, content: 'ñandú 😀' })
  }),

  byRfc6455('a ping of the client is answered by a pong with the same bytes', async (ctx) => {
    const client = await ctx.open()
    client.ws.ping('hola')
    assert.equal(await expectControl(client, 'pong'), 'hola', 'the payload of the pong')
  }),
]

/** The answer to a GET: an upgrade, or any other. */
function get(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const target = new URL(url)
  const secure = target.protocol === 'wss:'
  target.protocol = secure ? 'https:' : 'http:'
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).get(target, { agent: false, headers }, (response) => {
      response.resume()
      resolve(response)
    })
    request.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response)
    })
    request.setTimeout(DEADLINE_MS, () => request.destroy(new Error('the GET was not answered')))
    request.on('error', reject)
  })
}
