import { once } from 'node:events'
import { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { queryObjects } from 'node:v8'
import t, { type Test } from 'tap'
import { Client } from '../conformance/client.js'
import { ask, type RunningApp, startApp } from '../support/app.js'

async function ipOf(app: RunningApp, name: string): Promise<string> {
  return (await ask(app, `/users/${name}`)).json().ip
}

/** Sends text over TCP and returns all that is answered until the server closes. */
async function raw(app: RunningApp, request: string): Promise<string> {
  const socket = connect(app.port, '127.0.0.1')
  socket.write(request)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

t.test("1.4 a client's address", async (t) => {
  t.test('is that of its connection; forwarded headers are not believed', async (t) => {
    const app = await startApp(t)
    const ana = await Client.open(app.url, {
      headers: { 'x-forwarded-for': '192.0.2.9', forwarded: 'for=192.0.2.9' },
    })
    await ana.register('Ana')
    t.equal(await ipOf(app, 'Ana'), '127.0.0.1')
  })

  t.test('is seen through trusted proxies', async (t) => {
    const app = await startApp(t, { TRUST_PROXY: '127.0.0.1, 10.0.0.0/8' })
    const ana = await Client.open(app.url, {
      headers: { 'x-forwarded-for': '203.0.113.5, 192.0.2.9, 10.1.2.3' },
    })
    await ana.register('Ana')
    t.equal(await ipOf(app, 'Ana'), '192.0.2.9', 'the first from behind that is not a proxy')
    ana.send({ type: 'user_info', sender: 'Ana', target: 'Ana' })
    t.match((await ana.next()).content, { ip: '192.0.2.9' })
  })

  t.test('is IPv4 when it is mapped into IPv6', async (t) => {
    const app = await startApp(t, { TRUST_PROXY: '127.0.0.1' })
    const ana = await Client.open(app.url, { headers: { 'x-forwarded-for': '::ffff:192.0.2.9' } })
    await ana.register('Ana')
    t.equal(await ipOf(app, 'Ana'), '192.0.2.9')
    const eva = await Client.open(app.url, { headers: { 'x-forwarded-for': '2001:db8::9' } })
    await eva.register('Eva')
    t.equal(await ipOf(app, 'Eva'), '2001:db8::9')
  })
})

t.test('1.1 a GET without the upgrade is answered 426, in the shape of all errors', async (t) => {
  const app = await startApp(t)
  const answer = await app.http.inject('/chat')
  t.equal(answer.statusCode, 426)
  t.equal(answer.headers.upgrade, 'websocket')
  t.match(answer.json(), { statusCode: 426, error: 'Upgrade Required' })
})

t.test('an upgrade anywhere else is refused, and the server goes on', async (t) => {
  const app = await startApp(t)
  await t.rejects(Client.open(app.url.replace('/chat', '/elsewhere')), /404/)
  for (const path of ['/', '/users', '/docs', '/health/live'])
    await t.rejects(Client.open(app.url.replace('/chat', path)), /404/, path)
  await Client.join(app.url, 'Ana')
  await Client.join(`${app.url}/`, 'Beto')
})

t.test('an upgrade anywhere else is told where the chat is', async (t) => {
  const app = await startApp(t)
  const headers = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  const answer = await raw(
    app,
    ['GET / HTTP/1.1', ...headers, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''].join('\r\n'),
  )
  t.match(answer, 'The chat is at /chat')
})

const handshake = (headers: Record<string, string>) => {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return `GET /chat HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

t.test('a handshake that is not one (RFC 6455, 4.2.1) is refused', async (t) => {
  const cases: [string, Record<string, string>, RegExp][] = [
    ['another version', { 'Sec-WebSocket-Version': '99' }, /^HTTP\/1.1 (400|426)/],
    ['a short key', { 'Sec-WebSocket-Key': 'x' }, /^HTTP\/1.1 400/],
    ['another protocol', { Upgrade: 'h2c' }, /^HTTP\/1.1 (400|426)/],
    ['a bad list of subprotocols', { 'Sec-WebSocket-Protocol': ',,' }, /^HTTP\/1.1 400/],
  ]
  const check = async (t: Test, headers: Record<string, string>, expected: RegExp) => {
    const app = await startApp(t)
    t.match(await raw(app, handshake(headers)), expected)
    await Client.join(app.url, 'Ana')
  }
  for (const [name, headers, expected] of cases) t.test(name, (t) => check(t, headers, expected))
})

t.test('what goes wrong inside is not shown to strangers', async (t) => {
  const app = await startApp(t)
  app.node.find = async () => {
    throw new Error('secret detail')
  }
  app.node.directory.page = () => {
    throw new Error('secret detail')
  }
  const unreachable = await ask(app, '/users/Ana')
  t.equal(unreachable.statusCode, 503)
  t.notMatch(unreachable.body, /secret/)
  const broken = await ask(app, '/users')
  t.equal(broken.statusCode, 500)
  t.match(broken.json(), { statusCode: 500, error: 'Internal Server Error' })
  t.notMatch(broken.body, /secret/)
})

t.test('a client that resets its connection right after the handshake is no error', async (t) => {
  const lines: string[] = []
  const app = await startApp(t, { LOG_LEVEL: 'warn' }, undefined, (line) => lines.push(line))
  const headers = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  const request = [
    'GET /chat HTTP/1.1',
    ...headers,
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '',
    '',
  ].join('\r\n')
  for (let count = 0; count < 100; count += 1) {
    const socket = connect(app.port, '127.0.0.1')
    socket.write(request, () => socket.resetAndDestroy())
    await once(socket, 'close')
  }
  await Client.join(app.url, 'Ana')
  t.same(lines, [])
})

t.test('a connection keeps nothing in memory of the request that it began as', async (t) => {
  const app = await startApp(t)
  const responses = () => queryObjects(ServerResponse, { format: 'count' })
  const before = responses()
  for (let count = 0; count < 10; count += 1) await (await Client.open(app.url)).register(`user-${count}`)
  t.equal(responses(), before)
})
