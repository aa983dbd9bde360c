/** `/messages`: on memory and on Redis, asked of another node than the one where it was said. */
import t, { type Test } from 'tap'
import { Client } from '../conformance/client.js'
import { act, ask, type RunningApp, startApp } from '../support/app.js'
import { type OpenPair, onEveryBackplane } from '../support/pairs.js'
import { DistantBackplane, newRoom } from '../support/shared.js'
import { until } from '../support/until.js'

interface Page {
  messages: { position: string; sender: string; content: string; timestamp: string }[]
  next: string | null
}

async function page(app: RunningApp, query = ''): Promise<Page> {
  const answer = await ask(app, `/messages${query}`)
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return answer.json()
}
const contents = ({ messages }: Page) => messages.map(({ content }) => content)

/** Says something so many times on one node, and waits until the other has it. */
async function say(app: RunningApp, other: RunningApp, count: number): Promise<void> {
  const client = await Client.join(app.url, 'Ana')
  for (let turn = 1; turn <= count; turn += 1)
    client.send({ type: 'broadcast', sender: 'Ana', content: `m${turn}` })
  await until(
    `the other has ${count}`,
    async () => contents(await page(other, '?limit=1'))[0] === `m${count}`,
  )
}

async function messages(t: Test, open: OpenPair): Promise<void> {
  await t.test('tells what was said, the oldest first, as it was sent', async (t) => {
    const { one, two } = await open(t)
    t.same(await page(two), { messages: [], next: null })
    const ana = await Client.join(one.url, 'Ana')
    ana.send({ type: 'broadcast', sender: 'Ana', content: '¡Hola, "tertulia"!' })
    const { timestamp } = await ana.next('broadcast')
    t.equal((await act(one, 'POST', '/announcements', { content: 'A las 22:00' })).statusCode, 202)
    ana.send({ type: 'private', sender: 'Ana', target: 'Ana', content: 'not to all' })
    await ana.next('private')
    await until('two has both', async () => (await page(two)).messages.length === 2)
    const { messages, next } = await page(two)
    t.same(
      messages.map(({ position: _, ...rest }) => rest),
      [
        { sender: 'Ana', content: '¡Hola, "tertulia"!', timestamp },
        { sender: 'server', content: 'A las 22:00', timestamp: messages[1]?.timestamp },
      ],
    )
    t.same(Object.keys(messages[0] ?? {}), ['position', 'sender', 'content', 'timestamp'])
    for (const { position } of messages) t.match(position, /^[0-9a-z]+-\d+$/)
    t.equal(next, null)
    t.same(await page(one), { messages, next }, 'the same on the other node')
  })

  await t.test('pages from the latest to the first, and what is said meanwhile moves nothing', async (t) => {
    const { one, two } = await open(t)
    await say(one, two, 5)
    const latest = await page(two, '?limit=2')
    t.same(contents(latest), ['m4', 'm5'])
    t.equal(latest.next, latest.messages[0]?.position)
    t.equal((await act(two, 'POST', '/announcements', { content: 'later' })).statusCode, 202)
    const before = await page(two, `?limit=2&before=${latest.next}`)
    t.same(contents(before), ['m2', 'm3'])
    const first = await page(two, `?limit=2&before=${before.next}`)
    t.same(contents(first), ['m1'])
    t.equal(first.next, null)
    t.same(contents(await page(two, `?limit=1&before=${before.next}`)), ['m1'])
    t.equal((await page(two, `?limit=1&before=${before.next}`)).next, null, 'no way to an empty page')
  })

  await t.test(
    'shows 50 unless told, 100 at most, and goes on behind what a node has in memory',
    async (t) => {
      const { one, two } = await open(t)
      await say(one, two, 130)
      t.equal((await page(two)).messages.length, 50)
      const latest = await page(two, '?limit=100')
      t.same([contents(latest)[0], contents(latest)[99]], ['m31', 'm130'])
      const rest = await page(two, `?limit=100&before=${latest.next}`)
      t.same([contents(rest)[0], contents(rest)[29], contents(rest).length], ['m1', 'm30', 30])
      t.equal(rest.next, null)
    },
  )

  await t.test('DELETE takes one out, on all nodes and for clients too, and only once', async (t) => {
    const { one, two } = await open(t)
    await say(one, two, 3)
    const [, second] = (await page(two)).messages
    const path = `/messages/${second?.position}`
    const done = await act(two, 'DELETE', path)
    t.same([done.statusCode, done.body], [204, ''])
    t.same(contents(await page(two)), ['m1', 'm3'])
    await until('one has heard of it', async () => contents(await page(one)).length === 2)
    t.same(contents(await page(one, `?before=${second?.position}`)), ['m1'], 'its place is still one')
    for (const app of [one, two]) t.equal((await act(app, 'DELETE', path)).statusCode, 404)
    const beto = await Client.open(one.url)
    beto.send({ type: 'register', sender: 'Beto', content: { history: 100 } })
    const { history }: { history: unknown } = JSON.parse((await beto.next('register_success')).raw)
    t.match(history, [{ content: 'm1' }, { content: 'm3' }])
    t.same(Array.isArray(history) && history.length, 2)
  })

  await t.test('DELETE answers 404 where nothing was said, and where it was in another log', async (t) => {
    const { one, two } = await open(t)
    await say(one, two, 1)
    const [said] = (await page(two)).messages
    const [epoch = '', offset = ''] = said?.position.split('-') ?? []
    for (const position of [
      `${epoch}-0`,
      `${epoch}-${Number(offset) - 1}`,
      `${epoch}-99999`,
      `x-${offset}`,
    ]) {
      const answer = await act(two, 'DELETE', `/messages/${position}`)
      t.equal(answer.statusCode, 404, position)
      const message = 'The history has no such message'
      t.same(answer.json(), { statusCode: 404, error: 'Not Found', message })
    }
    t.same(contents(await page(two)), ['m1'])
  })
}

