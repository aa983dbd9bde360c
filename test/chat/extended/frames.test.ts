/** Part 2, 2: what the frames of extended sessions have besides, and what they are told of joins. */
import t, { type Test } from 'tap'
import { Client } from '../../conformance/client.js'
import { Extended } from '../../support/extended.js'
import { type OpenPair, onEveryBackplane, type Pair } from '../../support/pairs.js'
import { until } from '../../support/until.js'

const POSITION = /^[0-9a-z]+-\d+$/

/** Where in the log a position is. */
const offsetOf = (position: unknown): number => Number(String(position).split('-').at(-1))

async function frames(t: Test, open: OpenPair): Promise<void> {
  /** Ana and Beto, extended, on two nodes, and Carla, who is not. */
  const three = async (pair: Pair) => {
    const ana = await Extended.enter(pair.one, 'Ana')
    await until('she is seen', () => pair.two.node.directory.size === 1)
    const beto = await Extended.enter(pair.two, 'Beto')
    const carla = await Client.join(pair.one.url, 'Carla')
    await until('all are seen', () => pair.two.node.directory.size === 3)
    await ana.settle()
    await beto.settle()
    return { ana, beto, carla }
  }

  await t.test(
    'what comes from the log has a position behind the timestamp, on every node the same',
    async (t) => {
      const pair = await open(t)
      const { ana, beto, carla } = await three(pair)
      carla.send({ type: 'broadcast', sender: 'Carla', content: 'hola' })
      carla.send({ type: 'change_status', sender: 'Carla', content: 'OCUPADO' })
      const dora = await Extended.enter(pair.two, 'Dora')
      carla.send({ type: 'disconnect', sender: 'Carla' })
      await ana.next('user_disconnected')
      await beto.next('user_disconnected')
      t.same(ana.heard.slice(-4), beto.heard.slice(-4))
      const fields = ['type', 'sender', 'content', 'timestamp', 'position']
      t.match(ana.heard.slice(-4), [
        { type: 'broadcast', sender: 'Carla', content: 'hola', position: POSITION },
        {
          type: 'status_update',
          sender: 'server',
          content: { user: 'Carla', status: 'OCUPADO' },
          position: POSITION,
        },
        {
          type: 'user_connected',
          sender: 'server',
          content: { user: 'Dora', status: 'ACTIVO' },
          position: POSITION,
        },
        { type: 'user_disconnected', sender: 'server', content: 'Carla ha salido', position: POSITION },
      ])
      for (const frame of ana.heard.slice(-4)) t.same(Object.keys(frame), fields)
      const offsets = ana.heard.map(({ position }) => offsetOf(position))
      t.same(
        offsets,
        [...offsets].sort((one, other) => one - other),
        'in the order of the log',
      )
      t.ok(
        offsetOf(ana.welcome.position) < Math.min(...offsets),
        'live begins behind the position that it was told',
      )
      t.same((await dora.next()).type, 'user_disconnected', 'and she is told of what came behind hers')
    },
  )

  await t.test('private messages count from 1, without gaps, whoever sends them', async (t) => {
    const { ana, beto, carla } = await three(await open(t))
    for (let count = 1; count <= 5; count += 1) {
      beto.tell('Ana', `de Beto ${count}`)
      t.same((await ana.next('private')).seq, count * 3 - 2)
      carla.send({ type: 'private', sender: 'Carla', target: 'ana', content: 'de Carla' })
      const frame = await ana.next('private')
      t.same(Object.keys(frame), ['type', 'sender', 'target', 'content', 'timestamp', 'seq'])
      t.match(frame, { sender: 'Carla', target: 'Ana', content: 'de Carla', seq: count * 3 - 1 })
      ana.tell('Ana', 'a mí misma')
      t.match(await ana.next('private'), { seq: count * 3 })
    }
    ana.tell('Beto', 'a Beto')
    t.match(await beto.next('private'), { seq: 1 }, 'each session counts its own')
    ana.tell('Carla', 'a Carla')
    const { raw } = await carla.next('private')
    t.match(
      raw,
      /^\{"type":"private","sender":"Ana","target":"Carla","content":"a Carla","timestamp":"[^"]*"\}$/,
    )
  })

  await t.test('an answer to a change of status that is none has no position', async (t) => {
    const { ana, beto } = await three(await open(t))
    ana.send({ type: 'change_status', content: 'activo' })
    const frame = await ana.next()
    t.match(frame, { type: 'status_update', content: { user: 'Ana', status: 'ACTIVO' } })
    t.same(Object.keys(frame), ['type', 'sender', 'content', 'timestamp'])
    t.same(await ana.settle(), [])
    t.same(await beto.settle(), [])
  })

  await t.test(
    'joins are told, of base and of extended sessions; to extended ones, and not to oneself',
    async (t) => {
      const pair = await open(t)
      const { ana, beto, carla } = await three(pair)
      await Client.join(pair.two.url, 'Dora')
      await Extended.enter(pair.one, 'Eva "la otra"')
      for (const told of [ana, beto]) {
        t.match(await told.next(), {
          type: 'user_connected',
          sender: 'server',
          content: { user: 'Dora', status: 'ACTIVO' },
        })
        t.match(await told.next(), {
          type: 'user_connected',
          content: { user: 'Eva "la otra"', status: 'ACTIVO' },
        })
        t.same(await told.settle(), [])
      }
      t.same(await carla.settle(), [], 'base sessions are told nothing')
      for (const { name, heard } of [ana, beto]) {
        const own = JSON.stringify({ user: name, status: 'ACTIVO' })
        t.notOk(heard.some(({ content }) => JSON.stringify(content) === own))
      }
    },
  )

  await t.test(
    'going on with another connection is no join: taken up, or taken over by a password',
    async (t) => {
      const pair = await open(t)
      const { ana, beto, carla } = await three(pair)
      const owner = await Client.open(pair.one.url)
      await owner.register('Dora', { password: 'correct horse' })
      for (const told of [ana, beto]) t.match(await told.next(), { type: 'user_connected' })

      const again = await Client.open(pair.two.url)
      await again.register('Dora', { password: 'correct horse' })
      t.match(await owner.closed(), { code: 4005 })
      beto.break()
      const back = await beto.resume(pair.one)
      t.equal(back.welcome.resumed, true)
      const there = await back.resume(pair.two)
      t.equal(there.welcome.resumed, true, 'and while the old connection is there')
      t.match(await back.client.closed(), { code: 4005 })
      for (const client of [ana.client, there.client, again, carla]) t.same(await client.settle(), [])
    },
  )

  await t.test(
    'a session whose owner takes it over by the password is over: the next one counts anew',
    async (t) => {
      const pair = await open(t)
      const { ana, carla } = await three(pair)
      const owner = await Extended.enter(pair.one, 'Dora', { password: 'correct horse' })
      await ana.next('user_connected')
      const second = await Extended.enter(pair.two, 'Dora', { password: 'correct horse' })
      t.same(second.welcome.resumed, false)
      t.same(second.welcome.seq, 0)
      t.not(second.point.session, owner.point.session)
      t.match(await owner.client.closed(), { code: 4005 })
      t.same(await ana.settle(), [])
      t.same(await carla.settle(), [])
    },
  )

  await t.test('lists and answers are those of the base protocol', async (t) => {
    const { ana } = await three(await open(t))
    ana.send({ type: 'list_users' }, { type: 'user_info', target: 'carla' })
    const list = await ana.next()
    t.same(Object.keys(list), ['type', 'sender', 'content', 'timestamp'])
    t.same(list.content, ['Ana', 'Beto', 'Carla'])
    const info = await ana.next()
    t.same(Object.keys(info), ['type', 'sender', 'target', 'content', 'timestamp'])
    t.match(info, { target: 'Carla', content: { ip: '127.0.0.1', status: 'ACTIVO' } })
  })
}

await onEveryBackplane(t, frames)
