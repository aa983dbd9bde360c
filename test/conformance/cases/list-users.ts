import assert from 'node:assert/strict'
import { type Case, decision, source } from '../case.js'
import { isStrings } from '../client.js'
import { expectClosed, expectNext, expectQuiet, expectShown } from '../expect.js'
import { disconnect, hasLeft, listUsers } from '../frames.js'

const it = decision('1.4')

export const listing: Case[] = [
  source('1.4', '4.3')('list_users is answered with the names of those who are there', async (ctx) => {
    const [ana, ...others] = await ctx.trio()
    ana.send(listUsers(ana.name))
    const { content, raw } = await expectShown(ana, { type: 'list_users_response', sender: 'server' })
    assert.ok(isStrings(content), `"content" must be an array of names, came ${raw}`)
    for (const { name } of others) assert.ok(content.includes(name), `${name} in "content", came ${raw}`)
  }),

  it('list_users gives everyone present in the order of joining, the asker included', async (ctx) => {
    const everyone = await ctx.trio()
    const names = everyone.map((client) => client.name)
    for (const client of everyone) {
      client.send(listUsers(client.name))
      const { content } = await expectNext(client, { type: 'list_users_response', sender: 'server' })
      assert.ok(Array.isArray(content), '"content" must be an array of names')
      assert.deepEqual(ctx.own(content.map(String)), names, 'the names of this case in the list')
      assert.equal(new Set(content).size, content.length, 'no name stands twice in the list')
    }
  }),

  it('list_users is answered to the asker alone', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(listUsers(ana.name))
    await expectNext(ana, { type: 'list_users_response' })
    await expectQuiet(ana, beto)
  }),

  it('who has left is no longer in the list, and stands at its end after coming back', async (ctx) => {
    const [ana, beto, carla] = await ctx.trio()
    ana.send(disconnect(ana.name))
    await expectClosed(ana, 1000)
    await expectNext(beto, hasLeft(ana.name))
    assert.deepEqual(await ctx.list(beto), [beto.name, carla.name], 'the names of this case in the list')
    const again = await ctx.join('Ana')
    await ctx.together(beto, again)
    assert.deepEqual(
      await ctx.list(beto),
      [beto.name, carla.name, ana.name],
      'the names of this case in the list',
    )
  }),
]
