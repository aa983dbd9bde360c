import t, { type Test } from 'tap'
import { MemoryBackplane } from '../../src/backplane/memory.js'
import { Client } from '../conformance/client.js'
import { act, ask, type RunningApp, startApp, TOKEN } from '../support/app.js'
import { onEveryBackplane } from '../support/pairs.js'
import { newRoom } from '../support/shared.js'
import { until } from '../support/until.js'

interface Page {
  users: { name: string; status: string; ip: string; node: string; connectedAt: string }[]
  total: number
  next: string | null
}

const KEYS = ['name', 'status', 'ip', 'node', 'connectedAt', 'guest', 'extended', 'held']

async function page(app: RunningApp, query = ''): Promise<Page> {
  const answer = await ask(app, `/users${query}`)
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return answer.json()
}
const names = ({ users }: Page) => users.map(({ name }) => name)

async function room(t: Test, people: string[]) {
  const app = await startApp(t)
  const clients = new Map<string, Client>()
  for (const name of people) clients.set(name, await Client.join(app.url, name))
  const leave = async (name: string) => {
    clients.get(name)?.send({ type: 'disconnect', sender: name })
    await clients.get(name)?.closed()
  }
  return { app, clients, leave }
}

t.test('GET /users', async (t) => {
  t.test('tells who is present, in join order', async (t) => {
    const app = await startApp(t)
    t.same(await page(app), { users: [], total: 0, next: null })
    const before = Date.now()
    await Client.join(app.url, 'Zoe')
    await Client.join(app.url, 'Ana')
    const found = await page(app)
    t.same(names(found), ['Zoe', 'Ana'])
    t.equal(found.total, 2)
    t.equal(found.next, null)
    const [zoe] = found.users
    t.same(Object.keys(zoe ?? {}), KEYS)
    t.match(zoe, { status: 'ACTIVO', ip: '127.0.0.1', node: /^node-[0-9a-f]{16}$/ })
    const since = Date.parse(zoe?.connectedAt ?? '')
    t.ok(since >= before && since <= Date.now())
  })

  t.test('pages with limit and cursor', async (t) => {
    const { app } = await room(t, ['a', 'b', 'c', 'd', 'e'])
    const first = await page(app, '?limit=2')
    t.same(names(first), ['a', 'b'])
    t.equal(first.total, 5)
    const second = await page(app, `?limit=2&cursor=${first.next}`)
    t.same(names(second), ['c', 'd'])
    const third = await page(app, `?limit=2&cursor=${second.next}`)
    t.same(names(third), ['e'])
    t.equal(third.next, null)
    t.equal((await page(app, '?limit=5')).next, null, 'no cursor to an empty page')
  })

  t.test('has a cursor that stays good when its user leaves', async (t) => {
    const { app, leave } = await room(t, ['a', 'b', 'c', 'd'])
    const first = await page(app, '?limit=2')
    await leave('b')
    await leave('a')
    t.same(names(await page(app, `?limit=2&cursor=${first.next}`)), ['c', 'd'])
    await leave('d')
    const rest = await page(app, `?cursor=${first.next}`)
    t.same(names(rest), ['c'])
    t.equal(rest.total, 1)
  })

  t.test('gives only those of one status, and counts only them', async (t) => {
    const { app, clients } = await room(t, ['a', 'b', 'c'])
    const busy = clients.get('b')
    busy?.send({ type: 'change_status', sender: 'b', content: 'OCUPADO' })
    await busy?.next('status_update')
    t.match(await page(app, '?status=OCUPADO'), { users: [{ name: 'b', status: 'OCUPADO' }], total: 1 })
    t.same(names(await page(app, '?status=ACTIVO')), ['a', 'c'])
    t.same(await page(app, '?status=INACTIVO'), { users: [], total: 0, next: null })
    const first = await page(app, '?status=ACTIVO&limit=1')
    t.same(names(await page(app, `?status=ACTIVO&limit=1&cursor=${first.next}`)), ['c'])
  })

  t.test('shows 100 unless told, and 1000 at most', async (t) => {
    const { app } = await room(
      t,
      Array.from({ length: 101 }, (_, index) => `u${index}`),
    )
    t.equal((await page(app)).users.length, 100)
    t.equal((await page(app, '?limit=1000')).users.length, 101)
  })

  for (const query of [
    'limit=0',
    'limit=1001',
    'limit=many',
    'limit=1.5',
    'limit=1e309',
    'status=activo',
    'status=',
    'cursor=x',
    'cursor=',
  ]) {
    t.test(`refuses ?${query} and says why`, async (t) => {
      const app = await startApp(t)
      const answer = await ask(app, `/users?${query}`)
      t.equal(answer.statusCode, 400)
      const { statusCode, error, message } = answer.json()
      t.same([statusCode, error], [400, 'Bad Request'])
      t.match(message, `querystring/${query.split('=')[0]}`)
    })
  }
})

t.test('a status that does not exist is answered with those that do', async (t) => {
  const answer = await ask(await startApp(t), '/users?status=busy')
  t.match(answer.json().message, 'one of the allowed values: ACTIVO, OCUPADO, INACTIVO')
})

