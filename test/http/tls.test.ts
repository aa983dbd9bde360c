/** TLS_CERT and TLS_KEY: https and wss without a proxy. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { loadConfig } from '../../src/config.js'
import { Client } from '../conformance/client.js'
import { startApp, TOKEN } from '../support/app.js'
import { selfSigned } from '../support/redis/certificate.js'

async function secure(t: Test) {
  const { cert, key } = await selfSigned(t.testdir())
  const app = await startApp(t, { TLS_CERT: cert, TLS_KEY: key })
  return { app, ca: readFileSync(cert) }
}

t.test('the chat is spoken over wss', async (t) => {
  const { app, ca } = await secure(t)
  const url = `wss://127.0.0.1:${app.port}/chat`
  const one = await Client.open(url, { ca })
  await one.register('Ana')
  const two = await Client.open(url, { ca })
  await two.register('Beto')
  const long = 'x'.repeat(4096)
  for (let count = 0; count < 100; count += 1)
    one.send({ type: 'broadcast', sender: 'Ana', content: `${count}${long}`.slice(0, 4096) })
  for (let count = 0; count < 100; count += 1)
    t.match((await two.next('broadcast')).content, new RegExp(`^${count}x`))
  one.send({ type: 'disconnect', sender: 'Ana' })
  t.match(await one.closed(), { code: 1000 })
})

t.test('a client that does not read is closed there too, and nobody waits for it', async (t) => {
  const { cert, key } = await selfSigned(t.testdir())
  const app = await startApp(t, {
    TLS_CERT: cert,
    TLS_KEY: key,
    RATE_PER_SECOND: '0',
    OUTBOX_MAX_BYTES: '65536',
  })
  const ca = readFileSync(cert)
  const url = `wss://127.0.0.1:${app.port}/chat`
  const deaf = await Client.open(url, { ca })
  await deaf.register('Deaf')
  deaf.socket.pause()
  const ana = await Client.open(url, { ca })
  await ana.register('Ana')
  const content = 'x'.repeat(4000)
  for (let gone = false; !gone; ) {
    ana.send({ type: 'broadcast', sender: 'Ana', content })
    gone = (await ana.next()).type === 'user_disconnected'
  }
  t.equal((await ana.settle()).filter(({ type }) => type === 'user_disconnected').length, 0)
})

t.test('the REST API is served over https, and says that it is to stay so', async (t) => {
  const { app, ca } = await secure(t)
  const options = { port: app.port, host: '127.0.0.1', ca, path: '/users' }
  const asked = request({ ...options, headers: { authorization: `Bearer ${TOKEN}` } })
  asked.end()
  const [answer] = await once(asked, 'response')
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['strict-transport-security'], /max-age=\d+/)
  answer.resume()
})

t.test('old versions of TLS are refused, and so is plain HTTP', async (t) => {
  const { app, ca } = await secure(t)
  const old = connect({ port: app.port, host: '127.0.0.1', ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })
  await t.rejects(once(old, 'secureConnect'))
  await t.rejects(once(new WebSocket(`ws://127.0.0.1:${app.port}/chat`), 'open'))
})

t.test('a handshake of TLS has its time', async (t) => {
  const { app } = await secure(t)
  const { server } = app.http
  const times = Object.getOwnPropertySymbols(server).filter(
    ({ description }) => description === 'handshake-timeout',
  )
  t.same(
    times.map((time) => Reflect.get(server, time)),
    [10_000],
  )
})

t.test('a certificate that cannot be used is said at start', async (t) => {
  const directory = t.testdir({ other: {} })
  const { cert, key } = await selfSigned(directory)
  const other = await selfSigned(join(directory, 'other'))
  const junk = join(directory, 'junk.pem')
  writeFileSync(junk, 'junk')
  for (const env of [
    { TLS_CERT: cert },
    { TLS_KEY: key },
    { TLS_CERT: join(directory, 'none.pem'), TLS_KEY: key },
    { TLS_CERT: junk, TLS_KEY: junk },
    { TLS_CERT: cert, TLS_KEY: other.key },
  ])
    t.throws(() => loadConfig(env), { message: /TLS_CERT and TLS_KEY (belong together|cannot be used: .)/ })
  t.equal(loadConfig({ TLS_CERT: cert, TLS_KEY: key }).TLS_CERT, cert)
})
