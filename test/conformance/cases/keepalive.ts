import assert from 'node:assert/strict'
import { type Case, decision } from '../case.js'
import { type Client, DEADLINE_MS } from '../client.js'
import type { Context } from '../context.js'
import { assertFrame, expectControl } from '../expect.js'
import { broadcast, hasLeft, listUsers } from '../frames.js'
import { MOST_OF, meanwhile } from '../time.js'
import { textFrame } from '../wire.js'

const it = decision('1.1')
const NEEDS = ['ping'] as const

/** What counts as life though no ping is answered. */
const LIFE: readonly (readonly [what: string, beat: (client: Client) => void])[] = [
  ['frames of text', (client) => client.send(broadcast(client.name, 'sigo aquí'))],
  ['pings of its own', (client) => client.ws.ping()],
  ['pongs that nobody asked for', (client) => client.ws.pong()],
]

export const keepalive: Case[] = [
  it(
    'the server pings, again and again',
    async (ctx) => {
      const ana = await ctx.join('Ana')
      for (const _ping of [1, 2, 3]) {
        await expectControl(ana, 'ping', ctx.timer('ping') + DEADLINE_MS)
      }
    },
    NEEDS,
  ),

  it(
    'a connection is pinged before it has registered, too',
    async (ctx) => {
      const client = await ctx.open()
      await expectControl(client, 'ping', ctx.timer('ping') + DEADLINE_MS)
    },
    NEEDS,
  ),

  it(
    'a connection silent for three intervals is ended, not before, and everyone else is told',
    async (ctx) => {
      const ana = await ctx.join('Ana')
      const start = Date.now()
      const silent = await ctx.join('Callado', { autoPong: false })
      await ended(ctx, silent)
      const intervals = (Date.now() - start) / ctx.timer('ping')
      assert.ok(
        intervals >= 3 * MOST_OF,
        `it must live for 3 intervals, and was ended after ${intervals.toFixed(2)}`,
      )
      assertFrame(await ana.next('user_disconnected'), hasLeft(silent.name))
    },
    NEEDS,
  ),

  it(
    'a connection that only answers pings lives on',
    async (ctx) => {
      const ana = await ctx.join('Ana')
      await longSilence(ctx)
      assert.deepEqual(await ctx.list(ana), [ana.name], 'the names of this case in the list')
    },
    NEEDS,
  ),

  ...LIFE.map(([what, beat]) =>
    it(
      `any byte counts as life: ${what}, though pings are not answered`,
      async (ctx) => {
        const ana = await ctx.join('Ana', { autoPong: false })
        await beating(ctx, () => beat(ana))
        assert.deepEqual(await ctx.list(ana), [ana.name], 'the names of this case in the list')
      },
      NEEDS,
    ),
  ),

  it(
    'any byte counts as life: those of a frame that comes one byte at a time',
    async (ctx) => {
      const ana = await ctx.join('Ana', { autoPong: false })
      const bytes = [...textFrame(JSON.stringify(listUsers(ana.name)))]
      await beating(ctx, () => ana.socket.write(Uint8Array.from(bytes.splice(0, 1))))
      ana.socket.write(Uint8Array.from(bytes))
      await ana.next('list_users_response')
    },
    NEEDS,
  ),
]

/** Lets a beat come twice an interval for twice as long as a silent connection lives. */
function beating(ctx: Context, beat: () => void): Promise<void> {
  return meanwhile(longSilence(ctx), ctx.timer('ping') / 2, beat)
}

/** Resolves when two connections, one after the other, have been ended for their silence. */
async function longSilence(ctx: Context): Promise<void> {
  for (const label of ['silent', 'silent too']) await ended(ctx, await ctx.open({ label, autoPong: false }))
}

async function ended(ctx: Context, silent: Client): Promise<void> {
  await silent.closed(5 * ctx.timer('ping') + DEADLINE_MS)
}