t.test('GET /users/:name', async (t) => {
  t.test('is looked up like any name', async (t) => {
    const { app } = await room(t, ['José Ñandú'])
    for (const name of ['José Ñandú', 'JOSÉ ÑANDÚ', 'José Ñandú'.normalize('NFD')]) {
      const answer = await ask(app, `/users/${encodeURIComponent(name)}`)
      t.equal(answer.statusCode, 200)
      t.match(answer.json(), { name: 'José Ñandú', status: 'ACTIVO', ip: '127.0.0.1' })
    }
  })

  t.test('takes the longest name that there can be', async (t) => {
    const name = '😀'.repeat(64)
    const { app } = await room(t, [name])
    t.equal((await ask(app, `/users/${encodeURIComponent(name)}`)).json().name, name)
  })

  t.test('answers 404 with a clear message', async (t) => {
    const app = await startApp(t)
    const answer = await ask(app, '/users/Nadie')
    t.equal(answer.statusCode, 404)
    t.same(answer.json(), { statusCode: 404, error: 'Not Found', message: 'Nobody named "Nadie" is present' })
  })
})

t.test('a session that may come back', (t) =>
  onEveryBackplane(t, async (t, open) => {
    await t.test('is shown as what it is by every node, alone and on the list', async (t) => {
      const { one, two } = await open(t)
      const beto = await Client.join(one.url, 'Beto')
      const ana = await Client.open(one.url)
      const { raw } = await ana.register('Ana', {})
      type Seen = { name: string; extended: boolean; held: boolean; node: string }
      const brief = ({ name, extended, held, node }: Seen) => [name, extended, held, node.slice(0, 3)]
      /** Waits until both nodes show these, and none else. */
      const becomes = async (expected: unknown[][]) => {
        for (const app of [one, two]) {
          await until(JSON.stringify(expected), async () => {
            const { users }: { users: Seen[] } = (await ask(app, '/users')).json()
            return JSON.stringify(users.map(brief)) === JSON.stringify(expected)
          })
          const alone = expected.map(async ([name]) => brief((await ask(app, `/users/${name}`)).json()))
          t.same(await Promise.all(alone), expected, 'the same one by one')
        }
      }
      await becomes([
        ['Beto', false, false, 'one'],
        ['Ana', true, false, 'one'],
      ])
      ana.break()
      await becomes([
        ['Beto', false, false, 'one'],
        ['Ana', true, true, ''],
      ])
      const { session, position, seq } = JSON.parse(raw)
      const again = await Client.open(two.url)
      await again.register('Ana', { resume: { session, position, seq } })
      await becomes([
        ['Beto', false, false, 'one'],
        ['Ana', true, false, 'two'],
      ])
      beto.break()
      await becomes([['Ana', true, false, 'two']])
    })

    await t.test('can be removed while it is away', async (t) => {
      const { one, two } = await open(t)
      const ana = await Client.open(one.url)
      await ana.register('Ana', {})
      ana.break()
      await until('Ana is held', async () => (await ask(two, '/users/Ana')).json().held === true)
      t.equal((await act(two, 'DELETE', '/users/Ana')).statusCode, 204)
      t.equal((await ask(two, '/users/Ana')).statusCode, 404)
    })
  }),
)

t.test('operators only', async (t) => {
  const app = await startApp(t)
  const get = (authorization?: string) =>
    app.http.inject({
      method: 'GET',
      url: '/users',
      headers: authorization === undefined ? {} : { authorization },
    })

  for (const wrong of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer x',
    `Bearer ${TOKEN}x`,
    `Basic ${TOKEN}`,
    TOKEN,
  ]) {
    t.test(`${wrong} gets 401, and where to find the token`, async (t) => {
      const answer = await get(wrong)
      t.equal(answer.statusCode, 401)
      t.match(answer.headers['www-authenticate'], /^Bearer/)
      t.match(answer.json(), { statusCode: 401, error: 'Unauthorized', message: /ADMIN_TOKEN/ })
    })
  }

  t.test('who was refused is logged with his address, and no token', async (t) => {
    const lines: string[] = []
    const app = await startApp(t, { LOG_LEVEL: 'warn' }, undefined, (line) => lines.push(line))
    await app.http.inject({
      url: '/users',
      headers: { authorization: 'Bearer a-guess' },
      remoteAddress: '192.0.2.9',
    })
    t.equal(lines.length, 1)
    t.match(JSON.parse(lines[0] ?? ''), { level: 40, ip: '192.0.2.9', msg: /without the right token/ })
    t.notMatch(lines[0], 'a-guess')
  })

  t.test('a slash behind a path does not matter', async (t) => {
    t.equal((await ask(app, '/users/')).statusCode, 200)
  })

  t.test('the token is let in, in whatever case the scheme is written', async (t) => {
    t.equal((await get(`Bearer ${TOKEN}`)).statusCode, 200)
    t.equal((await get(`bearer ${TOKEN}`)).statusCode, 200)
  })

  t.test('a user is not shown either', async (t) => {
    t.equal((await app.http.inject('/users/Ana')).statusCode, 401)
  })
})

t.test('without ADMIN_TOKEN a random one is made, the same for every node', async (t) => {
  const room = newRoom()
  const one = await startApp(
    t,
    { ADMIN_TOKEN: '' },
    { backplane: new MemoryBackplane(room), store: room.store },
  )
  const two = await startApp(
    t,
    { ADMIN_TOKEN: '' },
    { backplane: new MemoryBackplane(room), store: room.store },
  )
  t.match(one.adminToken, /^[\w-]{32}$/)
  t.equal(one.adminToken, two.adminToken)
  const other = await startApp(t, { ADMIN_TOKEN: '' })
  t.not(other.adminToken, one.adminToken)
  const authorization = `Bearer ${one.adminToken}`
  t.equal((await two.http.inject({ url: '/users', headers: { authorization } })).statusCode, 200)
})
