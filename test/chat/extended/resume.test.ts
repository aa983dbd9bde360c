/** Part 2, 3: sessions that break off are held, and taken up again. */
import t, { type Test } from 'tap'
import { keyOf } from '../../../src/protocol/names.js'
import { Client } from '../../conformance/client.js'
import { act, ask, type RunningApp } from '../../support/app.js'
import { answerTo, Extended } from '../../support/extended.js'
import { type OpenPair, onEveryBackplane, type Pair } from '../../support/pairs.js'
import { until } from '../../support/until.js'

/** So that time is up soon. */
const SHORT = { RESUME_GRACE_MS: '300', BEAT_MS: '50', LEASE_MS: '3000' }

const PASSWORD = 'correct horse battery'

async function present(app: RunningApp): Promise<string[]> {
  const { users } = (await ask(app, '/users')).json()
  return users.map(({ name }: { name: string }) => name)
}

/** Waits until both nodes have seen that a session is held: what is sent to it from now on waits. */
async function isHeld({ one, two }: Pair, name: string): Promise<void> {
  const held = ({ node }: RunningApp) =>
    [...node.directory.users()].some((user) => user.name === name && user.held === true)
  await until(`${name} is held`, () => held(one) && held(two))
}

/** The nodes of a pair for one who breaks off on `from` and comes back on `to`. */
const WAYS = [
  ['the same node', 'one', 'one'],
  ['the other node', 'one', 'two'],
] as const

