import t, { type Test } from 'tap'
import { keyOf } from '../../src/protocol/names.js'
import { Client } from '../conformance/client.js'
import { ask, startApp } from '../support/app.js'
import { DistantBackplane, newRoom } from '../support/shared.js'
import { until } from '../support/until.js'

async function twoNodes(t: Test) {
  const room = newRoom()
  const open = async (label: string) => {
    const backplane = new DistantBackplane(room)
    const app = await startApp(t, { NODE_ID: label }, { backplane, store: room.store })
    return { backplane, app, url: app.url }
  }
  return { room, one: await open('one'), two: await open('two') }
}

async function list(client: Client): Promise<unknown> {
  client.send({ type: 'list_users', sender: client.name })
  return (await client.next('list_users_response')).content
}

t.test('a node that was swept', async (t) => {
  t.test('claims its sessions again, with name, status, place and time; they notice nothing', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    const beto = await Client.join(two.url, 'Beto')
    ana.send({ type: 'change_status', sender: 'Ana', content: 'OCUPADO' })
    await ana.next('status_update')
    const before = room.find(keyOf('Ana'))
    await beto.next('status_update')

    room.sweep(one.backplane.id, Date.now())
    t.equal((await beto.next()).content, 'Ana ha salido')
    await until('Ana is claimed', () => room.find(keyOf('Ana')))
    t.same(room.find(keyOf('Ana')), { ...before, node: one.backplane.id })
    t.same(await list(beto), ['Ana', 'Beto'], 'at its old place')
    t.same(await ana.settle(), [], 'Ana is not told of a departure that she did not ask for')

    ana.send({ type: 'broadcast', sender: 'Ana', content: 'still here' })
    t.equal((await beto.next('broadcast')).content, 'still here')
  })

  t.test('loses the names that were taken meanwhile: 4006', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    const eva = await Client.join(one.url, 'Eva')
    one.backplane.reachable = false
    one.backplane.withhold()
    room.sweep(one.backplane.id, Date.now())
    const thief = await Client.join(two.url, 'ana')
    ana.send({ type: 'broadcast', sender: 'Ana', content: 'in an old name' })
    t.match((await ana.next('error')).content, /no está disponible/)
    one.backplane.reachable = true
    one.backplane.release()
    t.equal((await ana.closed()).code, 4006)
    await until('Eva is claimed', () => room.find(keyOf('Eva')))
    t.same(await thief.settle(), [], 'nothing was said in the old name')
    t.same(
      (await eva.settle()).map(({ content }) => content),
      ['Ana ha salido'],
      'the others are told of it',
    )
    t.same(await list(thief), ['Eva', 'ana'])
  })
})

t.test('a node that missed a part of the log', async (t) => {
  t.test('shows its clients the difference', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    const beto = await Client.join(two.url, 'Beto')
    const eva = await Client.join(two.url, 'Eva')
    one.backplane.withhold()
    beto.send({ type: 'disconnect', sender: 'Beto' })
    await beto.closed()
    eva.send({ type: 'change_status', sender: 'Eva', content: 'OCUPADO' })
    await eva.next('status_update')
    await Client.join(two.url, 'Zoe')
    one.backplane.lose()

    one.backplane.sink?.reset(room.snapshot())
    t.equal((await ana.next()).content, 'Beto ha salido')
    t.same((await ana.next()).content, { user: 'Eva', status: 'OCUPADO' })
    t.same(await list(ana), ['Ana', 'Eva', 'Zoe'])
    eva.send({ type: 'broadcast', sender: 'Eva', content: 'and on' })
    t.equal((await ana.next()).content, 'and on')
  })

  t.test('answers a register whose event it missed', async (t) => {
    const { room, one } = await twoNodes(t)
    const ana = await Client.open(one.url)
    one.backplane.withhold()
    ana.send({ type: 'register', sender: 'Ana' })
    ana.send({ type: 'broadcast', sender: 'Ana', content: 'after it' })
    await until('Ana is in the room', () => room.find(keyOf('Ana')))
    one.backplane.lose()
    one.backplane.sink?.reset(room.snapshot())
    t.same((await ana.next()).userList, ['Ana'])
    t.equal((await ana.next()).content, 'after it')
  })

  t.test('lets go who left in that part', async (t) => {
    const { room, one } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    one.backplane.withhold()
    ana.send({ type: 'disconnect', sender: 'Ana' })
    await until('Ana has left the room', () => room.find(keyOf('Ana')) === undefined)
    one.backplane.lose()
    one.backplane.sink?.reset(room.snapshot())
    t.equal((await ana.next()).content, 'Ana ha salido')
    t.equal((await ana.closed()).code, 1000)
  })

  t.test('settles what waited for events of an epoch that is over', async (t) => {
    const { room, one } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    one.backplane.withhold()
    ana.send({ type: 'broadcast', sender: 'Ana', content: 'lost' })
    ana.send({ type: 'list_users', sender: 'Ana' })
    const { offset } = room.snapshot().position
    await until('it was said', () => room.snapshot().position.offset > offset || offset > 1)
    one.backplane.lose()
    const users = room.snapshot().users
    one.backplane.sink?.reset({ position: { epoch: 'another', offset: 1 }, users, bans: [] })
    t.same((await ana.next()).content, ['Ana'])
  })
})