t.test('messages', (t) => onEveryBackplane(t, messages))

for (const query of [
  'limit=0',
  'limit=101',
  'limit=many',
  'limit=1.5',
  'limit=1e309',
  'limit=',
  'before=',
  'before=x',
  'before=1-01',
]) {
  t.test(`GET refuses ?${query} and says why`, async (t) => {
    const answer = await ask(await startApp(t), `/messages?${query}`)
    t.equal(answer.statusCode, 400)
    t.match(answer.json(), { error: 'Bad Request', message: `querystring/${query.split('=')[0]} must ` })
  })
}

t.test('DELETE refuses what is no position', async (t) => {
  const app = await startApp(t)
  for (const position of [
    'x',
    '1',
    '-1',
    'A-1',
    '1-01',
    '1-x',
    '1-1-1',
    `1-${'9'.repeat(16)}`,
    'a'.repeat(1024),
  ]) {
    const answer = await act(app, 'DELETE', `/messages/${position}`)
    t.equal(answer.statusCode, 400, position)
    t.match(answer.json(), {
      error: 'Bad Request',
      message: 'params/position must be the position of a message',
    })
  }
  t.equal((await act(app, 'DELETE', `/messages/${'a'.repeat(1025)}`)).statusCode, 414)
})

t.test('operators only', async (t) => {
  const app = await startApp(t)
  for (const [method, url] of [
    ['GET', '/messages'],
    ['DELETE', '/messages/1-1'],
  ] as const)
    t.equal((await app.http.inject({ method, url })).statusCode, 401)
})

t.test('503 while what the nodes share cannot be reached', async (t) => {
  const room = newRoom()
  const backplane = new DistantBackplane(room)
  const lines: string[] = []
  const log = (line: string) => lines.push(line)
  const app = await startApp(t, { LOG_LEVEL: 'warn' }, { backplane, store: room.store }, log)
  backplane.reachable = false
  for (const answer of [await ask(app, '/messages'), await act(app, 'DELETE', '/messages/1-1')]) {
    t.equal(answer.statusCode, 503)
    t.match(answer.json(), {
      error: 'Service Unavailable',
      message: 'What the nodes share cannot be reached: try again',
    })
  }
  t.match(lines[0], /could not be asked for the history/)
})

t.test('what was taken out is written down, with who did it and not what it was', async (t) => {
  const lines: string[] = []
  const app = await startApp(t, { LOG_LEVEL: 'info' }, undefined, (line) => lines.push(line))
  await say(app, app, 1)
  const [said] = (await page(app)).messages
  const path = `/messages/${said?.position}`
  await act(app, 'DELETE', path)
  await act(app, 'DELETE', path)
  const audited = lines.filter((line) => line.includes('"audit":true')).map((line) => JSON.parse(line))
  const did = 'DELETE /messages/:position'
  const params = { position: said?.position }
  t.match(audited, [
    { operator: '127.0.0.1', did, params, statusCode: 204, msg: 'an operator acted' },
    { did, params, statusCode: 404, msg: 'an operator tried' },
  ])
  t.equal(audited.length, 2)
  t.notMatch(lines.join('\n'), 'm1')
})
