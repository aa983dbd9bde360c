import assert from 'node:assert/strict'
import { type Case, decision } from '../case.js'
import type { Client } from '../client.js'
import { expectClosed, expectError, expectNext, expectQuiet } from '../expect.js'
import {
  broadcast,
  changeStatus,
  disconnect,
  hasLeft,
  listUsers,
  nowHas,
  register,
  toOne,
  userInfo,
} from '../frames.js'

const it = decision('1.2')
const total = decision('1.4')

const MANY = 100

const messages = (label: string) => Array.from({ length: MANY }, (_, index) => `${label} ${index}`)

export const order: Case[] = [
  it('register and everything behind it in one go take effect in the order in which they were sent', async (ctx) => {
    const name = ctx.name('Ana')
    const client = await ctx.open()
    client.sendAll([
      register(name),
      broadcast(name, 'uno'),
      listUsers(name),
      toOne(name, name, 'dos'),
      changeStatus(name, 'OCUPADO'),
      userInfo(name, name),
      disconnect(name),
    ])
    await expectNext(client, { type: 'register_success' })
    await expectNext(client, { type: 'broadcast', sender: name, content: 'uno' })
    const list = await expectNext(client, { type: 'list_users_response' })
    assert.ok(
      Array.isArray(list.content) && list.content.includes(name),
      `${name} in the list, came ${list.raw}`,
    )
    await expectNext(client, { type: 'private', sender: name, target: name, content: 'dos' })
    await expectNext(client, nowHas(name, 'OCUPADO'))
    const info = await expectNext(client, { type: 'user_info_response', target: name })
    assert.match(info.raw, /"status":\s*"OCUPADO"/, 'the answer must show the change before it')
    await expectNext(client, hasLeft(name))
    await expectClosed(client, 1000)
  }),

  it('what follows a register that fails is refused as coming before one', async (ctx) => {
    const ana = await ctx.join('Ana')
    const client = await ctx.open()
    const name = ctx.name('Beto')
    client.sendAll([
      register(ana.name),
      broadcast(ana.name, 'soy Ana'),
      register('server'),
      listUsers('server'),
      register(name),
      register(ctx.name('Carla')),
      broadcast(name, 'soy Beto'),
    ])
    await expectError(client, 'El usuario ya existe')
    await expectError(client, 'Debes registrarte primero')
    await expectError(client)
    await expectError(client, 'Debes registrarte primero')
    await expectNext(client, { type: 'register_success' })
    await expectError(client)
    await expectNext(client, { type: 'broadcast', sender: name, content: 'soy Beto' })
    await expectNext(ana, { type: 'broadcast', sender: name, content: 'soy Beto' })
    client.name = name
    await expectQuiet(ana, client)
  }),

  it(`${MANY} broadcasts in one go come to everyone, in order, each once`, async (ctx) => {
    const both = await ctx.pair()
    const [ana] = both
    const sent = messages('mensaje')
    ana.sendAll(sent.map((content) => broadcast(ana.name, content)))
    for (const client of both) assert.deepEqual(await contents(client, MANY), sent, 'the messages in order')
    await expectQuiet(...both)
  }),

  it('broadcasts and private messages of one sender keep their order', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const sent = messages('mensaje')
    ana.sendAll(
      sent.map((content, index) =>
        index % 2 === 0 ? broadcast(ana.name, content) : toOne(ana.name, beto.name, content),
      ),
    )
    assert.deepEqual(await contents(beto, MANY), sent, 'the messages in order')
    await expectQuiet(beto)
  }),

  it('errors come in their place among the answers', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.sendAll([
      broadcast(ana.name, 'uno'),
      'basura',
      broadcast(ana.name, 'dos'),
      toOne(ana.name, ctx.name('Nadie'), 'hola'),
      listUsers(ana.name),
      broadcast(ana.name, ''),
      broadcast(ana.name, 'tres'),
    ])
    await expectNext(ana, { type: 'broadcast', content: 'uno' })
    await expectError(ana)
    await expectNext(ana, { type: 'broadcast', content: 'dos' })
    await expectError(ana, 'Usuario no encontrado')
    await expectNext(ana, { type: 'list_users_response' })
    await expectError(ana)
    await expectNext(ana, { type: 'broadcast', content: 'tres' })
    await expectQuiet(ana)
  }),

  it("an answer shows the effect of the session's own earlier frames", async (ctx) => {
    const ana = await ctx.join('Ana')
    const changes = Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? 'OCUPADO' : 'INACTIVO'))
    ana.sendAll(changes.flatMap((status) => [changeStatus(ana.name, status), userInfo(ana.name, ana.name)]))
    for (const status of changes) {
      const { raw } = await ana.next('user_info_response')
      assert.match(raw, new RegExp(`"status":\\s*"${status}"`), 'the status that was just set')
    }
  }),

  it('everything sent before a disconnect takes effect, and nothing that is sent behind it', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const sent = messages('mensaje')
    ana.sendAll([
      ...sent.map((content) => broadcast(ana.name, content)),
      disconnect(ana.name),
      broadcast(ana.name, 'demasiado tarde'),
      toOne(ana.name, beto.name, 'demasiado tarde'),
      'basura',
    ])
    for (const client of [ana, beto]) {
      assert.deepEqual(await contents(client, MANY), sent, 'the messages in order')
      await expectNext(client, hasLeft(ana.name))
    }
    await expectClosed(ana, 1000)
    assert.deepEqual(ana.unread, [], 'nothing comes after user_disconnected')
    await expectQuiet(beto)
  }),

  total('all sessions see all broadcasts in the same order, those of each sender in its own', async (ctx) => {
    const everyone = await ctx.trio()
    for (const client of everyone) {
      client.sendAll(messages(client.name).map((content) => broadcast(client.name, content)))
    }
    const [first, ...others] = await Promise.all(everyone.map((client) => contents(client, 3 * MANY)))
    assert.ok(first !== undefined)
    for (const other of others) assert.deepEqual(other, first, 'all must see the same order')
    for (const { name } of everyone) {
      const own: string[] = first.filter((content) => content.startsWith(name))
      assert.deepEqual(own, messages(name), `the messages of ${name} in the order of sending`)
    }
    await expectQuiet(...everyone)
  }),

  total(
    'a sender that is faster than its limit is slowed: nothing is lost, and nobody is cut off',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      const sent = Array.from({ length: 1_500 }, (_, index) => `mensaje ${index}`)
      ana.sendAll(sent.map((content) => broadcast(ana.name, content)))
      for (const client of [ana, beto]) {
        assert.deepEqual(await contents(client, sent.length), sent, 'the messages in order')
      }
      assert.deepEqual(await ctx.list(ana), [ana.name, beto.name], 'the names of this case in the list')
    },
    ['load'],
  ),
]

/** The contents of the next messages; checks that they are messages. */
async function contents(client: Client, count: number): Promise<string[]> {
  const came: string[] = []
  while (came.length < count) {
    const { type, content, raw } = await client.next()
    assert.ok(
      type === 'broadcast' || type === 'private',
      `message ${came.length + 1} of ${count}, came ${raw}`,
    )
    came.push(String(content))
  }
  return came
}