t.test('a node whose room has become another', async (t) => {
  /** The room is another now, and only those that `keep` names are in it. */
  const another = (room: ReturnType<typeof newRoom>, ...keep: string[]) => {
    const users = room.snapshot().users.filter(({ name }) => keep.includes(name))
    return { position: { epoch: 'another', offset: 1 }, users, bans: [] }
  }

  t.test('settles what waited also when somebody is missing there', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    await Client.join(two.url, 'Beto')
    one.backplane.withhold()
    ana.send({ type: 'broadcast', sender: 'Ana', content: 'lost' })
    ana.send({ type: 'list_users', sender: 'Ana' })
    await until('it was said', () => room.snapshot().position.offset === 3)
    one.backplane.lose()
    one.backplane.sink?.reset(another(room, 'Ana'))
    t.equal((await ana.next()).content, 'Beto ha salido')
    t.same((await ana.next()).content, ['Ana'])
  })

  t.test('tells a newcomer who was lost with it, and takes him when he tries again', async (t) => {
    const { room, one } = await twoNodes(t)
    const ana = await Client.open(one.url)
    one.backplane.withhold()
    ana.send({ type: 'register', sender: 'Ana' })
    await until('Ana is in the room', () => room.find(keyOf('Ana')))
    one.backplane.lose()
    one.backplane.sink?.reset(another(room))
    t.match((await ana.next('error')).content, /no está disponible/)
    ana.send({ type: 'register', sender: 'Beto' })
    t.equal((await ana.next('register_success')).type, 'register_success')
  })

  t.test('lets go who left, although the room has forgotten that, and has him leave again', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const beto = await Client.join(two.url, 'Beto')
    const ana = await Client.join(one.url, 'Ana')
    const before = room.snapshot().users
    one.backplane.withhold()
    ana.send({ type: 'disconnect', sender: 'Ana' })
    t.equal((await beto.next()).content, 'Ana ha salido')
    one.backplane.lose()
    const { commit } = one.backplane
    const kinds: string[] = []
    one.backplane.commit = (proposals) => {
      kinds.push(...proposals.map(({ kind }) => kind))
      return commit.call(one.backplane, proposals)
    }
    one.backplane.sink?.reset({ position: { epoch: 'another', offset: 1 }, users: before, bans: [] })
    t.equal((await ana.closed()).code, 1000)
    await until('Ana is to leave again', () => kinds.includes('leave'))
  })

  t.test('tells late what was said before the room was taken', async (t) => {
    const { room, one } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    const frame = Buffer.from('{"type":"broadcast","sender":"Beto","content":"late"}')
    const position = { epoch: 'another', offset: 1 }
    one.backplane.sink?.reset(another(room, 'Ana'), [{ kind: 'said', position, key: keyOf('Beto'), frame }])
    t.equal((await ana.next()).content, 'late')
  })
})

