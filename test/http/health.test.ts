import { pino } from 'pino'
import t from 'tap'
import { buildApp } from '../../src/app.js'
import { loadConfig } from '../../src/config.js'
import { Client } from '../conformance/client.js'
import { startApp, TOKEN } from '../support/app.js'

t.test('a node that serves is live and ready, and says so to anyone', async (t) => {
  const app = await startApp(t)
  const live = await app.http.inject('/health/live')
  t.same([live.statusCode, live.json()], [200, { status: 'live' }])
  const ready = await app.http.inject('/health/ready')
  t.same([ready.statusCode, ready.json()], [200, { status: 'ready' }])
})

t.test('a node that has not reached the others yet', async (t) => {
  const app = await buildApp(loadConfig({}), pino({ level: 'silent' }))
  t.teardown(() => app.stop())
  await app.http.listen({ host: '127.0.0.1', port: 0 })

  t.test('is live, and not ready', async (t) => {
    t.equal((await app.http.inject('/health/live')).statusCode, 200)
    const ready = await app.http.inject('/health/ready')
    t.same(
      [ready.statusCode, ready.json()],
      [503, { status: 'starting', reason: 'This node has not reached the other nodes yet' }],
    )
  })

  t.test('takes neither clients nor operators', async (t) => {
    const address = app.http.server.address()
    const port = typeof address === 'object' ? address?.port : address
    await t.rejects(Client.open(`ws://127.0.0.1:${port}/chat`), /503/)
    const headers = { authorization: `Bearer ${TOKEN}` }
    t.equal((await app.http.inject({ url: '/users', headers })).statusCode, 503)
  })

  t.test('is ready once it has', async (t) => {
    await app.start()
    t.equal((await app.http.inject('/health/ready')).statusCode, 200)
  })
})
