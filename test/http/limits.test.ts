/** What strangers may take over HTTP, and what they are told. */
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { Client } from '../conformance/client.js'
import { ask, startApp } from '../support/app.js'
import { until } from '../support/until.js'

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

t.test('API_REQUESTS_PER_MINUTE: more are answered 429, also without the token', async (t) => {
  const app = await startApp(t, { API_REQUESTS_PER_MINUTE: '3' })
  for (let count = 0; count < 3; count += 1) t.equal((await app.http.inject('/users')).statusCode, 401)
  const answer = await ask(app, '/users')
  t.equal(answer.statusCode, 429)
  t.match(answer.json(), { statusCode: 429, error: 'Too Many Requests' })
  t.ok(Number(answer.headers['retry-after']) > 0)
  t.equal((await app.http.inject('/health/ready')).statusCode, 200, 'health is asked as often as one likes')
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