t.test('a node that cannot reach the room', async (t) => {
  t.test(
    'says so to operators and clients, keeps its connections, and goes on when it is back',
    async (t) => {
      const { one } = await twoNodes(t)
      const ana = await Client.join(one.url, 'Ana')
      const ready = async () => (await ask(one.app, '/health/ready')).statusCode
      t.equal(await ready(), 200)
      one.backplane.reachable = false
      one.backplane.sink?.health(false)
      t.equal(await ready(), 503)
      t.equal((await ask(one.app, '/health/live')).statusCode, 200)
      t.equal((await ask(one.app, '/users/Nadie')).statusCode, 503, 'a miss cannot be confirmed')
      for (const frame of [
        { type: 'broadcast', content: 'x' },
        { type: 'private', target: 'Ana', content: 'x' },
        { type: 'private', target: 'Nadie', content: 'x' },
        { type: 'user_info', target: 'Nadie' },
        { type: 'change_status', content: 'OCUPADO' },
      ]) {
        ana.send({ ...frame, sender: 'Ana' })
        t.match((await ana.next()).content, /no está disponible/, frame.type)
      }
      one.backplane.reachable = true
      one.backplane.sink?.health(true)
      t.equal(await ready(), 200)
      ana.send({ type: 'broadcast', sender: 'Ana', content: 'back' })
      t.equal((await ana.next()).content, 'back')
    },
  )

  t.test('refuses a register, which may be tried again on the same connection', async (t) => {
    const { one } = await twoNodes(t)
    const ana = await Client.open(one.url)
    one.backplane.reachable = false
    ana.send({ type: 'register', sender: 'Ana' })
    t.match((await ana.next()).content, /no está disponible/)
    one.backplane.reachable = true
    t.same((await ana.register('Ana')).userList, ['Ana'])
  })

  t.test('closes who asks to leave all the same, and tells the room when it is back', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    const eva = await Client.join(one.url, 'Eva')
    const beto = await Client.join(two.url, 'Beto')
    one.backplane.reachable = false
    ana.send({ type: 'disconnect', sender: 'Ana' })
    t.equal((await ana.closed()).code, 1000)
    eva.break()
    await eva.closed()
    await until('the node knows', () => one.app.node.state === 'up')
    t.ok(room.find(keyOf('Ana')), 'a ghost, for now')
    one.backplane.reachable = true
    one.backplane.sink?.health(true)
    await beto.next('user_disconnected')
    await beto.next('user_disconnected')
    t.same(await list(beto), ['Beto'])
  })
})

t.test('what happens between the snapshot and its arrival is not missed', async (t) => {
  const room = newRoom()
  const first = await startApp(t, {}, { backplane: new DistantBackplane(room), store: room.store })
  const backplane = new DistantBackplane(room)
  const begin = backplane.start.bind(backplane)
  backplane.start = async (...given) => {
    const snapshot = await begin(...given)
    await Client.join(first.url, 'Ana')
    return snapshot
  }
  const late = await startApp(t, {}, { backplane, store: room.store })
  t.same((await (await Client.open(late.url)).register('Beto')).userList, ['Ana', 'Beto'])
})

