import t, { type Test } from 'tap'
import { Client } from '../conformance/client.js'
import { startApp } from '../support/app.js'
import { DistantBackplane, newRoom } from '../support/shared.js'

/** Two nodes of one room. */
async function twoNodes(t: Test, eventsFirst: boolean) {
  const room = newRoom()
  const nodes = []
  for (const label of ['one', 'two']) {
    const backplane = new DistantBackplane(room)
    backplane.eventsFirst = eventsFirst
    const app = await startApp(t, { NODE_ID: label }, { backplane, store: room.store })
    nodes.push({ backplane, app, url: app.url })
  }
  const [one, two] = nodes
  if (!one || !two) throw new Error('no nodes')
  return { room, one, two }
}

for (const eventsFirst of [true, false]) {
  t.test(`when ${eventsFirst ? 'events come before' : 'outcomes come before'} the other`, async (t) => {
    t.test('register_success lists all who registered before, wherever, and the new one last', async (t) => {
      const { one, two } = await twoNodes(t, eventsFirst)
      const ana = await Client.open(one.url)
      t.same((await ana.register('Ana')).userList, ['Ana'])
      const beto = await Client.open(two.url)
      t.same((await beto.register('Beto')).userList, ['Ana', 'Beto'])
    })

    t.test('a name is owned once, in whatever way it is written', async (t) => {
      const { one, two } = await twoNodes(t, eventsFirst)
      await Client.join(one.url, 'Ana')
      const other = await Client.open(two.url)
      other.send({ type: 'register', sender: 'ANA' })
      t.equal((await other.next('error')).content, 'El usuario ya existe')
      t.same((await other.register('Eva')).userList, ['Ana', 'Eva'])
    })

    t.test('what is pipelined takes effect in order, private messages too', async (t) => {
      const { one, two } = await twoNodes(t, eventsFirst)
      const beto = await Client.join(two.url, 'Beto')
      const ana = await Client.open(one.url)
      ana.send({ type: 'register', sender: 'Ana' })
      ana.send({ type: 'broadcast', sender: 'Ana', content: '1' })
      ana.send({ type: 'private', sender: 'Ana', target: 'Beto', content: '2' })
      ana.send({ type: 'change_status', sender: 'Ana', content: 'OCUPADO' })
      ana.send({ type: 'user_info', sender: 'Ana', target: 'Ana' })
      ana.send({ type: 'private', sender: 'Ana', target: 'Nadie', content: 'x' })
      ana.send({ type: 'broadcast', sender: 'Ana', content: '3' })
      ana.send({ type: 'list_users', sender: 'Ana' })
      ana.send({ type: 'change_status', sender: 'Ana', content: 'ocupado' })
      ana.send({ type: 'disconnect', sender: 'Ana' })
      ana.send({ type: 'broadcast', sender: 'Ana', content: 'not heard' })
      const seen = []
      for (let count = 0; count < 9; count += 1) seen.push((await ana.next()).type)
      t.same(seen, [
        'register_success',
        'broadcast',
        'status_update',
        'user_info_response',
        'error',
        'broadcast',
        'list_users_response',
        'status_update',
        'user_disconnected',
      ])
      t.equal((await ana.closed()).code, 1000)
      const heard = []
      for (let count = 0; count < 5; count += 1) heard.push(await beto.next())
      t.same(
        heard.map(({ type }) => type),
        ['broadcast', 'private', 'status_update', 'broadcast', 'user_disconnected'],
      )
      t.same(await beto.settle(), [])
    })

    t.test('everyone sees the same broadcasts in the same order', async (t) => {
      const { one, two } = await twoNodes(t, eventsFirst)
      const ana = await Client.join(one.url, 'Ana')
      const beto = await Client.join(two.url, 'Beto')
      for (let count = 0; count < 200; count += 1) {
        ana.send({ type: 'broadcast', sender: 'Ana', content: `a${count}` })
        beto.send({ type: 'broadcast', sender: 'Beto', content: `b${count}` })
      }
      const heard = async (client: Client) => {
        const texts: unknown[] = []
        while (texts.length < 400) texts.push((await client.next('broadcast')).content)
        return texts
      }
      const [first, second] = await Promise.all([heard(ana), heard(beto)])
      t.same(first, second)
      const own = first.filter((text) => String(text).startsWith('a'))
      t.same(
        own,
        Array.from({ length: 200 }, (_, count) => `a${count}`),
      )
    })

    t.test('who breaks off is gone for everyone, and the name is free', async (t) => {
      const { one, two } = await twoNodes(t, eventsFirst)
      const ana = await Client.join(one.url, 'Ana')
      const beto = await Client.join(two.url, 'Beto')
      ana.break()
      t.equal((await beto.next('user_disconnected')).content, 'Ana ha salido')
      const again = await Client.open(two.url)
      t.same((await again.register('ana')).userList, ['Beto', 'ana'])
    })

    t.test('who breaks off while registering does not stay on the list', async (t) => {
      const { one, two } = await twoNodes(t, eventsFirst)
      const beto = await Client.join(two.url, 'Beto')
      const ana = await Client.open(one.url)
      one.backplane.withhold()
      ana.send({ type: 'register', sender: 'Ana' })
      await waitFor(t, beto, ['Beto', 'Ana'])
      ana.break()
      await ana.closed()
      one.backplane.release()
      t.equal((await beto.next('user_disconnected')).content, 'Ana ha salido')
      await waitFor(t, beto, ['Beto'])
    })
  })
}

/** Asks for the list until it is as it must become. */
async function waitFor(t: Test, client: Client, list: string[]): Promise<void> {
  for (;;) {
    client.send({ type: 'list_users', sender: client.name })
    const { content } = await client.next('list_users_response')
    if (JSON.stringify(content) === JSON.stringify(list)) break
  }
  t.pass(`the list became ${list}`)
}
