import assert from 'node:assert/strict'
import { type Case, decision, source } from '../case.js'
import type { Client } from '../client.js'
import type { Context } from '../context.js'
import {
  assertFrame,
  expectClosed,
  expectError,
  expectNext,
  expectQuiet,
  expectRefused,
  expectShown,
  expectStranger,
} from '../expect.js'
import { broadcast, changeStatus, disconnect, listUsers, register, toOne, userInfo } from '../frames.js'

const it = decision('1.4')
const before = decision('1.2')

const RIVALS = 25

const CONTENTS: readonly (readonly [make: typeof it, what: string, fields: { content?: unknown }])[] = [
  [source('1.4', '4.1'), 'null', { content: null }],
  // As the sample client sends it.
  [source('1.4', '6'), 'absent', {}],
  [it, 'an empty string', { content: '' }],
  [it, 'a string, which is ignored', { content: '{"history":10}' }],
]

export const registering: Case[] = [
  ...CONTENTS.map(([make, what, fields]) =>
    make(`register succeeds with a content that is ${what}`, async (ctx) => {
      const client = await ctx.open()
      client.send({ type: 'register', sender: ctx.name('Ana'), ...fields })
      const wanted = { type: 'register_success', sender: 'server', content: 'Registro exitoso' }
      const { userList, raw } = await expectShown(client, wanted)
      assert.ok(userList, `"userList" must be an array of names, came ${raw}`)
    }),
  ),

  source('1.4', '4.1')('register_success has a list of those who are there', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const client = await ctx.open()
    const { userList = [], raw } = await client.register(ctx.name('Carla'))
    for (const { name } of [ana, beto])
      assert.ok(userList.includes(name), `${name} in "userList", came ${raw}`)
  }),

  it('register_success is the first frame and the only one', async (ctx) => {
    const client = await ctx.open()
    client.name = ctx.name('Ana')
    client.send(register(client.name))
    const { userList } = await expectNext(client, { type: 'register_success' })
    assert.deepEqual(ctx.own(userList), [client.name], 'the own name in "userList"')
    await expectQuiet(client)
  }),

  it('register is refused with a content that is a number, a boolean or an array', async (ctx) => {
    const client = await ctx.open()
    for (const content of [7, true, false, [], [null]]) {
      client.send({ ...register(ctx.name('Ana')), content })
      await expectError(client)
      await expectStranger(client)
    }
    await client.register(ctx.name('Ana'))
  }),

  it('userList has everyone in the order of joining, the new one last', async (ctx) => {
    const expected: string[] = []
    for (const label of ['Zoe', 'Ana', 'Mar', 'Beto']) {
      const client = await ctx.open({ label })
      const name = ctx.name(label)
      expected.push(name)
      const { userList = [], raw } = await client.register(name)
      assert.deepEqual(ctx.own(userList), expected, 'the own names in "userList"')
      assert.equal(userList.at(-1), name, `the new name must be the last one in ${raw}`)
      await expectQuiet(client)
    }
  }),

  it('a name in use is an error with "El usuario ya existe"; the connection may try another name', async (ctx) => {
    const ana = await ctx.join('Ana')
    const client = await ctx.open()
    for (const _attempt of [1, 2, 3]) {
      client.send(register(ana.name))
      await expectError(client, 'El usuario ya existe')
      await expectStranger(client)
    }
    const { userList } = await client.register(ctx.name('Beto'))
    assert.deepEqual(ctx.own(userList), [ana.name, client.name], 'the own names in "userList"')
    await expectQuiet(ana, client)
  }),

  it('a second register on a registered session is an error and changes nothing', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    for (const name of [ana.name, ctx.name('Otra'), beto.name, '']) await expectRefused(ana, register(name))
    assert.deepEqual(await ctx.list(beto), [ana.name, beto.name], 'the names of this case in the list')
    ana.send(broadcast(ana.name, 'soy la misma'))
    await expectNext(beto, { type: 'broadcast', sender: ana.name, content: 'soy la misma' })
  }),

  it('of many who register one name at once exactly one gets it', async (ctx) => {
    const name = ctx.name('Ana')
    const rivals = await openMany(ctx, RIVALS)
    for (const rival of rivals) rival.send(register(name))
    let winners = 0
    for (const rival of rivals) {
      const answer = await rival.next()
      if (answer.type === 'register_success') winners += 1
      else
        assert.match(
          String(answer.content),
          /El usuario ya existe/,
          `the others must be told so, came ${answer.raw}`,
        )
    }
    assert.equal(winners, 1, `how many of ${RIVALS} got the name`)
    const witness = await ctx.join('Testigo')
    assert.deepEqual(await ctx.list(witness), [name, witness.name], 'the names of this case in the list')
  }),

  it('of many who register different names at once everyone sees the same order of joining', async (ctx) => {
    const clients = await openMany(ctx, RIVALS)
    for (const [index, client] of clients.entries()) client.send(register(ctx.name(`Ana ${index}`)))
    const lists: string[][] = []
    for (const client of clients) {
      const answer = await client.next()
      assertFrame(answer, { type: 'register_success' })
      lists.push(ctx.own(answer.userList))
    }
    const witness = await ctx.join('Testigo')
    const all = (await ctx.list(witness)).slice(0, -1)
    assert.equal(all.length, RIVALS, `how many are in the list: ${all.join(', ')}`)
    for (const [index, list] of lists.entries()) {
      assert.equal(list.at(-1), ctx.name(`Ana ${index}`), 'the new one must be the last one')
      assert.deepEqual(
        list,
        all.slice(0, list.length),
        'each "userList" must be the beginning of the final list',
      )
    }
  }),

  it('nobody is told of a join, nor of one that is refused', async (ctx) => {
    const ana = await ctx.join('Ana')
    await ctx.join('Beto')
    const client = await ctx.open()
    client.send(register(ana.name))
    await expectError(client)
    await expectQuiet(ana)
  }),

  before('before register any other frame is refused with "Debes registrarte primero"', async (ctx) => {
    const ana = await ctx.join('Ana')
    const client = await ctx.open()
    const name = ctx.name('Beto')
    for (const frame of [
      broadcast(name, 'hola'),
      broadcast(ana.name, 'hola'),
      toOne(name, ana.name, 'hola'),
      toOne(name, ctx.name('Nadie'), 'hola'),
      listUsers(name),
      userInfo(name, ana.name),
      changeStatus(name, 'OCUPADO'),
    ]) {
      client.send(frame)
      await expectError(client, 'Debes registrarte primero')
    }
    await expectStranger(client)
    await client.register(name)
    await expectQuiet(ana)
  }),

  before('before register disconnect closes 1000, and nobody is told', async (ctx) => {
    const ana = await ctx.join('Ana')
    for (const name of [ctx.name('Beto'), ana.name, '']) {
      const client = await ctx.open()
      client.send(disconnect(name))
      await expectClosed(client, 1000)
      assert.deepEqual(client.unread, [], 'nothing is sent before the close')
    }
    await expectQuiet(ana)
  }),

  before(
    'a connection that is not registered is sent nothing, and nobody is told when it ends',
    async (ctx) => {
      const client = await ctx.open()
      const [ana, beto] = await ctx.pair()
      ana.send(broadcast(ana.name, 'hola'))
      await expectNext(ana, { type: 'broadcast' })
      await expectNext(beto, { type: 'broadcast' })
      await expectStranger(client)
      await client.close()
      await expectQuiet(ana, beto)
    },
  ),
]

async function openMany(ctx: Context, count: number): Promise<Client[]> {
  const clients: Client[] = []
  for (let index = 0; index < count; index++) clients.push(await ctx.open())
  return clients
}
