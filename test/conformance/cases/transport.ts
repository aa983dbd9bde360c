import assert from 'node:assert/strict'
import http from 'node:http'
import https from 'node:https'
import { section } from '../case.js'
import { DEADLINE_MS } from '../client.js'
import { expectControl, expectNext, expectQuiet } from '../expect.js'
import { broadcast } from '../frames.js'

const it = section('1.1')

export const transport = [
  it('a plain GET without the upgrade is answered 426 with "Upgrade: websocket"', async ({ target }) => {
    const response = await get(target.urls[0])
    assert.equal(response.status, 426, 'the status of the answer')
    assert.equal(response.upgrade?.toLowerCase(), 'websocket', 'the header "Upgrade" of the answer')
  }),

  it('the subprotocol that the client offers is chosen', async (ctx) => {
    const client = await ctx.open({ protocols: ['chat-protocol'] })
    assert.equal(client.ws.protocol, 'chat-protocol', 'the chosen subprotocol')
  }),

  it('of several subprotocols the first one offered is chosen', async (ctx) => {
    const client = await ctx.open({ protocols: ['zeta', 'chat-protocol', 'alfa'] })
    assert.equal(client.ws.protocol, 'zeta', 'the chosen subprotocol')
  }),

  it('no subprotocol is chosen when none is offered', async (ctx) => {
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

  it('a message may come in fragments, cut anywhere, with a ping between them', async (ctx) => {
    const ana = await ctx.join('Ana')
    const bytes = Buffer.from(JSON.stringify(broadcast(ana.name, 'ñandú 😀')))
    const inTheFace = bytes.indexOf('😀') + 2
    ana.send(bytes.subarray(0, 7), { fin: false })
    ana.send(bytes.subarray(7, inTheFace), { fin: false })
    ana.ws.ping()
    ana.send(bytes.subarray(inTheFace))
    await expectNext(ana, { type: 'broadcast', sender: ana.name, content: 'ñandú 😀' })
    await expectQuiet(ana)
  }),

  it('a ping of the client is answered by a pong with the same bytes', async (ctx) => {
    const client = await ctx.open()
    client.ws.ping('hola')
    assert.equal(await expectControl(client, 'pong'), 'hola', 'the payload of the pong')
  }),
]

function get(url: string): Promise<{ status: number | undefined; upgrade: string | undefined }> {
  const target = new URL(url)
  const secure = target.protocol === 'wss:'
  target.protocol = secure ? 'https:' : 'http:'
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).get(target, { agent: false }, (response) => {
      response.resume()
      resolve({ status: response.statusCode, upgrade: response.headers.upgrade })
    })
    request.setTimeout(DEADLINE_MS, () => request.destroy(new Error('the GET was not answered')))
    request.on('error', reject)
  })
}
