import assert from 'node:assert/strict'
import { type Case, decision } from '../case.js'
import { type Client, DEADLINE_MS } from '../client.js'
import type { Context } from '../context.js'
import { expectClosed } from '../expect.js'
import { listUsers, register } from '../frames.js'
import { MOST_OF, meanwhile } from '../time.js'

const it = decision('1.2')
const NEEDS = ['register'] as const

export const deadline: Case[] = [
  it(
    'a connection that has not registered in time is closed 4001, not before',
    async (ctx) => {
      const start = Date.now()
      const client = await ctx.open()
      await closedForIt(ctx, client)
      const part = (Date.now() - start) / ctx.timer('register')
      assert.ok(part >= MOST_OF, `it must have its time, and was closed after ${part.toFixed(2)} of it`)
      assert.deepEqual(client.unread, [], 'no frame is sent before the close')
    },
    NEEDS,
  ),

  it(
    'frames that are refused and registers that fail do not put it off',
    async (ctx) => {
      const ana = await ctx.join('Ana')
      const client = await ctx.open()
      await meanwhile(closedForIt(ctx, client), ctx.timer('register') / 4, () => {
        for (const frame of [listUsers('nadie'), register(ana.name), 'basura']) client.send(frame)
      })
    },
    NEEDS,
  ),

  it(
    'a connection that registered in time stays',
    async (ctx) => {
      const ana = await ctx.join('Ana')
      await closedForIt(ctx, await ctx.open())
      assert.deepEqual(await ctx.list(ana), [ana.name], 'the names of this case in the list')
    },
    NEEDS,
  ),

  it(
    'nobody is told that it was closed',
    async (ctx) => {
      const client = await ctx.open()
      const ana = await ctx.join('Ana')
      await closedForIt(ctx, client)
      const left = (await ana.settle()).filter(({ type }) => type === 'user_disconnected')
      assert.deepEqual(left, [], 'no user_disconnected')
    },
    NEEDS,
  ),
]

function closedForIt(ctx: Context, client: Client): Promise<void> {
  return expectClosed(client, 4001, ctx.timer('register') + DEADLINE_MS)
}