async function resume(t: Test, open: OpenPair): Promise<void> {
  for (const [where, from, to] of WAYS) {
    await t.test(`on ${where}: what came meanwhile, once and in order, then live`, async (t) => {
      const pair = await open(t)
      const ana = await Extended.enter(pair[from], 'Ana')
      const beto = await Client.join(pair.two.url, 'Beto')
      const eva = await Extended.enter(pair.one, 'Eva')
      beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'before' })
      await ana.next('private')
      ana.send({ type: 'change_status', content: 'OCUPADO' })
      await ana.next('status_update')
      await beto.next('status_update')
      await eva.next('status_update')
      ana.break()
      await isHeld(pair, 'Ana')
      t.same(await present(pair.one), ['Ana', 'Beto', 'Eva'], 'she stays on the list')
      t.same(await present(pair.two), ['Ana', 'Beto', 'Eva'])
      beto.send({ type: 'user_info', sender: 'Beto', target: 'Ana' })
      t.match(await beto.next(), {
        type: 'user_info_response',
        content: { ip: '127.0.0.1', status: 'OCUPADO' },
      })
      beto.send({ type: 'broadcast', sender: 'Beto', content: 'one' })
      beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'two' })
      beto.send({ type: 'change_status', sender: 'Beto', content: 'OCUPADO' })
      beto.send({ type: 'private', sender: 'Beto', target: 'ana', content: 'three' })
      beto.send({ type: 'broadcast', sender: 'Beto', content: 'four' })
      await beto.settle()
      const carla = await Extended.enter(pair.two, 'Carla')
      carla.send({ type: 'disconnect' })
      await carla.client.closed()
      await eva.next('user_disconnected')

      const back = await ana.resume(pair[to])
      const { welcome } = back
      t.same([welcome.resumed, welcome.session], [true, ana.point.session], 'the same secret')
      t.same([welcome.position, welcome.seq], [ana.point.position, ana.point.seq], 'where the replay begins')
      t.same(welcome.userList, ['Ana', 'Beto', 'Eva'], 'in her place')
      t.match(welcome.users, [{ name: 'Ana', status: 'OCUPADO' }])
      await back.next('user_disconnected')
      const heard = back.heard.map(({ type, content }) => [type, content])
      t.same(heard, [
        ['broadcast', 'one'],
        ['private', 'two'],
        ['status_update', { user: 'Beto', status: 'OCUPADO' }],
        ['private', 'three'],
        ['broadcast', 'four'],
        ['user_connected', { user: 'Carla', status: 'ACTIVO' }],
        ['user_disconnected', 'Carla ha salido'],
      ])
      const publicly = back.heard.filter(({ type }) => type !== 'private')
      const sameBytes = publicly.map((frame) => JSON.stringify(frame))
      t.same(
        sameBytes,
        eva.heard.slice(-publicly.length).map((frame) => JSON.stringify(frame)),
        'the bytes of live ones',
      )
      t.same(
        back.heard.filter(({ type }) => type === 'private').map(({ seq }) => seq),
        [2, 3],
      )
      beto.send({ type: 'broadcast', sender: 'Beto', content: 'live' })
      beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'psst' })
      t.match(await back.next(), { type: 'broadcast', content: 'live' })
      t.match(await back.next(), { type: 'private', content: 'psst', seq: 4 })
      back.say('here I am')
      t.match(await back.next(), { type: 'broadcast', sender: 'Ana', content: 'here I am' })
      t.same(await back.settle(), [])
      const known = (await beto.settle()).map(({ content }) => content)
      t.same(known.slice(-1), ['here I am'])
      t.notOk(known.some((content) => String(content).includes('Ana ha salido')))
      t.notOk(eva.heard.some(({ content }) => String(content) === 'Ana ha salido'))
    })

    await t.test(`on ${where}, while the old connection still hangs: that one is closed 4005`, async (t) => {
      const pair = await open(t)
      const beto = await Client.join(pair.two.url, 'Beto')
      const ana = await Extended.enter(pair[from], 'Ana')
      const { point } = ana
      beto.send({ type: 'broadcast', sender: 'Beto', content: 'one' })
      beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'two' })
      await ana.next('private')
      // It has come, but she does not know it.
      const back = await Extended.enter(pair[to], 'Ana', { resume: point })
      t.equal(back.welcome.resumed, true)
      t.same(await ana.client.closed(), { code: 4005, reason: 'La sesión continúa en otra conexión' })
      t.match(await back.next(), { type: 'broadcast', content: 'one' })
      t.match(await back.next(), { type: 'private', content: 'two', seq: 1 })
      t.same(await back.settle(), [])
      beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'three' })
      t.match(await back.next(), { type: 'private', content: 'three', seq: 2 })
      t.same(
        (await beto.settle()).map(({ content }) => content),
        ['one'],
        'nobody else sees anything',
      )
    })

    await t.test(`on ${where}, again and again`, async (t) => {
      const pair = await open(t)
      const beto = await Client.join(pair.two.url, 'Beto')
      let ana = await Extended.enter(pair[from], 'Ana')
      for (let count = 1; count <= 10; count += 1) {
        beto.send({ type: 'broadcast', sender: 'Beto', content: `to all ${count}` })
        beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: `to her ${count}` })
        if (count % 2) ana.break()
        ana = await ana.resume(pair[count % 2 ? from : to])
        t.equal(ana.welcome.resumed, true)
        await until('both', () => ana.point.seq === count)
        await beto.next('broadcast')
      }
      ana.send({ type: 'disconnect' })
      t.same((await beto.next('user_disconnected')).content, 'Ana ha salido')
    })
  }

  await t.test(
    'a session on a node that drains: closed 1012, nobody is told, and it goes on elsewhere',
    async (t) => {
      const pair = await open(t, { DRAIN_MS: '0' })
      const beto = await Client.join(pair.two.url, 'Beto')
      const eva = await Extended.enter(pair.two, 'Eva')
      const ana = await Extended.enter(pair.one, 'Ana')
      await eva.next('user_connected')
      const leaving = pair.one.leave()
      t.match(await ana.client.closed(), { code: 1012 })
      await leaving
      t.same(await present(pair.two), ['Beto', 'Eva', 'Ana'])
      beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'psst' })
      t.same(await beto.settle(), [])
      t.same(await eva.settle(), [])
      const back = await ana.resume(pair.two)
      t.equal(back.welcome.resumed, true)
      t.match(await back.next(), { type: 'private', content: 'psst', seq: 1 })
      t.same(await eva.settle(), [])
    },
  )

  await t.test('a wrong secret: the name is simply in use', async (t) => {
    const pair = await open(t)
    const ana = await Extended.enter(pair.one, 'Ana')
    const beto = await Extended.enter(pair.one, 'Beto')
    const tries = [
      { resume: { ...ana.point, session: 'x' } },
      { resume: { ...ana.point, session: beto.point.session } },
      { resume: { ...ana.point, session: ana.point.session.toLowerCase() } },
    ]
    const wanted = { type: 'error', content: 'El usuario ya existe', code: 'NAME_TAKEN' }
    const all = async (when: string) => {
      for (const app of [pair.one, pair.two]) {
        for (const content of tries) t.match(await answerTo(app, 'Ana', content), wanted, when)
      }
    }
    await all('connected')
    t.same(await ana.settle().then((frames) => frames.filter(({ type }) => type !== 'user_connected')), [])
    ana.break()
    await isHeld(pair, 'Ana')
    await all('held')
    t.same((await ana.resume(pair.two)).welcome.resumed, true, 'and it can still be taken up')
  })

  await t.test('the secret of another name opens nothing else', async (t) => {
    const pair = await open(t)
    const ana = await Extended.enter(pair.one, 'Ana')
    ana.break()
    await isHeld(pair, 'Ana')
    const other = await Extended.enter(pair.two, 'Beto', { resume: ana.point })
    t.equal(other.welcome.resumed, false, 'a free name is entered anew')
    t.not(other.point.session, ana.point.session)
    t.equal((await ana.resume(pair.two)).welcome.resumed, true)
  })

  await t.test(
    'what is no longer kept is said: a new session with the name, the place and the status',
    async (t) => {
      const pair = await open(t)
      const zoe = await Extended.enter(pair.one, 'Zoe')
      let ana = await Extended.enter(pair.one, 'Ana')
      await Extended.enter(pair.one, 'Beto')
      ana.send({ type: 'change_status', content: 'OCUPADO' })
      await zoe.next('status_update')
      const [epoch, offset] = ana.point.position.split('-')
      const points: [what: string, point: object][] = [
        ['an unknown epoch', { position: `0${epoch}-${offset}` }],
        ['a position in the future', { position: `${epoch}-${Number(offset) + 1000}` }],
        ['a seq that has not been', { seq: 5 }],
      ]
      for (const [index, [what, point]] of points.entries()) {
        ana.break()
        await isHeld(pair, 'Ana')

        const app = index % 2 ? pair.one : pair.two
        const back = await Extended.enter(app, 'Ana', { resume: { ...ana.point, ...point } })
        t.equal(back.welcome.resumed, false, what)
        t.equal(back.welcome.seq, 0)
        t.not(back.point.session, ana.point.session, 'a new secret')
        t.same(back.welcome.users, [
          { name: 'Zoe', status: 'ACTIVO' },
          { name: 'Ana', status: 'OCUPADO' },
          { name: 'Beto', status: 'ACTIVO' },
        ])
        t.match(
          await answerTo(app, 'Ana', { resume: ana.point }),
          { code: 'NAME_TAKEN' },
          'the old secret is over',
        )
        back.tell('Ana', 'hola')
        t.match(await back.next(), { type: 'private', seq: 1 })
        ana = back
      }
      t.same(
        (await zoe.settle()).filter(({ type }) => type !== 'user_connected'),
        [],
        'nobody else sees anything',
      )
    },
  )

  await t.test('what the log no longer keeps is said', async (t) => {
    const pair = await open(t, { LOG_LENGTH: '50' })
    const ana = await Extended.enter(pair.one, 'Ana')
    const beto = await Extended.enter(pair.two, 'Beto')
    ana.break()
    await isHeld(pair, 'Ana')
    const { point } = ana
    for (let count = 0; count < 500; count += 1) beto.say(`${'x'.repeat(50)}`)
    await until('all of it', () => beto.heard.length === 500)
    const back = await ana.resume(pair.one)
    t.equal(back.welcome.resumed, false)
    t.equal((await back.settle()).length, 0)
    t.not(back.point.position, point.position)
    beto.say('live')
    t.match(await back.next(), { content: 'live' })
  })

  await t.test('when the time is over everyone is told, once, and there is nothing to take up', async (t) => {
    const pair = await open(t, SHORT)
    const zoe = await Extended.enter(pair.one, 'Zoe')
    const beto = await Client.join(pair.two.url, 'Beto')
    const ana = await Extended.enter(pair.one, 'Ana')
    ana.break()
    for (const client of [zoe.client, beto]) {
      t.equal((await client.next('user_disconnected')).content, 'Ana ha salido')
      t.same(await client.settle(), [])
    }
    t.same(await present(pair.two), ['Zoe', 'Beto'])
    beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'psst' })
    t.match(await beto.next(), { type: 'error', content: 'Usuario no encontrado' })
    const back = await ana.resume(pair.two)
    t.equal(back.welcome.resumed, false)
    t.same(back.welcome.userList, ['Zoe', 'Beto', 'Ana'], 'at the end of the list')
    t.match(await zoe.next(), { type: 'user_connected', content: { user: 'Ana' } })
  })

  await t.test('who comes back in time is not shown out when the first time would be over', async (t) => {
    const pair = await open(t, SHORT)
    const zoe = await Extended.enter(pair.one, 'Zoe')
    let ana = await Extended.enter(pair.one, 'Ana')
    const other = await Extended.enter(pair.one, 'Otra')
    ana.break()
    ana = await ana.resume(pair.two)
    t.equal(ana.welcome.resumed, true)
    other.break()
    // Her time would have been over before that of who broke off later.
    t.equal((await zoe.next('user_disconnected')).content, 'Otra ha salido')
    t.same(await present(pair.one), ['Zoe', 'Ana'])
    ana.say('still here')
    t.match(await zoe.next(), { content: 'still here' })
  })

  await t.test('RESUME_GRACE_MS=0: nobody is held', async (t) => {
    const pair = await open(t, { RESUME_GRACE_MS: '0' })
    const zoe = await Extended.enter(pair.two, 'Zoe')
    const ana = await Extended.enter(pair.one, 'Ana')
    ana.break()
    t.equal((await zoe.next('user_disconnected')).content, 'Ana ha salido')
    const back = await ana.resume(pair.two)
    t.equal(back.welcome.resumed, false)
    t.equal(
      (await back.resume(pair.one)).welcome.resumed,
      true,
      'but an old connection that hangs is taken over',
    )
  })

  await t.test('who takes his leave cannot be taken up again', async (t) => {
    const pair = await open(t)
    const ana = await Extended.enter(pair.one, 'Ana')
    ana.send({ type: 'disconnect' })
    t.match(await ana.next(), { type: 'user_disconnected', content: 'Ana ha salido', position: /-/ })
    t.match(await ana.client.closed(), { code: 1000 })
    t.equal((await ana.resume(pair.two)).welcome.resumed, false)
  })

  await t.test('whom an operator removes cannot be taken up again, connected or held', async (t) => {
    for (const breaks of [false, true]) {
      const pair = await open(t)
      const zoe = await Extended.enter(pair.two, 'Zoe')
      const ana = await Extended.enter(pair.one, 'Ana')
      await zoe.next('user_connected')
      if (breaks) {
        ana.break()
        await isHeld(pair, 'Ana')
      }
      t.equal((await act(pair.two, 'DELETE', '/users/Ana')).statusCode, 204)
      t.match(await zoe.next(), { type: 'user_disconnected', content: 'Ana ha salido' })
      if (!breaks) t.match(await ana.client.closed(), { code: 4003 })
      const back = await ana.resume(pair.two)
      t.equal(back.welcome.resumed, false)
    }
  })

  await t.test('who is banned is refused, and told when he is there', async (t) => {
    for (const breaks of [false, true]) {
      const pair = await open(t, SHORT)
      const zoe = await Extended.enter(pair.two, 'Zoe')
      const ana = await Extended.enter(pair.one, 'Ana')
      if (breaks) {
        ana.break()
        await isHeld(pair, 'Ana')
      }
      const ban = await act(pair.two, 'POST', '/bans', { kind: 'name', value: 'Ana' })
      t.equal(ban.statusCode, 201)
      if (!breaks) t.match(await ana.client.closed(), { code: 4004 })
      await until('it is known', () => pair.one.node.directory.bans.forbidsName(keyOf('Ana'), Date.now()))
      const client = await Client.open(pair.one.url)
      client.send({ type: 'register', sender: 'Ana', content: { resume: ana.point } })
      t.match(await client.next(), { type: 'error', content: 'Acceso prohibido', raw: /"code":"BANNED"/ })
      t.match(await client.closed(), { code: 4004 })
      t.equal((await zoe.next('user_disconnected')).content, 'Ana ha salido')
      t.equal((await act(pair.two, 'DELETE', `/bans/${ban.json().id}`)).statusCode, 204)
      await until('it is lifted', () => !pair.one.node.directory.bans.forbidsName(keyOf('Ana'), Date.now()))
      t.equal((await ana.resume(pair.one)).welcome.resumed, false, 'also when the ban is lifted')
    }
  })

  await t.test(
    'with a password besides: it goes on where it can, and is proved anew where it cannot',
    async (t) => {
      const pair = await open(t, SHORT)
      const password = { password: PASSWORD }
      const zoe = await Extended.enter(pair.two, 'Zoe')
      let ana = await Extended.enter(pair.one, 'Ana', password)
      ana.break()
      ana = await ana.resume(pair.two, password)
      t.equal(ana.welcome.resumed, true)
      ana.break()
      ana = await ana.resume(pair.one, { password: 'this is not it' })
      t.equal(ana.welcome.resumed, true, 'the secret is enough')
      ana.break()
      t.equal((await zoe.next('user_disconnected')).content, 'Ana ha salido')
      t.match(await answerTo(pair.one, 'Ana', { resume: ana.point }), { code: 'NAME_CLAIMED' })
      t.match(await answerTo(pair.one, 'Ana', { resume: ana.point, password: 'this is not it' }), {
        code: 'WRONG_PASSWORD',
      })
      const back = await ana.resume(pair.two, password)
      t.equal(back.welcome.resumed, false)
      // Taken over by the password, the session is over.
      const other = await Extended.enter(pair.one, 'Ana', password)
      t.match(await back.client.closed(), { code: 4005 })
      t.match(await answerTo(pair.two, 'Ana', { resume: back.point }), { code: 'NAME_CLAIMED' })
      t.equal((await back.resume(pair.two, password)).welcome.resumed, false)
      t.match(await other.client.closed(), { code: 4005 })
    },
  )

  await t.test('a base session never has the place of one that is held', async (t) => {
    const pair = await open(t)
    const ana = await Extended.enter(pair.one, 'Ana')
    ana.break()
    await isHeld(pair, 'Ana')
    for (const app of [pair.one, pair.two])
      for (const content of [null, {}])
        t.match(await answerTo(app, 'ANA', content), { type: 'error', content: 'El usuario ya existe' })
    t.equal((await ana.resume(pair.two)).welcome.resumed, true)
  })

  await t.test('the name stands as it was registered, however it is written now', async (t) => {
    const pair = await open(t)
    const ana = await Extended.enter(pair.one, 'Ana')
    ana.break()
    const back = await Extended.enter(pair.two, 'ANA', { resume: ana.point })
    t.same([back.welcome.resumed, back.welcome.userList], [true, ['Ana']])
    back.say('hola')
    t.match(await back.next(), { sender: 'Ana' })
  })

  await t.test(
    'of many who take one session up at once one has it in the end, and the others are told',
    async (t) => {
      const pair = await open(t)
      const ana = await Extended.enter(pair.one, 'Ana')
      const beto = await Client.join(pair.two.url, 'Beto')
      await ana.next('user_connected')
      ana.break()
      beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'psst' })
      const rivals = await Promise.all(
        Array.from({ length: 10 }, (_, index) => ana.resume(index % 2 ? pair.one : pair.two)),
      )
      t.ok(rivals.every(({ welcome }) => welcome.resumed === true))
      await until('one is left', () => rivals.filter(({ client }) => !client.ended).length === 1)
      const [winner] = rivals.filter(({ client }) => !client.ended)
      for (const { client } of rivals) if (client.ended) t.match(await client.closed(), { code: 4005 })
      t.match(await winner?.next(), { type: 'private', content: 'psst', seq: 1 })
      t.same(await winner?.settle(), [])
      t.same(await beto.settle(), [])
    },
  )

  await t.test('history may be asked for besides', async (t) => {
    const pair = await open(t)
    const ana = await Extended.enter(pair.one, 'Ana')
    ana.say('one')
    await ana.next('broadcast')
    ana.break()
    const back = await ana.resume(pair.one, { history: 10 })
    t.match(back.welcome, { resumed: true, history: [{ content: 'one' }] })
    t.same(Object.keys(back.welcome).slice(-5), ['seq', 'session', 'users', 'history', 'resumed'])
  })

  await t.test('frames sent right behind it take effect after the replay', async (t) => {
    const pair = await open(t, { RATE_PER_SECOND: '0' })
    const ana = await Extended.enter(pair.one, 'Ana')
    const beto = await Client.join(pair.two.url, 'Beto')
    await ana.next('user_connected')
    ana.break()
    await isHeld(pair, 'Ana')
    const many = 3000
    beto.sendAll(
      Array.from({ length: many }, (_, n) => ({ type: 'broadcast', sender: 'Beto', content: `${n}` })),
    )
    await until('all of it', () => beto.unread.length >= many, 60_000)
    const client = await Client.open(pair.one.url)
    client.name = 'Ana'
    client.sendAll([
      { type: 'register', sender: 'Ana', content: { resume: ana.point } },
      { type: 'list_users', sender: 'Ana' },
      { type: 'broadcast', sender: 'Ana', content: 'mine' },
      { type: 'private', sender: 'Ana', target: 'Ana', content: 'mine too' },
      { type: 'user_info', sender: 'Ana', target: 'Nadie' },
    ])
    await until('all of it', () => client.unread.length >= many + 5, 60_000)
    const came = client.unread.map(({ type, content }) => (type === 'broadcast' ? content : type))
    t.same(came, [
      'register_success',
      ...Array.from({ length: many }, (_, n) => `${n}`),
      'list_users_response',
      'mine',
      'private',
      'error',
    ])
  })
}

await onEveryBackplane(t, resume)
