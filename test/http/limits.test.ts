/** What strangers may take over HTTP, and what they are told. */
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { Client } from '../conformance/client.js'
import { ask, startApp, TOKEN } from '../support/app.js'
import { until } from '../support/until.js'
import { handshake } from './rfc6455/frames.js'
import { Peer } from './rfc6455/peer.js'

const PROXY = { TRUST_PROXY: '127.0.0.1' }
const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } })

t.test('MAX_CONNECTIONS: more are answered 503, and a place that is free again is taken', async (t) => {
  const app = await startApp(t, { MAX_CONNECTIONS: '2' })
  const ana = await Client.open(app.url)
  await Client.open(app.url)
  await t.rejects(Client.open(app.url), { message: /answered 503/ })
  const refused = await fetch(`http://127.0.0.1:${app.port}/health/live`)
  t.equal(refused.status, 200, 'whoever does not chat is not counted')
  await ana.close()
  await until('a place is free', () =>
    Client.open(app.url).then(
      () => true,
      () => false,
    ),
  )
})

t.test('MAX_CONNECTIONS_PER_IP: more from one address are answered 429', async (t) => {
  const app = await startApp(t, { MAX_CONNECTIONS_PER_IP: '1', ...PROXY })
  await Client.open(app.url, from('192.0.2.1'))
  await t.rejects(Client.open(app.url, from('192.0.2.1')), { message: /answered 429/ })
  await Client.open(app.url, from('192.0.2.2'))
  await Client.open(app.url, from('2001:db8::1'))
  await t.rejects(Client.open(app.url, from('2001:db8::2')), { message: /answered 429/ })
})

t.test('a refused upgrade says when to come back', async (t) => {
  const app = await startApp(t, { MAX_CONNECTIONS: '1' })
  await Client.open(app.url)
  const socket = connect(app.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const lines = ['GET /chat HTTP/1.1', 'Host: a', 'Upgrade: websocket', 'Connection: Upgrade']
  socket.write(
    [...lines, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', '', ''].join(
      '\r\n',
    ),
  )
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /^HTTP\/1.1 503 [\s\S]*retry-after: 1\r\n/i)
})

t.test('ALLOWED_ORIGINS: pages of others are refused, and who is no page is let in', async (t) => {
  const app = await startApp(t, { ALLOWED_ORIGINS: 'https://chat.example, http://localhost:8000' })
  const page = (origin: string) => Client.open(app.url, { headers: { origin } })
  await page('https://chat.example')
  await page('http://localhost:8000')
  for (const origin of [
    'https://evil.example',
    'http://chat.example',
    'https://chat.example:8443',
    'https://Chat.example',
    'HTTPS://chat.example',
    'https://chat.example/',
    'null',
    '',
  ])
    await t.rejects(page(origin), { message: /answered 403/ }, origin)
  await Client.open(app.url)
})

t.test('without ALLOWED_ORIGINS any page may connect', async (t) => {
  const app = await startApp(t)
  await Client.open(app.url, { headers: { origin: 'https://anything.example' } })
})

t.test(
  'API_REQUESTS_PER_MINUTE: more are answered 429, with and without the token, each for themselves',
  async (t) => {
    const app = await startApp(t, { API_REQUESTS_PER_MINUTE: '3' })
    for (const url of ['/users', '/docs/json', '/nowhere'])
      t.not((await app.http.inject(url)).statusCode, 429, 'whatever they ask for, strangers have one count')
    t.equal((await app.http.inject('/users')).statusCode, 429)
    for (let count = 0; count < 3; count += 1)
      t.equal((await ask(app, '/users')).statusCode, 200, 'they do not lock the operator out')
    const wrong = { authorization: 'Bearer a-guess' }
    t.equal(
      (await app.http.inject({ url: '/users', headers: wrong })).statusCode,
      429,
      'a guess counts as theirs',
    )
    const answer = await ask(app, '/users')
    t.equal(answer.statusCode, 429)
    t.match(answer.json(), { statusCode: 429, error: 'Too Many Requests' })
    t.ok(Number(answer.headers['retry-after']) > 0)
    t.equal((await app.http.inject('/health/ready')).statusCode, 200, 'health is asked as often as one likes')
  },
)

t.test('API_REQUESTS_PER_MINUTE: of IPv6 a network counts as one address', async (t) => {
  const app = await startApp(t, { API_REQUESTS_PER_MINUTE: '1', ...PROXY })
  const status = async (ip: string, token = '') =>
    (
      await app.http.inject({
        url: '/users',
        headers: { 'x-forwarded-for': ip, authorization: `Bearer ${token}` },
      })
    ).statusCode
  t.equal(await status('2001:db8:1:2::1', 'x'), 401)
  t.equal(await status('2001:db8:1:2:ffff::2', 'x'), 429)
  t.equal(await status('2001:db8:1:3::1', 'x'), 401)
  t.equal(await status('192.0.2.1', 'x'), 401)
  t.equal(await status('192.0.2.2', 'x'), 401)
  t.equal(await status('2001:db8:1:2::1', TOKEN), 200)
  t.equal(await status('2001:db8:1:2::9', TOKEN), 429)
})

