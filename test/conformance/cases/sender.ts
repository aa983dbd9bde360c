import { type Case, decision } from '../case.js'
import type { Client } from '../client.js'
import type { Context } from '../context.js'
import { expectAllNext, expectNext, expectQuiet, expectRefused, expectStatus } from '../expect.js'
import {
  broadcast,
  changeStatus,
  disconnect,
  hasLeft,
  listUsers,
  nowHas,
  toOne,
  userInfo,
} from '../frames.js'

const it = decision('1.2')

/** Names that are not that of the session, though a server might take them for it. */
const WRONG: readonly (readonly [what: string, sender: (ctx: Context, beto: Client) => string])[] = [
  ['of somebody else who is present', (_ctx, beto) => beto.name],
  ['that nobody has', (ctx) => ctx.name('Nadie')],
  ['"server"', () => 'server'],
  ['that is empty', () => ''],
  ['with a space behind it', (ctx) => `${ctx.name('Ana')} `],
]

export const sender: Case[] = [
  ...WRONG.map(([what, wrong]) =>
    it(`a frame that speaks for a sender ${what} is refused, and nothing is sent`, async (ctx) => {
      const [ana, beto] = await ctx.pair()
      const name = wrong(ctx, beto)
      for (const frame of [
        broadcast(name, 'hola'),
        toOne(name, beto.name, 'hola'),
        changeStatus(name, 'OCUPADO'),
        disconnect(name),
      ]) {
        await expectRefused(ana, frame)
      }
      await expectQuiet(beto)
      await expectStatus(beto, ana.name, 'ACTIVO')
      await expectStatus(beto, beto.name, 'ACTIVO')
    }),
  ),

  it('the sender is compared as names are, and frames show the name as it was registered', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const both = [ana, beto]
    const shouted = ana.name.toUpperCase()
    ana.send(broadcast(shouted, 'hola'))
    await expectAllNext(both, { type: 'broadcast', sender: ana.name, content: 'hola' })
    ana.send(toOne(shouted, beto.name, 'hola'))
    await expectNext(beto, { type: 'private', sender: ana.name, target: beto.name, content: 'hola' })
    ana.send(changeStatus(shouted, 'OCUPADO'))
    await expectAllNext(both, nowHas(ana.name, 'OCUPADO'))
    ana.send(disconnect(shouted))
    await expectAllNext(both, hasLeft(ana.name))
  }),

  it('the sender is ignored on list_users and user_info, which only ask', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    for (const name of ['usuario1', 'server', '', beto.name, ctx.name('Nadie')]) {
      ana.send(listUsers(name))
      await expectNext(ana, { type: 'list_users_response' })
      ana.send(userInfo(name, beto.name))
      await expectNext(ana, { type: 'user_info_response', target: beto.name })
    }
    await expectQuiet(ana, beto)
  }),
]
