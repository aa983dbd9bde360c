import t from 'tap'
import { Client } from '../conformance/client.js'
import { ask, startApp } from '../support/app.js'
import { until } from '../support/until.js'

t.test('MAX_CONTENT_CHARS is how long a message may be', async (t) => {
  const app = await startApp(t, { MAX_CONTENT_CHARS: '5' })
  const ana = await Client.join(app.url, 'Ana')
  ana.send({ type: 'broadcast', sender: 'Ana', content: '123456' })
  t.match(await ana.next(), { type: 'error' })
  ana.send({ type: 'broadcast', sender: 'Ana', content: '12345' })
  t.match(await ana.next(), { type: 'broadcast', content: '12345' })
})

t.test('MAX_FRAME_BYTES is how large a frame may be', async (t) => {
  const app = await startApp(t, { MAX_FRAME_BYTES: '256' })
  const ana = await Client.join(app.url, 'Ana')
  const frame = (bytes: number) => JSON.stringify({ type: 'list_users', sender: '' }).padEnd(bytes)
  ana.send(frame(256))
  t.match(await ana.next(), { type: 'list_users_response' })
  ana.send(frame(257))
  t.equal((await ana.closed()).code, 1009)
})

t.test('connectedAt is when the connection came, however long it took to register', async (t) => {
  const app = await startApp(t)
  const ana = await Client.open(app.url)
  const opened = Date.now()
  await until('another moment', () => Date.now() > opened + 1)
  await ana.register('Ana')
  const { connectedAt } = (await ask(app, '/users/Ana')).json()
  t.ok(Date.parse(connectedAt) <= opened)
})
