import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { type Case, decision } from '../case.js'
import type { Context } from '../context.js'
import { assertFrame, expectError, expectNext, expectStranger } from '../expect.js'
import { listUsers, register } from '../frames.js'

const it = decision('1.3')

const SCRIPTS: readonly (readonly [script: string, name: string])[] = [
  ['Latin with accents', 'José Ñandú'],
  ['Greek', 'Ελένη'],
  ['Cyrillic', 'Юлия'],
  ['Arabic', 'محمد'],
  ['Hebrew', 'דוד'],
  ['Devanagari', 'अनिल'],
  ['Thai', 'สมชาย'],
  ['Chinese', '李明'],
  ['Korean', '한국'],
  ['Gothic, beyond the basic plane', '𐌰𐌽𐌰'],
  ['emoji', '😀'],
  ['punctuation that JSON escapes', '"\\/'],
  ['punctuation of HTML and C', "<b>&%s'"],
  ['spaces inside', 'Ana  María'],
]

/** Characters that no name may have. */
const FORBIDDEN: readonly (readonly [what: string, chars: readonly string[]])[] = [
  ['control characters', ['\u0000', '\u0001', '\t', '\n', '\r', '\u001b', '\u007f', '\u0085', '\u009f']],
  ['format characters', ['\u00ad', '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff', '\u{e0041}']],
  ['bidirectional characters', ['\u061c', '\u200e', '\u200f', '\u202a', '\u202e', '\u2066', '\u2069']],
  ['lone surrogates', ['\ud83d', '\ude00', '\ude00\ud83d']],
  ['spaces other than U+0020', ['\u00a0', '\u1680', '\u2003', '\u2009', '\u202f', '\u205f', '\u3000']],
  ['line and paragraph separators', ['\u2028', '\u2029']],
]

/** Names that a careless table of users already has. */
const INHERITED = ['constructor', '__proto__', 'toString', 'hasOwnProperty']

export const names: Case[] = [
  ...SCRIPTS.map(([script, name]) =>
    it(`a name may be of any script: ${script}`, (ctx) => registersAs(ctx, ctx.name(name))),
  ),

  it('a name of 64 code points is accepted', (ctx) => registersAs(ctx, ctx.nameOfLength(64, 'a'))),

  it('a name of 64 code points is accepted, characters beyond the basic plane counting one', (ctx) =>
    registersAs(ctx, ctx.nameOfLength(64, '😀'))),

  it('a name of 1 code point is accepted', (ctx) =>
    registersAs(ctx, String.fromCodePoint(randomInt(0x20000, 0x2a6d0)))),

  it('the length of a name is that after NFC', (ctx) => registersAs(ctx, ctx.nameOfLength(64, 'e\u0301'))),

  it('the length of a name is not that of its key', (ctx) => registersAs(ctx, ctx.nameOfLength(64, 'ﬃ'))),

  it('a name of 65 code points is refused', (ctx) =>
    refuses(
      ctx,
      ctx.nameOfLength(65, 'a'),
      ctx.nameOfLength(65, '😀'),
      ctx.nameOfLength(65, 'e\u0301'),
      ctx.nameOfLength(5_000, 'a'),
    )),

  it('a name grows past its limit when NFC makes it longer', (ctx) =>
    refuses(ctx, ctx.nameOfLength(64, '\u0958'))),

  it('an empty name is refused', (ctx) => refuses(ctx, '')),

  it('spaces at the ends of a name are refused', (ctx) =>
    refuses(ctx, ` ${ctx.name('Ana')}`, `${ctx.name('Ana')} `, ' ', `  ${ctx.name('Ana')}  `)),

  ...FORBIDDEN.map(([what, chars]) =>
    it(`a name must not contain ${what}`, (ctx) =>
      refuses(
        ctx,
        ...chars.flatMap((char) => [
          ctx.name(`A${char}a`),
          `${char}${ctx.name('Ana')}`,
          `${ctx.name('Ana')}${char}`,
        ]),
      )),
  ),

  it('"server" is reserved, in any case and form', (ctx) =>
    refuses(ctx, 'server', 'SERVER', 'Server', 'sErVeR', 'ｓｅｒｖｅｒ', 'ſerver')),

  it('a name that only begins with "server" is not reserved', (ctx) => registersAs(ctx, ctx.name('server'))),

  it('names that programs know are names like any other, such as "constructor"', async (ctx) => {
    for (const name of INHERITED) {
      const client = await ctx.open()
      client.send(register(name))
      const answer = await client.next()
      if (answer.type === 'register_success') {
        client.send({ type: 'disconnect', sender: name })
        await client.closed()
      } else {
        await assertTaken(ctx, name)
      }
    }
  }),
]

/** The name is accepted and shown in NFC. */
async function registersAs(ctx: Context, name: string): Promise<void> {
  const client = await ctx.open()
  client.send(register(name))
  const frame = await expectNext(client, { type: 'register_success', sender: 'server' })
  assert.equal(frame.userList?.at(-1), name.normalize('NFC'), 'the new name, last in "userList"')
}

/** Each of the names gets one error; the connection stays and may register another. */
async function refuses(ctx: Context, ...refused: string[]): Promise<void> {
  const client = await ctx.open()
  for (const name of refused) {
    client.send(register(name))
    await expectError(client)
    await expectStranger(client)
  }
  await client.register(ctx.name('Beto'))
}

/** Somebody really has this name now. */
async function assertTaken(ctx: Context, name: string): Promise<void> {
  const witness = await ctx.join('Testigo')
  witness.send(listUsers(witness.name))
  const list = await witness.next('list_users_response')
  assertFrame(list, { type: 'list_users_response', sender: 'server' })
  assert.ok(
    Array.isArray(list.content) && list.content.includes(name),
    `"${name}" was refused, though nobody has it`,
  )
}