t.test('a name that the directory does not know yet', async (t) => {
  /** Beto is in the room, but node one has not heard of it. */
  async function unheardOf(t: Test) {
    const { one, two } = await twoNodes(t)
    const ana = await Client.join(one.url, 'Ana')
    one.backplane.withhold()
    const beto = await Client.join(two.url, 'Beto')
    return { one, ana, beto }
  }

  t.test('is looked up for a private message, which then keeps its place', async (t) => {
    const { one, ana, beto } = await unheardOf(t)
    ana.send({ type: 'private', sender: 'Ana', target: 'BETO', content: 'first' })
    ana.send({ type: 'broadcast', sender: 'Ana', content: 'second' })
    t.match(await beto.next(), { type: 'private', target: 'Beto', content: 'first' })
    one.backplane.release()
    t.match(await beto.next(), { type: 'broadcast', content: 'second' })
    t.equal(one.backplane.finds, 1)
  })

  t.test('is looked up for user_info', async (t) => {
    const { one, ana } = await unheardOf(t)
    ana.send({ type: 'user_info', sender: 'Ana', target: 'beto' })
    t.match(await ana.next(), { target: 'Beto', content: { status: 'ACTIVO' } })
    t.equal(one.backplane.finds, 1)
  })

  t.test('is looked up for operators', async (t) => {
    const { one } = await unheardOf(t)
    t.match((await ask(one.app, '/users/beto')).json(), { name: 'Beto' })
    t.equal((await ask(one.app, '/users/eva')).statusCode, 404)
  })

  t.test('is not looked up for a name that is known', async (t) => {
    const { one, ana } = await unheardOf(t)
    ana.send({ type: 'user_info', sender: 'Ana', target: 'ana' })
    await ana.next('user_info_response')
    t.equal(one.backplane.finds, 0)
  })

  t.test('may be gone by the time a private message to it is judged', async (t) => {
    const { one, two } = await twoNodes(t)
    const beto = await Client.join(two.url, 'Beto')
    const ana = await Client.join(one.url, 'Ana')
    one.backplane.withhold()
    beto.send({ type: 'disconnect', sender: 'Beto' })
    await beto.closed()
    ana.send({ type: 'private', sender: 'Ana', target: 'Beto', content: 'too late' })
    t.equal((await ana.next()).content, 'Usuario no encontrado')
  })

  t.test('does nothing for who broke off meanwhile', async (t) => {
    const { one, ana, beto } = await unheardOf(t)
    const gone = ana.closed()
    one.backplane.beforeFind = () => gone.then(() => one.app.node.drain(0, 1000))
    ana.send({ type: 'private', sender: 'Ana', target: 'Beto', content: 'x' })
    await until('the name is looked up', () => one.backplane.finds === 1)
    ana.break()
    t.equal((await beto.next()).content, 'Ana ha salido')
    t.same(await beto.settle(), [])
  })
})

t.test('an owner whose node was swept', async (t) => {
  const password = { password: 'correct horse' }

  t.test('claims his place again as its owner', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const ana = await Client.open(one.url)
    await ana.register('Ana', password)
    const account = room.find(keyOf('Ana'))?.account
    t.ok(account)
    room.sweep(one.backplane.id, Date.now())
    await until('Ana is there again', () => room.find(keyOf('Ana'))?.account === account)
    t.same(await list(ana), ['Ana'])
    const again = await Client.open(two.url)
    await again.register('Ana', password)
    t.match(await ana.closed(), { code: 4005 }, 'and can still take himself over')
  })

  t.test('is closed 4005 when it was himself who took the name meanwhile', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const ana = await Client.open(one.url)
    await ana.register('Ana', password)
    one.backplane.withhold()
    room.sweep(one.backplane.id, Date.now())
    const again = await Client.open(two.url)
    await again.register('Ana', password)
    one.backplane.release()
    t.match(await ana.closed(), { code: 4005 })
    t.same(await list(again), ['Ana'])
  })

  t.test('and a guest is closed 4006 when somebody claimed it', async (t) => {
    const { room, one, two } = await twoNodes(t)
    const guest = await Client.join(one.url, 'Ana')
    one.backplane.withhold()
    room.sweep(one.backplane.id, Date.now())
    const owner = await Client.open(two.url)
    await owner.register('Ana', password)
    one.backplane.release()
    t.match(await guest.closed(), { code: 4006 })
  })
})

t.test('who registers while his ban is on its way is shown out at once', async (t) => {
  const { one, two } = await twoNodes(t)
  const eva = await Client.join(two.url, 'Eva')
  const beto = await Client.open(one.url)
  one.backplane.withhold()
  await two.app.node.decrees.ban({ kind: 'name', value: 'Beto' })
  beto.send({ type: 'register', sender: 'Beto' })
  await until('Beto is in the room', async () => (await ask(two.app, '/users/Beto')).statusCode === 200)
  one.backplane.release()
  t.match(await beto.next(), { type: 'error', content: 'Acceso prohibido' })
  t.match(await beto.closed(), { code: 4004 })
  t.match(await eva.next(), { type: 'user_disconnected', content: 'Beto ha salido' })
})
