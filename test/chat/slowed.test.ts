/** Who is too fast is slowed, and not punished (protocol 1.4). */
import t from 'tap'
import { Client } from '../conformance/client.js'
import { startApp } from '../support/app.js'

const contents = async (client: Client, count: number): Promise<unknown[]> => {
  const all: unknown[] = []
  while (all.length < count) all.push((await client.next('broadcast')).content)
  return all
}

t.test(
  'nothing of what came too fast is lost, and it keeps its order; others are served at once',
  async (t) => {
    const app = await startApp(t, { RATE_PER_SECOND: '200', RATE_BURST: '20' })
    const fast = await Client.join(app.url, 'Ana')
    const slow = await Client.join(app.url, 'Beto')
    const numbers = Array.from({ length: 150 }, (_, index) => String(index))
    fast.sendAll(numbers.map((content) => ({ type: 'broadcast', sender: 'Ana', content })))
    const seen: unknown[] = []
    slow.send({ type: 'broadcast', sender: 'Beto', content: 'me too' })
    while (!seen.includes('me too')) seen.push((await slow.next('broadcast')).content)
    t.ok(seen.length < 100, `${seen.length} came before it`)
    t.same(
      seen.filter((content) => content !== 'me too').concat(await contents(slow, 151 - seen.length)),
      numbers,
    )
    t.notOk(fast.ended)
  },
)

t.test('what is refused costs more than what is accepted', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '12' })
  const beto = await Client.join(app.url, 'Beto')
  const ana = await Client.join(app.url, 'Ana')
  // Eleven are left of the burst, for as many accepted frames; refused ones take five each.
  ana.sendAll(Array.from({ length: 11 }, () => ({ type: 'broadcast', sender: 'Ana', content: '' })))
  for (let count = 0; count < 3; count += 1) t.match(await ana.next(), { type: 'error' })
  for (let count = 0; count < 3; count += 1) await beto.settle()
  t.same(ana.unread, [])
})

t.test('while the server does not read, silence is not the client’s', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '2', PING_INTERVAL_MS: '20' })
  const ana = await Client.join(app.url, 'Ana')
  ana.sendAll(Array.from({ length: 4 }, (_, n) => ({ type: 'broadcast', sender: 'Ana', content: String(n) })))
  t.same(await contents(ana, 4), ['0', '1', '2', '3'], 'three seconds, and a hundred pings, later')
  t.notOk(ana.ended)
})

t.test('what was sent before the connection ended is heard, however fast it was', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '1', RATE_BURST: '5' })
  const beto = await Client.join(app.url, 'Beto')
  const ana = await Client.join(app.url, 'Ana')
  ana.sendAll(
    Array.from({ length: 30 }, (_, n) => ({ type: 'broadcast', sender: 'Ana', content: String(n) })),
  )
  ana.ws.close()
  t.equal((await contents(beto, 30)).at(-1), '29')
  t.match(await beto.next(), { type: 'user_disconnected', content: 'Ana ha salido' })
})

t.test('0 is no limit', async (t) => {
  const app = await startApp(t, { RATE_PER_SECOND: '0', RATE_BURST: '1' })
  const ana = await Client.join(app.url, 'Ana')
  ana.sendAll(
    Array.from({ length: 2000 }, (_, n) => ({ type: 'broadcast', sender: 'Ana', content: String(n) })),
  )
  t.equal((await contents(ana, 2000)).length, 2000)
})

t.test('registrations from one address are slowed, and those from others are not', async (t) => {
  const app = await startApp(t, { REGISTRATIONS_PER_MINUTE: '60', TRUST_PROXY: '127.0.0.1' })
  const from = (ip: string) => Client.open(app.url, { headers: { 'x-forwarded-for': ip } })
  const busy = await from('192.0.2.1')
  busy.sendAll(Array.from({ length: 61 }, () => ({ type: 'register', sender: 'server' })))
  for (let count = 0; count < 60; count += 1)
    t.match(await busy.next(), { type: 'error', content: /reservado/ })
  const other = await from('192.0.2.2')
  await other.register('Beto')
  t.same(busy.unread, [])
  t.match(await busy.next(), { type: 'error', content: /reservado/ }, 'a second later')
})
