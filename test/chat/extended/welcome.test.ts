/** Part 2, 1: what an extended session is told when it has registered. */
import t, { type Test } from 'tap'
import { Client, fieldsOf } from '../../conformance/client.js'
import { answerTo, Extended, masked } from '../../support/extended.js'
import { type OpenPair, onEveryBackplane } from '../../support/pairs.js'
import { until } from '../../support/until.js'

const BASE = ['type', 'sender', 'content', 'userList', 'timestamp']

async function welcome(t: Test, open: OpenPair): Promise<void> {
  await t.test('exactly these fields, in this order', async (t) => {
    const { one, two } = await open(t)
    const cases: [name: string, content: object, fields: string[]][] = [
      ['Ana', {}, ['position', 'seq', 'session', 'users', 'resumed']],
      ['Beto', { history: 5 }, ['position', 'seq', 'session', 'users', 'history', 'resumed']],
      ['Carla', { history: 0 }, ['position', 'seq', 'session', 'users', 'history', 'resumed']],
      ['Dora', { password: 'correct horse' }, ['position', 'seq', 'session', 'users', 'resumed']],
      ['Eva', { unknown: [1], history: undefined }, ['position', 'seq', 'session', 'users', 'resumed']],
    ]
    for (const [index, [name, content, fields]] of cases.entries()) {
      const { welcome, client } = await Extended.enter(index % 2 ? two : one, name, content)
      t.same(Object.keys(welcome), [...BASE, ...fields], name)
      t.match(welcome, { type: 'register_success', sender: 'server', content: 'Registro exitoso' })
      t.match(String(welcome.position), /^[0-9a-z]+-\d+$/)
      t.same([welcome.seq, welcome.resumed], [0, false])
      t.same(await client.settle(), [], 'and nothing else')
    }
    const client = await Client.open(one.url)
    client.send({ type: 'register', sender: 'Fito', ref: 'a "ref"', content: {} })
    const { raw } = await client.next()
    t.same(Object.keys(fieldsOf(raw)), [...BASE, 'position', 'seq', 'ref', 'session', 'users', 'resumed'])
    t.equal(fieldsOf(raw).ref, 'a "ref"')
    t.equal(raw, JSON.stringify(fieldsOf(raw)), 'without a space')
  })

  await t.test(
    'what is no object asks for nothing: the frame of the base protocol, byte for byte',
    async (t) => {
      const { one, two } = await open(t)
      await Extended.enter(one, 'Ana')
      await until('she is seen', () => two.node.directory.size === 1)
      for (const content of [null, '', '{}', '{"history":3}']) {
        const client = await Client.open(two.url)
        client.send({ type: 'register', sender: 'Beto', content, ref: 'r' })
        const wanted = `{"type":"register_success","sender":"server","content":"Registro exitoso","userList":["Ana","Beto"],"timestamp":"…"}`
        t.equal(masked((await client.next()).raw), wanted)
        client.send({ type: 'disconnect', sender: 'Beto' })
        await client.closed()
      }
    },
  )

  await t.test('users: everyone with his status, in the order of joining', async (t) => {
    const { one, two } = await open(t)
    const ana = await Client.join(one.url, 'Ana "la única"')
    const beto = await Extended.enter(two, 'Beto')
    ana.send({ type: 'change_status', sender: ana.name, content: 'ocupado' })
    await beto.next('status_update')
    const carla = await Extended.enter(two, 'Carla')
    t.same(carla.welcome.users, [
      { name: 'Ana "la única"', status: 'OCUPADO' },
      { name: 'Beto', status: 'ACTIVO' },
      { name: 'Carla', status: 'ACTIVO' },
    ])
    t.same(carla.welcome.userList, ['Ana "la única"', 'Beto', 'Carla'])
  })

  await t.test('session: 128 random bits at least, and another each time', async (t) => {
    const { one, two } = await open(t)
    const secrets = new Set<string>()
    for (let count = 0; count < 20; count += 1) {
      const { welcome, client } = await Extended.enter(count % 2 ? one : two, `Ana ${count}`)
      const secret = String(welcome.session)
      t.match(secret, /^[\w-]+$/)
      t.ok(Buffer.from(secret, 'base64url').length >= 16)
      secrets.add(secret)
      client.send({ type: 'disconnect', sender: `Ana ${count}` })
      await client.closed()
    }
    t.equal(secrets.size, 20)
    const bytes = Array.from(secrets, (secret) => Buffer.from(secret, 'base64url'))
    const varying = Array.from({ length: 16 }, (_, at) => new Set(bytes.map((secret) => secret[at])).size)
    t.ok(Math.min(...varying) > 5, 'in every byte')
  })

  await t.test('nobody is told the secret, nor is it logged', async (t) => {
    const lines: string[] = []
    const { one, two } = await open(t, { LOG_LEVEL: 'trace' }, (line) => lines.push(line))
    const heard: string[] = []
    const trace = (direction: string, what: string | Uint8Array) => {
      if (direction === '<') heard.push(String(what))
    }
    const beto = await Extended.enter(two, 'Beto', {}, { trace })
    const ana = await Extended.enter(one, 'Ana')
    ana.say('hola')
    await beto.next('broadcast')
    ana.break()
    const again = await ana.resume(two)
    again.say('otra vez')
    await beto.next('broadcast')
    t.ok(lines.length > 0)
    t.notOk([...lines, ...heard].some((text) => text.includes(ana.point.session)))
  })

  await t.test('history: the latest broadcasts, the oldest first, as many as asked for', async (t) => {
    const { one, two } = await open(t)
    const ana = await Extended.enter(one, 'Ana')
    t.same((await Extended.enter(two, 'Sin nada', { history: 100 })).welcome.history, [], 'there is none yet')
    for (let count = 1; count <= 3; count += 1) ana.say(`palabra ${count}`)
    ana.send({ type: 'change_status', content: 'OCUPADO' })
    ana.tell('Ana', 'for nobody else')
    await ana.next('private')
    const live = ana.heard.filter(({ type }) => type === 'broadcast')
    await until(
      'it is there',
      () => two.node.directory.position.offset === one.node.directory.position.offset,
    )
    const askers: [name: string, history: number, live: typeof live][] = [
      ['Cero', 0, []],
      ['Uno', 1, live.slice(2)],
      ['Tres', 3, live],
      ['Cien', 100, live],
    ]
    for (const [index, [name, history, wanted]] of askers.entries()) {
      const { welcome } = await Extended.enter(index % 2 ? one : two, name, { history })
      t.same(welcome.history, wanted, name)
      t.same(
        Array.isArray(welcome.history) && welcome.history.map((frame) => JSON.stringify(frame)),
        wanted.map((frame) => JSON.stringify(frame)),
        'byte for byte as they came live',
      )
    }
    for (let count = 4; count <= 130; count += 1) ana.say(`palabra ${count}`)
    await until('all of them', () => ana.heard.at(-1)?.content === 'palabra 130')
    const { welcome } = await Extended.enter(one, 'Más', { history: 100 })
    const all = ana.heard.filter(({ type }) => type === 'broadcast')
    t.same(welcome.history, all.slice(-100))
  })

  await t.test('what goes on is told from the position on, and nothing twice', async (t) => {
    const { one, two } = await open(t)
    const ana = await Client.join(one.url, 'Ana')
    let said = 0
    const talking = new AbortController()
    const talk = (async () => {
      while (!talking.signal.aborted) {
        said += 1
        ana.send({ type: 'broadcast', sender: 'Ana', content: `${said}` })
        await ana.next('broadcast')
      }
    })()
    for (let count = 0; count < 20; count += 1) {
      const { client, welcome } = await Extended.enter(count % 2 ? one : two, `Beto ${count}`, { history: 1 })
      const [last] = Array.isArray(welcome.history) ? welcome.history : []
      const next = await client.next('broadcast')
      t.equal(Number(next.content), Number(last?.content ?? 0) + 1)
      await client.close()
    }
    talking.abort()
    await talk
  })

  await t.test('invalid values of every key are refused, and the connection may try again', async (t) => {
    const { one, two } = await open(t)
    const good = { session: 's', position: 'abc-1', seq: 0 }
    const history = [-1, 101, 1.5, '5', null, [], {}, true, 1e9]
    const resume = [
      ...[null, 'x', 7, [], {}],
      ...[null, '', 5, 'x'.repeat(200)].map((session) => ({ ...good, session })),
      ...[
        null,
        5,
        '',
        'abc',
        'abc-',
        '-1',
        'abc-1.5',
        'abc--1',
        'abc-01',
        'ABC-1',
        `abc-${'9'.repeat(30)}`,
      ].map((position) => ({ ...good, position })),
      ...[null, '0', -1, 0.5, 2 ** 53, 1e300].map((seq) => ({ ...good, seq })),
      ...(['session', 'position', 'seq'] as const).map((key) => ({ ...good, [key]: undefined })),
    ]
    const contents = [
      ...history.map((value) => ({ history: value })),
      ...resume.map((value) => ({ resume: value })),
      ...[5, null, 'short', 'x'.repeat(129), '\ud800 and more'].map((password) => ({ password })),
      ...[5, null, {}].map((token) => ({ token })),
      { password: 'long enough', token: 'x' },
      { password: 'long enough', resume: {} },
    ]
    const clients = [await Client.open(one.url), await Client.open(two.url)]
    for (const content of contents) {
      for (const client of clients) {
        client.send({ type: 'register', sender: 'Ana', content })
        const frame = fieldsOf((await client.next()).raw)
        const wanted = {
          type: 'error',
          sender: 'server',
          code: 'INVALID_FIELD',
          content: /^El campo "content/,
        }
        t.match(frame, wanted, JSON.stringify(content))
        t.same(Object.keys(frame), ['type', 'sender', 'content', 'timestamp', 'code'])
      }
    }
    for (const [index, client] of clients.entries()) await client.register(`Ana ${index}`, {})
  })

  await t.test('a name in use is refused as ever, with its code', async (t) => {
    const { one, two } = await open(t)
    await Extended.enter(one, 'Ana')
    await until('she is seen', () => two.node.directory.size === 1)
    for (const app of [one, two]) {
      const wanted = { type: 'error', content: 'El usuario ya existe', code: 'NAME_TAKEN' }
      t.match(await answerTo(app, 'ANA', {}), wanted)
      t.same(Object.keys(await answerTo(app, 'ANA', null)), ['type', 'sender', 'content', 'timestamp'])
    }
  })
}

await onEveryBackplane(t, welcome)
