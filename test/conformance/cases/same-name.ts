import assert from 'node:assert/strict'
import { type Case, decision } from '../case.js'
import { expectError, expectNext, expectQuiet } from '../expect.js'
import { broadcast, listUsers, register, toOne, userInfo } from '../frames.js'

const it = decision('1.3')

/** Two ways to write one name. */
const SAME: readonly (readonly [what: string, one: string, other: string])[] = [
  ['in another case', 'Ana', 'ANA'],
  ['in another case, with an accent', 'Ñusta', 'ñUSTA'],
  ['in another case, Cyrillic', 'Юлия', 'юЛИЯ'],
  ['in another case, beyond the basic plane', '𐐔𐐯𐑅', '𐐼𐐇𐐝'],
  ['with ß and with SS', 'Groß', 'GROSS'],
  ['in fullwidth letters', 'Ana', 'ＡＮＡ'],
  ['with a composed and a decomposed accent', 'Jos\u00e9', 'Jose\u0301'],
  ['with accents in another order', 'q\u0323\u0307', 'q\u0307\u0323'],
  ['with the ligature ﬁ', 'Delﬁn', 'Delfin'],
  ['with a superscript digit', 'Ana²', 'Ana2'],
  ['with a digit in a circle', 'Ana①', 'Ana1'],
  ['with either small sigma', 'Σίσυφος', 'ΣΊΣΥΦΟΣ'],
  ['with the kelvin sign', '\u212Aarl', 'karl'],
  ['with a dotless ı', 'Yılmaz', 'YILMAZ'],
  ['with the long s', 'Roſa', 'rosa'],
  ['whose lower case must be composed again', 'ΐκαρος', 'Ϊ\u0301ΚΑΡΟΣ'],
]

/** Names that look alike and are two. */
const DIFFERENT: readonly (readonly [what: string, one: string, other: string])[] = [
  ['with and without an accent', 'Jose', 'José'],
  ['in Latin and in Cyrillic', 'Ana', 'Аna'],
  ['with one and with two spaces', 'Ana M', 'Ana  M'],
  ['with a hyphen and a dash', 'Ana-M', 'Ana–M'],
]

export const sameName: Case[] = [
  ...SAME.map(([what, one, other]) =>
    it(`two names are the same ${what}: the second is in use, and look-ups find the first`, async (ctx) => {
      const first = ctx.name(one)
      const second = ctx.name(other)
      const ana = await ctx.open({ label: 'first' })
      await ana.register(first)
      const shown = first.normalize('NFC')

      const beto = await ctx.open({ label: 'second' })
      beto.send(register(second))
      await expectError(beto, 'El usuario ya existe')
      await beto.register(ctx.name('Beto'))

      beto.send(userInfo(beto.name, second))
      await expectNext(beto, { type: 'user_info_response', target: shown })
      beto.send(toOne(beto.name, second, 'hola'))
      await expectNext(ana, { type: 'private', sender: beto.name, target: shown, content: 'hola' })
      ana.send(broadcast(second, 'hola'))
      await expectNext(ana, { type: 'broadcast', sender: shown, content: 'hola' })
      await expectNext(beto, { type: 'broadcast', sender: shown, content: 'hola' })
    }),
  ),

  ...DIFFERENT.map(([what, one, other]) =>
    it(`two names are different ${what}`, async (ctx) => {
      const first = await ctx.join(one)
      const second = await ctx.join(other)
      await ctx.together(first, second)
    }),
  ),

  it('lists show names as they were registered', async (ctx) => {
    const name = ctx.name('JoSe\u0301').toUpperCase()
    const ana = await ctx.open({ label: 'Ana' })
    const answer = await ana.register(name)
    const shown = name.normalize('NFC')
    assert.deepEqual(ctx.own(answer.userList), [shown], 'the own name in "userList"')
    ana.send(listUsers(ana.name))
    const list = await expectNext(ana, { type: 'list_users_response' })
    assert.ok(
      Array.isArray(list.content) && list.content.includes(shown),
      `${shown} in "content", came ${list.raw}`,
    )
    await expectQuiet(ana)
  }),
]
