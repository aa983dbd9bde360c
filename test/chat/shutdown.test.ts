import t from 'tap'
import { Client } from '../conformance/client.js'
import { ask, startApp } from '../support/app.js'
import { DistantBackplane, newRoom } from '../support/shared.js'
import { until } from '../support/until.js'

t.test('leaving in good order', async (t) => {
  t.test('is not ready at once, and takes connections until READY_LAG_MS has gone by', async (t) => {
    const app = await startApp(t, { READY_LAG_MS: '500', DRAIN_MS: '0' })
    const leaving = app.leave()
    const { statusCode, body } = await ask(app, '/health/ready')
    t.equal(statusCode, 503)
    t.match(JSON.parse(body), { status: 'leaving' })
    const late = await Client.join(app.url, 'Tarde')
    t.equal((await late.closed()).code, 1012)
    await leaving
    await t.rejects(Client.open(app.url), { code: 'ECONNREFUSED' })
  })

  t.test('closes every session 1012, registered or not, and the room knows of it', async (t) => {
    const room = newRoom()
    const backplane = new DistantBackplane(room)
    const app = await startApp(t, { DRAIN_MS: '50' }, { backplane, store: room.store })
    const other = await startApp(t, {}, { backplane: new DistantBackplane(room), store: room.store })
    const clients = await Promise.all(['Ana', 'Beto', 'Eva'].map((name) => Client.join(app.url, name)))
    const guest = await Client.open(app.url)
    const witness = await Client.join(other.url, 'Testigo')
    await app.leave()
    for (const client of [...clients, guest]) t.equal((await client.closed()).code, 1012)
    for (const _ of clients) await witness.next('user_disconnected')
    t.same(
      room.snapshot().users.map(({ name }) => name),
      ['Testigo'],
    )
  })

  t.test('closes them one after the other: those who stay see the others go', async (t) => {
    const app = await startApp(t, { DRAIN_MS: '200' })
    const ana = await Client.join(app.url, 'Ana')
    const beto = await Client.join(app.url, 'Beto')
    await app.leave()
    t.equal((await ana.closed()).code, 1012)
    t.equal((await beto.closed()).code, 1012)
    t.same(
      beto.unread.map(({ content }) => content),
      ['Ana ha salido'],
    )
  })

  t.test('sends what was said before', async (t) => {
    const app = await startApp(t, { DRAIN_MS: '0' })
    const ana = await Client.join(app.url, 'Ana')
    for (let count = 0; count < 100; count += 1) {
      ana.send({ type: 'broadcast', sender: 'Ana', content: String(count) })
    }
    await ana.next('broadcast')
    await app.leave()
    await ana.closed()
    const heard = ana.unread.map(({ content }) => Number(content))
    t.same(
      heard,
      Array.from(heard, (_, index) => index + 1),
      'without a hole',
    )
  })

  t.test('does not wait for ever for a client that does not answer', async (t) => {
    const app = await startApp(t, { DRAIN_MS: '0' })
    const ana = await Client.join(app.url, 'Ana')
    ana.ws.pause()
    await app.leave()
    t.equal(app.node.directory.size, 0)
    ana.ws.resume()
    await ana.closed()
  })

  t.test('answers an upgrade with 503 while it drains', async (t) => {
    const app = await startApp(t, { DRAIN_MS: '0' })
    await app.node.drain(0, 1000)
    t.match(await refusal(app.url), /503/)
  })
})

t.test('stopping ends everything at once', async (t) => {
  const app = await startApp(t)
  const ana = await Client.join(app.url, 'Ana')
  await app.stop()
  t.equal((await ana.closed()).code, 1006)
})

async function refusal(url: string): Promise<string> {
  return until('an answer', () =>
    Client.open(url).then(
      () => 'accepted',
      (error: Error) => error.message,
    ),
  )
}
