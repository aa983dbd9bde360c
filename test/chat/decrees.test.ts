/** What operators do, as clients see it: on the same node and on another. */
import t, { type Test } from 'tap'
import { Client } from '../conformance/client.js'
import { act, ask, type RunningApp } from '../support/app.js'
import { type OpenPair, onEveryBackplane } from '../support/pairs.js'
import { until } from '../support/until.js'

interface BanAnswer {
  id: string
  kind: string
  value: string
  reason?: string
  createdAt: string
  expiresAt: string | null
}

async function ban(app: RunningApp, what: object): Promise<BanAnswer> {
  const answer = await act(app, 'POST', '/bans', what)
  if (answer.statusCode !== 201) throw new Error(answer.body)
  return answer.json()
}

const bansOf = async (app: RunningApp): Promise<BanAnswer[]> => (await ask(app, '/bans')).json().bans

/** Waits until a node knows of so many bans. */
const knows = (app: RunningApp, count: number) =>
  until(`${count} bans`, async () => (await bansOf(app)).length === count)

const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } })
const PROXY = { TRUST_PROXY: '127.0.0.1' }

async function decrees(t: Test, open: OpenPair): Promise<void> {
  await t.test(
    'DELETE /users/:name closes 4003, on whichever node; the others see a departure',
    async (t) => {
      const { one, two } = await open(t)
      const ana = await Client.join(one.url, 'Ana')
      const beto = await Client.join(two.url, 'Beto')
      await until('one knows Beto', async () => (await ask(one, '/users/beto')).statusCode === 200)
      t.equal((await act(one, 'DELETE', '/users/BETO')).statusCode, 204)
      t.match(await beto.closed(), { code: 4003, reason: 'Un operador te retiró' })
      t.same(beto.unread, [], 'he himself is told by that alone')
      t.match(await ana.next(), { type: 'user_disconnected', content: 'Beto ha salido' })
      t.equal((await act(one, 'DELETE', '/users/Beto')).statusCode, 404)
      t.same(await ana.settle(), [], 'once')
      await Client.join(two.url, 'Beto')
    },
  )

  await t.test('what somebody sent before he was removed is heard, and nothing behind that', async (t) => {
    const { one, two } = await open(t)
    const ana = await Client.join(one.url, 'Ana')
    const beto = await Client.join(two.url, 'Beto')
    beto.send({ type: 'broadcast', sender: 'Beto', content: 'before' })
    t.match(await ana.next(), { content: 'before' })
    await act(one, 'DELETE', '/users/Beto')
    t.match(await ana.next(), { content: 'Beto ha salido' })
    beto.send({ type: 'broadcast', sender: 'Beto', content: 'after' })
    await beto.closed()
    t.same(await ana.settle(), [])
  })

  await t.test('a banned name is closed 4004 where it is present, and kept out everywhere', async (t) => {
    const { one, two } = await open(t)
    const ana = await Client.join(one.url, 'Ana')
    const beto = await Client.join(two.url, 'Beto')
    const made = await ban(one, { kind: 'name', value: 'BETO', reason: 'flood' })
    t.match(made, { kind: 'name', value: 'BETO', reason: 'flood', expiresAt: null, id: /^[\w-]+$/ })
    t.match(await beto.closed(), { code: 4004, reason: 'Acceso prohibido' })
    t.match(await ana.next(), { type: 'user_disconnected', content: 'Beto ha salido' })
    await knows(two, 1)
    for (const app of [one, two]) {
      t.match(await bansOf(app), [made])
      const again = await Client.open(app.url)
      again.send({ type: 'register', sender: 'beto' })
      t.match(await again.next(), { type: 'error', content: 'Acceso prohibido' })
      t.match(await again.closed(), { code: 4004 })
      await Client.join(app.url, app === one ? 'Carla' : 'Dora')
    }
    t.equal((await act(two, 'DELETE', `/bans/${made.id}`)).statusCode, 204)
    t.equal((await act(two, 'DELETE', `/bans/${made.id}`)).statusCode, 404)
    await knows(one, 0)
    await Client.join(one.url, 'Beto')
  })

  await t.test(
    'a banned range of addresses is closed, registered or not, and refused with 403',
    async (t) => {
      const { one, two } = await open(t, PROXY)
      const inside = [
        await Client.join(one.url, 'Ana', from('203.0.113.7')),
        await Client.open(two.url, from('203.0.113.255')),
        await Client.join(two.url, 'Beto', from('::ffff:203.0.113.9')),
      ]
      const outside = await Client.join(two.url, 'Carla', from('203.0.114.1'))
      await ban(one, { kind: 'ip', value: '203.0.113.0/24' })
      for (const client of inside) t.match(await client.closed(), { code: 4004 })
      for (const app of [one, two])
        await t.rejects(Client.open(app.url, from('203.0.113.8')), { message: /answered 403/ })
      t.same((await outside.settle()).map(({ content }) => content).sort(), [
        'Ana ha salido',
        'Beto ha salido',
      ])
      await ban(two, { kind: 'ip', value: '2001:db8::/32' })
      await knows(one, 2)
      await t.rejects(Client.open(one.url, from('2001:db8:1::1')), { message: /answered 403/ })
      await Client.open(one.url, from('2001:db9::1'))
    },
  )

  await t.test('a ban is over by itself', async (t) => {
    const { one, two } = await open(t)
    const made = await ban(one, { kind: 'name', value: 'Ana', seconds: 1 })
    t.equal(Date.parse(made.expiresAt ?? '') - Date.parse(made.createdAt), 1000)
    const enters = async (app: RunningApp) => {
      const client = await Client.open(app.url)
      client.send({ type: 'register', sender: 'Ana' })
      const { type } = await client.next()
      await client.close()
      return type === 'register_success'
    }
    t.notOk(await enters(one))
    await until('Ana may enter', () => enters(two))
    t.same(await bansOf(one), [])
    t.same(await bansOf(two), [])
    t.equal((await act(one, 'DELETE', `/bans/${made.id}`)).statusCode, 404)
  })

  await t.test('a ban must make sense', async (t) => {
    const { one } = await open(t)
    for (const what of [
      { kind: 'ip', value: '203.0.113.0/33' },
      { kind: 'ip', value: '203.0.113' },
      { kind: 'ip', value: 'fe80::1%eth0' },
      { kind: 'ip', value: '' },
      { kind: 'name', value: '' },
      { kind: 'name', value: 'x'.repeat(65) },
      { kind: 'name', value: 'a\u0000' },
      { kind: 'host', value: 'a' },
      { kind: 'name' },
      { kind: 'name', value: 'Ana', seconds: 0 },
      { kind: 'name', value: 'Ana', seconds: 1.5 },
      { kind: 'name', value: 'Ana', seconds: 1e12 },
      { kind: 'name', value: 'Ana', reason: 'x'.repeat(501) },
      { kind: 'name', value: 'Ana', seconds: '60' },
      // Misspelt, it would be a ban for good.
      { kind: 'name', value: 'Ana', second: 60 },
    ]) {
      const answer = await act(one, 'POST', '/bans', what)
      t.equal(answer.statusCode, 400, JSON.stringify(what))
      t.match(answer.json(), { error: 'Bad Request', message: /body/ })
    }
    for (const payload of ['', '{', '[]', 'null', '"x"'])
      t.equal((await act(one, 'POST', '/bans', payload)).statusCode, 400, payload)
    t.same(await bansOf(one), [])
    for (const id of ['x', '%00', '..', 'a%09b', 'x'.repeat(200)])
      t.equal((await act(one, 'DELETE', `/bans/${id}`)).statusCode, 404, id)
  })

  await t.test('POST /announcements is a broadcast from server, for all', async (t) => {
    const { one, two } = await open(t)
    const ana = await Client.join(one.url, 'Ana')
    const beto = await Client.join(two.url, 'Beto')
    const answer = await act(two, 'POST', '/announcements', {
      content: 'El servidor se reinicia a las 22:00',
    })
    t.equal(answer.statusCode, 202)
    for (const client of [ana, beto]) {
      const { raw } = await client.next()
      t.match(
        raw,
        /^\{"type":"broadcast","sender":"server","content":"El servidor se reinicia a las 22:00","timestamp":"/,
      )
    }
    for (const content of ['', 'x'.repeat(4097), 'a\u0000b', '\ud800', 5, null])
      t.equal(
        (await act(two, 'POST', '/announcements', { content })).statusCode,
        400,
        JSON.stringify(content),
      )
    t.same(await ana.settle(), [])
  })

  await t.test('everything that an operator does is one line of the log', async (t) => {
    const lines: Record<string, unknown>[] = []
    const { one } = await open(t, { LOG_LEVEL: 'info' }, (line) => lines.push(JSON.parse(line)))
    const ana = await Client.join(one.url, 'Ana')
    const { id } = await ban(one, { kind: 'name', value: 'Beto' })
    await act(one, 'DELETE', `/bans/${id}`)
    await act(one, 'POST', '/announcements', { content: 'hola' })
    await act(one, 'DELETE', '/users/Ana')
    await act(one, 'DELETE', '/accounts/Ana')
    await ask(one, '/users')
    await ana.closed()
    const said = lines.filter(({ audit }) => audit === true)
    t.match(said, [
      {
        operator: '127.0.0.1',
        did: 'POST /bans',
        body: { kind: 'name', value: 'Beto' },
        note: { id },
        statusCode: 201,
        msg: 'an operator acted',
      },
      { did: 'DELETE /bans/:id', params: { id }, note: { kind: 'name', value: 'Beto' }, statusCode: 204 },
      { did: 'POST /announcements', body: { content: 'hola' }, statusCode: 202 },
      { did: 'DELETE /users/:name', params: { name: 'Ana' }, statusCode: 204 },
      { did: 'DELETE /accounts/:name', params: { name: 'Ana' }, statusCode: 404, msg: 'an operator tried' },
    ])
    t.equal(said.length, 5, 'and who only looks is not written down at this level')
  })

  await t.test('an address is the same in whatever way a proxy writes it', async (t) => {
    const { one } = await open(t, PROXY)
    await ban(one, { kind: 'ip', value: '203.0.113.7' })
    for (const ip of ['203.0.113.7', '203.0.113.7:4711', '::ffff:203.0.113.7', '[::ffff:203.0.113.7]:4711'])
      await t.rejects(Client.open(one.url, from(ip)), { message: /answered 403/ }, ip)
    await ban(one, { kind: 'ip', value: 'fe80::/10' })
    await t.rejects(Client.open(one.url, from('fe80::1%eth0')), { message: /answered 403/ })
    await Client.join(one.url, 'Ana', from('[2001:db8::1]:4711'))
    t.match((await ask(one, '/users/Ana')).json(), { ip: '2001:db8::1' })
    await Client.join(one.url, 'Beto', from('nonsense'))
    t.match((await ask(one, '/users/Beto')).json(), { ip: '127.0.0.1' }, 'else it is the proxy itself')
  })

  await t.test('only operators', async (t) => {
    const { one } = await open(t)
    for (const [method, url] of [
      ['DELETE', '/users/Ana'],
      ['GET', '/bans'],
      ['POST', '/bans'],
      ['DELETE', '/bans/x'],
      ['POST', '/announcements'],
      ['GET', '/accounts'],
      ['DELETE', '/accounts/Ana'],
    ] as const)
      t.equal((await one.http.inject({ method, url })).statusCode, 401, `${method} ${url}`)
  })
}

await onEveryBackplane(t, decrees)