t.test('API_REQUESTS_PER_MINUTE: upgrades and health are not counted', async (t) => {
  const app = await startApp(t, { API_REQUESTS_PER_MINUTE: '1' })
  for (let count = 0; count < 3; count += 1) {
    await Client.open(app.url)
    for (const url of ['/health/live', '/health/ready']) t.equal((await app.http.inject(url)).statusCode, 200)
  }
  t.equal((await app.http.inject('/nowhere')).statusCode, 404)
  t.equal((await app.http.inject('/docs/json')).statusCode, 429)
})

t.test('whoever is refused an upgrade for now is told when to come back', async (t) => {
  const app = await startApp(t, { MAX_CONNECTIONS_PER_IP: '1' })
  const upgrade = async () => {
    const peer = await Peer.dial(t, app)
    peer.write(handshake())
    const { status, headers } = await peer.answer()
    return [status, headers.get('retry-after')]
  }
  await Client.open(app.url)
  t.same(await upgrade(), [429, '1'])
  Object.defineProperty(app.node, 'accepting', { get: () => false })
  t.same(await upgrade(), [503, '1'])
})

t.test('a request, and then nothing, has its time; a WebSocket has as long as it likes', async (t) => {
  const app = await startApp(t)
  const { server } = app.http
  const { timeout, headersTimeout, requestTimeout } = server
  t.same(
    { timeout, headersTimeout, requestTimeout },
    { timeout: 30_000, headersTimeout: 10_000, requestTimeout: 15_000 },
  )
  t.equal(Reflect.get(server, 'connectionsCheckingInterval'), 1000, 'how often it is looked')
  const connected = once(server, 'connection')
  await Client.open(app.url)
  const [socket] = await connected
  t.notOk(socket.timeout)
})

t.test('a request and an upgrade in one go end the connection: nothing stays open', async (t) => {
  const app = await startApp(t)
  for (const path of ['/health/live', '/chat']) {
    const peer = await Peer.dial(t, app)
    peer.write(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`), handshake())
    await peer.rest()
    const count = () =>
      new Promise((resolve) => app.http.server.getConnections((_error, open) => resolve(open)))
    await until('nothing is open', async () => (await count()) === 0)
  }
})

t.test('an upgrade that comes while the last of several answers is under way does so, too', async (t) => {
  const app = await startApp(t)
  let asked = 0
  let answer = () => {}
  app.node.find = () => {
    asked += 1
    return new Promise((resolve) => {
      answer = () => resolve(undefined)
    })
  }
  const peer = await Peer.dial(t, app)
  const head = `HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`
  peer.write(Buffer.from(`GET /health/live ${head}GET /users/Ana ${head}`))
  await peer.answer()
  await until('the other is under way', () => asked === 1)
  peer.write(handshake())
  await peer.rest()
  answer()
})

t.test('an upgrade after the answers to what was asked before is let in', async (t) => {
  const app = await startApp(t)
  const socket = connect(app.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  for (let count = 1; count <= 3; count += 1) {
    socket.write('GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('the answer', () => text.split('"status":').length > count)
  }
  socket.write(handshake())
  await until('the upgrade', () => text.includes('HTTP/1.1 101'))
})

t.test('answers have the headers that browsers heed', async (t) => {
  const app = await startApp(t)
  for (const url of ['/health/live', '/users', '/docs/', '/nowhere']) {
    const { headers } = await app.http.inject(url)
    t.match(headers, {
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'no-referrer',
      'content-security-policy': /default-src 'none';script-src 'self';/,
    })
    const policy = String(headers['content-security-policy']).split(';')
    for (const rule of [
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ])
      t.ok(policy.includes(rule), rule)
    t.notOk(headers['strict-transport-security'], 'not over plain HTTP')
    t.notOk(headers['x-powered-by'] ?? headers.server)
  }
})

t.test('the page to try the API on needs no more than the policy allows', async (t) => {
  const app = await startApp(t)
  const { body } = await app.http.inject('/docs/')
  t.notMatch(body, /<script(?![^>]*\bsrc=)[^>]*>/, 'no script stands in it')
  t.notMatch(body, /(src|href)="(https?:)?\/\//, 'and nothing comes from elsewhere')
})

t.test('an answer says nothing of how the server is made', async (t) => {
  const app = await startApp(t)
  for (const url of ['/users', '/nowhere', '/users/%', '/docs/json/..%2f', '/bans', '/%00'])
    t.notMatch((await app.http.inject(url)).body, /node_modules|\/src\/|\.js:|at \w+ \(/, url)
})

t.test('whoever does not finish asking is cut off', { timeout: 60_000 }, async (t) => {
  const app = await startApp(t)
  const socket = connect(app.port, '127.0.0.1')
  socket.write('GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: web')
  const ended = once(socket, 'close')
  socket.resume()
  await ended
  t.pass('without an answer, or with 408')
})
