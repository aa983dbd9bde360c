import { decision } from '../case.js'
import type { Context } from '../context.js'
import { expectClosed, expectNext, expectQuiet, expectRefused } from '../expect.js'
import { broadcast, hasLeft, listUsers } from '../frames.js'

const it = decision('1.1')

const FRAME_BYTES = 64 * 1024

const INVALID_UTF8: readonly (readonly [what: string, bytes: readonly number[]])[] = [
  ['a byte that UTF-8 does not have', [0xff]],
  ['an overlong form', [0xc0, 0x80]],
  ['an encoded surrogate', [0xed, 0xa0, 0x80]],
  ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['a continuation byte on its own', [0x80]],
]

export const payload = [
  it('a frame of 50 bytes with 42 bytes of JSON is read, as the sample of the source sends it', async (ctx) => {
    const client = await ctx.open()
    const frame = withTail(`{"type": "register", "sender": "${ctx.mark}"}`, 'Mensaje')
    if (frame.length !== 50) throw new Error('this case does not send what the sample does')
    client.send(frame)
    await expectNext(client, { type: 'register_success', sender: 'server' })
    client.name = ctx.mark
    await expectQuiet(client)
  }),

  it('what stands behind the first NUL is not judged, be it JSON, garbage or invalid UTF-8', async (ctx) => {
    const ana = await ctx.join('Ana')
    const tails = [
      '',
      '\0',
      '{"type":"broadcast"',
      Buffer.from([0xff, 0xfe, 0xc0]),
      Buffer.from([0xc3, 0, 0x80]),
    ]
    for (const [index, tail] of tails.entries()) {
      for (const binary of [false, true]) {
        ana.send(withTail(JSON.stringify(broadcast(ana.name, `mensaje ${index}`)), tail), { binary })
        await expectNext(ana, { type: 'broadcast', sender: ana.name, content: `mensaje ${index}` })
      }
    }
    await expectQuiet(ana)
  }),

  it('the first NUL counts also when a message comes in fragments', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.send(Buffer.from(JSON.stringify(broadcast(ana.name, 'hola'))), { fin: false })
    ana.send(Buffer.from([0, 0xff]), { fin: false })
    ana.send(Buffer.from([0xff]))
    await expectNext(ana, { type: 'broadcast', sender: ana.name, content: 'hola' })
    await expectQuiet(ana)
  }),

  it('a frame with nothing before its first NUL gets exactly one error', async (ctx) => {
    const ana = await ctx.join('Ana')
    await expectRefused(ana, withTail('', JSON.stringify(listUsers(ana.name))))
  }),

  ...INVALID_UTF8.map(([what, bytes]) =>
    it(`invalid UTF-8 closes 1007: ${what}`, (ctx) => closesFor(ctx, bytes)),
  ),

  it('invalid UTF-8 closes 1007 in a binary frame too', (ctx) => closesFor(ctx, [0xff], true)),

  it('invalid UTF-8 closes 1007: a character cut off by the NUL', async (ctx) => {
    const client = await ctx.open()
    client.send(Buffer.from([0x7b, 0xc3, 0x00, 0xb1]))
    await expectClosed(client, 1007)
  }),

  it('invalid UTF-8 closes 1007: a character cut off by the end of the frame', async (ctx) => {
    const client = await ctx.open()
    client.send(Buffer.from([0x7b, 0xc3]))
    await expectClosed(client, 1007)
  }),

  it('a registered session that is closed 1007 has left: everyone else gets user_disconnected', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    beto.send(Buffer.from([0xff]))
    await expectClosed(beto, 1007)
    await expectNext(ana, hasLeft(beto.name))
    await expectQuiet(ana)
  }),

  it('a frame of exactly 64 KiB is read', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.send(listUsersOf(ana.name, FRAME_BYTES))
    await expectNext(ana, { type: 'list_users_response' })
    await expectQuiet(ana)
  }),

  it('a frame of 64 KiB and a byte closes 1009, and everyone else gets user_disconnected', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    beto.send(listUsersOf(beto.name, FRAME_BYTES + 1))
    await expectClosed(beto, 1009)
    await expectNext(ana, hasLeft(beto.name))
  }),

  it('a frame above 64 KiB closes 1009 even if little of it stands before the first NUL', async (ctx) => {
    const client = await ctx.open()
    const json = JSON.stringify(listUsers('nadie'))
    client.send(withTail(json, Buffer.alloc(FRAME_BYTES - json.length)))
    await expectClosed(client, 1009)
  }),

  it('a message above 64 KiB closes 1009 also when it comes in fragments', async (ctx) => {
    const client = await ctx.open()
    const bytes = Buffer.from(listUsersOf('nadie', FRAME_BYTES + 1))
    client.send(bytes.subarray(0, FRAME_BYTES / 2), { fin: false })
    client.send(bytes.subarray(FRAME_BYTES / 2))
    await expectClosed(client, 1009)
  }),
]

async function closesFor(ctx: Context, bytes: readonly number[], binary = false): Promise<void> {
  const ana = await ctx.join('Ana')
  const [head, tail] = JSON.stringify(broadcast(ana.name, '|')).split('|')
  ana.send(Buffer.concat([Buffer.from(head ?? ''), Buffer.from(bytes), Buffer.from(tail ?? '')]), { binary })
  await expectClosed(ana, 1007)
}

/** Text, a NUL, and what lies behind it. */
function withTail(text: string, tail: string | Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.from([0]), Buffer.from(tail)])
}

/** A `list_users` of this many bytes, by a field that no frame has. */
function listUsersOf(sender: string, bytes: number): string {
  const bare = JSON.stringify({ ...listUsers(sender), relleno: '' })
  return JSON.stringify({ ...listUsers(sender), relleno: 'x'.repeat(bytes - Buffer.byteLength(bare)) })
}
