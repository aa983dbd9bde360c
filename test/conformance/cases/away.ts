import assert from 'node:assert/strict'
import { type Case, decision } from '../case.js'
import { type Client, DEADLINE_MS, type Frame } from '../client.js'
import { type Context, userOf } from '../context.js'
import { assertFrame, expectClosed, expectStatus, expectUpdate } from '../expect.js'
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
import { MOST_OF, meanwhile } from '../time.js'

const it = decision('1.4')
const NEEDS = ['idle'] as const

/** Many at once are spread over a minute. */
const SPREAD_MS = 60_000

/** Accepted frames: each of them wakes. */
const WAKING: readonly (readonly [what: string, frame: (ana: Client, beto: Client) => object])[] = [
  ['broadcast', (ana) => broadcast(ana.name, 'hola')],
  ['private', (ana, beto) => toOne(ana.name, beto.name, 'hola')],
  ['list_users', (ana) => listUsers(ana.name)],
  ['user_info', (ana, beto) => userInfo(ana.name, beto.name)],
]

export const away: Case[] = [
  it(
    'who is ACTIVO and sends nothing becomes INACTIVO in time, not before; everyone is told',
    async (ctx) => {
      const beto = await ctx.join('Beto')
      const start = Date.now()
      const ana = await ctx.join('Ana')
      await goesAway(ctx, beto, ana)
      const part = (Date.now() - start) / ctx.timer('idle')
      assert.ok(part >= MOST_OF, `it must have its time, and was INACTIVO after ${part.toFixed(2)} of it`)
      await expectUpdate(ana, ana.name, 'INACTIVO')
      await expectStatus(beto, ana.name, 'INACTIVO')
    },
    NEEDS,
  ),

  ...WAKING.map(([what, frame]) =>
    it(
      `its next accepted frame makes it ACTIVO again, and everyone is told: ${what}`,
      async (ctx) => {
        const [ana, beto] = await ctx.pair()
        await goesAway(ctx, beto, ana)
        await expectUpdate(ana, ana.name, 'INACTIVO')
        ana.send(frame(ana, beto))
        await expectUpdate(beto, ana.name, 'ACTIVO')
        await expectUpdate(ana, ana.name, 'ACTIVO')
        await expectStatus(beto, ana.name, 'ACTIVO')
      },
      NEEDS,
    ),
  ),

  it(
    'a frame that is refused does not wake',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      await goesAway(ctx, beto, ana)
      await expectUpdate(ana, ana.name, 'INACTIVO')
      for (const frame of [
        'basura',
        broadcast(beto.name, 'hola'),
        broadcast(ana.name, ''),
        register(ana.name),
      ]) {
        ana.send(frame)
        assertFrame(await nextAbout(ana, ana), { type: 'error', sender: 'server' })
      }
      await expectStatus(beto, ana.name, 'INACTIVO')
    },
    NEEDS,
  ),

  it(
    'who was woken becomes INACTIVO again',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      await goesAway(ctx, beto, ana)
      ana.send(listUsers(ana.name))
      await expectUpdate(beto, ana.name, 'ACTIVO')
      await goesAway(ctx, beto, ana)
    },
    NEEDS,
  ),

  it(
    'who sends something now and then stays ACTIVO',
    async (ctx) => {
      const ana = await ctx.join('Ana')
      const beto = await ctx.join('Beto')
      await meanwhile(goesAway(ctx, beto, beto), ctx.timer('idle') / 4, () =>
        ana.send(broadcast(ana.name, 'sigo aquí')),
      )
      assert.deepEqual(await told(ana, ana), [], 'no status_update about who was not silent')
    },
    NEEDS,
  ),

  it(
    'who is OCUPADO is left alone',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      ana.send(changeStatus(ana.name, 'OCUPADO'))
      await expectUpdate(beto, ana.name, 'OCUPADO')
      await longSilence(ctx, beto)
      await expectStatus(beto, ana.name, 'OCUPADO')
    },
    NEEDS,
  ),

  it(
    'who chose INACTIVO is not made ACTIVO, however long it was silent',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      ana.send(changeStatus(ana.name, 'INACTIVO'))
      await expectUpdate(beto, ana.name, 'INACTIVO')
      await longSilence(ctx, beto)
      assert.deepEqual(await told(ana, ana), ['INACTIVO'], 'the only status_update is that of its choice')
      await expectStatus(beto, ana.name, 'INACTIVO')
    },
    NEEDS,
  ),

  ...['OCUPADO', 'ACTIVO'].map((status) =>
    it(
      `a change_status takes the place of the waking update: to ${status}`,
      async (ctx) => {
        const [ana, beto] = await ctx.pair()
        await goesAway(ctx, beto, ana)
        ana.send(changeStatus(ana.name, status))
        await expectUpdate(beto, ana.name, status)
        assert.deepEqual(
          await told(ana, ana),
          ['INACTIVO', status],
          'what everyone was told about its status',
        )
        assert.deepEqual(await told(beto, ana), [], 'nothing more is said about its status')
      },
      NEEDS,
    ),
  ),

  it(
    'a change_status to INACTIVO by who is away changes nothing: it is answered to the asker alone',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      await goesAway(ctx, beto, ana)
      await expectUpdate(ana, ana.name, 'INACTIVO')
      ana.send(changeStatus(ana.name, 'INACTIVO'))
      assertFrame(await nextAbout(ana, ana), nowHas(ana.name, 'INACTIVO'))
      assert.deepEqual(await told(beto, ana), [], 'nothing is said to others about its status')
      await expectStatus(beto, ana.name, 'INACTIVO')
    },
    NEEDS,
  ),

  it(
    'a disconnect takes the place of the waking update',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      await goesAway(ctx, beto, ana)
      ana.send(disconnect(ana.name))
      await expectClosed(ana, 1000)
      assertFrame(await nextAbout(beto, ana), hasLeft(ana.name))
      assertFrame(await nextAbout(ana, ana), nowHas(ana.name, 'INACTIVO'))
      assertFrame(await nextAbout(ana, ana), hasLeft(ana.name))
    },
    NEEDS,
  ),
]

/** Waits until `witness` is told that `who` has become INACTIVO. */
async function goesAway(ctx: Context, witness: Client, who: Client): Promise<void> {
  await expectUpdate(witness, who.name, 'INACTIVO', ctx.timer('idle') + SPREAD_MS + DEADLINE_MS)
}

/** Waits for twice the time after which `witness` is away. */
async function longSilence(ctx: Context, witness: Client): Promise<void> {
  await goesAway(ctx, witness, witness)
  witness.send(listUsers(witness.name))
  await expectUpdate(witness, witness.name, 'ACTIVO')
  await goesAway(ctx, witness, witness)
}

/** The next frame, but for what is said about the status of others: they fall silent, too. */
async function nextAbout(client: Client, who: Client): Promise<Frame> {
  for (;;) {
    const frame = await client.next()
    if (frame.type !== 'status_update' || userOf(frame.content) === who.name) return frame
  }
}

/** What a client has been told about the status of `who`, and not been asked for yet. */
async function told(client: Client, who: Client): Promise<string[]> {
  const updates = (await client.settle()).filter(({ type }) => type === 'status_update')
  return updates.flatMap(({ content }) => {
    const status =
      typeof content === 'object' && content !== null && 'status' in content ? content.status : ''
    return userOf(content) === who.name ? [String(status)] : []
  })
}
