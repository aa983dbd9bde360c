import { type Case, decision, source } from '../case.js'
import { expectAllNext, expectNext, expectQuiet, expectRefused, expectShown } from '../expect.js'
import { broadcast, stamped } from '../frames.js'
import { ACCEPTED, REFUSED } from './contents.js'

const it = decision('1.4')

export const broadcasting: Case[] = [
  source('1.4', '4.2.1')('a broadcast comes to everyone else', async (ctx) => {
    const [ana, ...others] = await ctx.trio()
    ana.send(stamped(broadcast(ana.name, 'hola a todos')))
    for (const other of others) {
      await expectShown(other, { type: 'broadcast', sender: ana.name, content: 'hola a todos' })
    }
  }),

  it('a broadcast goes to every registered session, the sender too, once', async (ctx) => {
    const everyone = await ctx.trio()
    const [, beto] = everyone
    beto.send(broadcast(beto.name, 'hola a todos'))
    await expectAllNext(everyone, {
      type: 'broadcast',
      sender: beto.name,
      content: 'hola a todos',
    })
    await expectQuiet(...everyone)
  }),

  ...ACCEPTED.map(([what, content]) =>
    it(`a broadcast carries its content unchanged: ${what}`, async (ctx) => {
      const both = await ctx.pair()
      const [ana] = both
      ana.send(broadcast(ana.name, content))
      await expectAllNext(both, { type: 'broadcast', sender: ana.name, content })
    }),
  ),

  ...REFUSED.map(([what, content]) =>
    it(`a broadcast is refused, and nothing is sent, when its content is ${what}`, async (ctx) => {
      const [ana, beto] = await ctx.pair()
      await expectRefused(ana, broadcast(ana.name, content))
      await expectQuiet(beto)
    }),
  ),

  it('somebody who comes later does not get earlier broadcasts', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.send(broadcast(ana.name, 'antes'))
    await expectNext(ana, { type: 'broadcast', content: 'antes' })
    const beto = await ctx.join('Beto')
    await expectQuiet(beto)
  }),
]
