import assert from 'node:assert/strict'
import { type Case, decision, source } from '../case.js'
import {
  expectError,
  expectNext,
  expectQuiet,
  expectRefused,
  expectShown,
  expectStranger,
} from '../expect.js'
import { broadcast, changeStatus, hasLeft, listUsers, stamped, toOne, userInfo } from '../frames.js'

const it = decision('1.2')
const json = source('1.2', '3')

/** What cannot be read or does not fit, as the session of this name sends it. */
const UNREADABLE: readonly (readonly [what: string, frame: (sender: string) => object | string])[] = [
  ['an empty frame', () => ''],
  ['blanks', () => ' \n\t'],
  ['a word', () => 'hola'],
  ['the beginning of an object', (sender) => `{"type":"list_users","sender":"${sender}"`],
  ['two objects in one frame', (sender) => JSON.stringify(listUsers(sender)).repeat(2)],
  ['an object with something behind it', (sender) => `${JSON.stringify(listUsers(sender))}x`],
  ['an object with a trailing comma', (sender) => `{"type":"list_users","sender":"${sender}",}`],
  ['an object in single quotes', (sender) => `{'type':'list_users','sender':'${sender}'}`],
  ['a raw line feed in a string', (sender) => `{"type":"broadcast","sender":"${sender}","content":"a\nb"}`],
  ['an empty array', () => '[]'],
  ['an array that holds a frame', (sender) => [listUsers(sender)]],
  ['a string', () => '"hola"'],
  ['a number', () => '42'],
  ['null', () => 'null'],
  ['true', () => 'true'],
  ['an array nested 20,000 deep', () => '['.repeat(20_000) + ']'.repeat(20_000)],
  ['20,000 brackets that are never closed', () => '['.repeat(20_000)],
  ['an object nested 10,000 deep', () => '{"a":'.repeat(10_000)],
  ['an empty object', () => '{}'],
  [
    'a frame whose fields are those of "__proto__"',
    (sender) => `{"__proto__":${JSON.stringify(listUsers(sender))}}`,
  ],
  ...[null, 7, true, ['list_users'], { list_users: 1 }].map(
    (type) => [`${JSON.stringify(type)} as type`, (sender: string) => ({ type, sender })] as const,
  ),
  ...[
    '',
    'saludo',
    'LIST_USERS',
    ' list_users',
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'register_success',
    'list_users_response',
    'user_info_response',
    'status_update',
    'user_disconnected',
    'error',
  ].map((type) => [`the type "${type}"`, (sender: string) => ({ type, sender, content: 'hola' })] as const),
]

/** Readable in more than one way: whatever a server makes of it, it answers once. */
const DEBATABLE: readonly (readonly [what: string, frame: (sender: string) => string])[] = [
  ['a byte order mark before the object', (sender) => `\uFEFF${JSON.stringify(listUsers(sender))}`],
  ['a key that stands twice', (sender) => `{"type":"saludo","type":"list_users","sender":"${sender}"}`],
  [
    'an unknown field nested 10,000 deep',
    (sender) =>
      `{"type":"list_users","sender":"${sender}","otro":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
  ],
  ['a number too large for any type', (sender) => `{"type":"list_users","sender":"${sender}","otro":1e999}`],
]

/** Every frame of the protocol, as far as it can be without `sender`. */
const WITHOUT_SENDER = [
  { type: 'broadcast', content: 'hola' },
  { type: 'private', target: 'alguien', content: 'hola' },
  { type: 'list_users' },
  { type: 'user_info', target: 'alguien' },
  { type: 'change_status', content: 'OCUPADO' },
  { type: 'disconnect', content: 'Cierre de sesión' },
]

export const reading: Case[] = [
  json('a frame is JSON: its fields in any order, with blanks and escapes', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(
      ` \r\n{ "timestamp":"2025-03-16T12:00:00Z" ,"content" : "se\\u00f1al \\ud83d\\ude00 \\/" ,\t"sender":"${ana.name}", "type":"broad\\u0063ast"}\n`,
    )
    await expectShown(beto, { type: 'broadcast', sender: ana.name, content: 'señal 😀 /' })
  }),

  json('what the server sends is JSON, whatever stands in a message', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const content = 'dijo "ñandú" \\ en C:\\n {"type":"x"},\n\t%s 漢 😀'
    ana.send(stamped(broadcast(ana.name, content)))
    await expectShown(beto, { type: 'broadcast', sender: ana.name, content })
  }),

  source('1.2', '5')('what is not JSON is answered by the standard error', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.send('esto no es JSON')
    const { content, raw } = await expectShown(ana, { type: 'error', sender: 'server' })
    assert.ok(typeof content === 'string' && content !== '', `an error must say what is wrong, came ${raw}`)
  }),

  ...UNREADABLE.map(([what, frame]) =>
    it(`exactly one error answers what cannot be read, and the connection stays: ${what}`, async (ctx) => {
      const ana = await ctx.join('Ana')
      await expectRefused(ana, frame(ana.name))
    }),
  ),

  ...DEBATABLE.map(([what, frame]) =>
    it(`exactly one answer, or one error, comes for ${what}`, async (ctx) => {
      const ana = await ctx.join('Ana')
      ana.send(frame(ana.name))
      const { type, raw } = await ana.next()
      assert.ok(type === 'error' || type === 'list_users_response', `an answer or an error, came ${raw}`)
      await expectQuiet(ana)
    }),
  ),

  ...WITHOUT_SENDER.map((frame) =>
    it(`"${frame.type}" needs a sender that is a string; the error names the field`, async (ctx) => {
      const [ana, beto] = await ctx.pair()
      for (const broken of [
        frame,
        ...[null, 7, true, [ana.name], { name: ana.name }].map((sender) => ({ ...frame, sender })),
      ]) {
        const content = await expectRefused(ana, broken)
        assert.match(content, /sender/, 'the error must say where the fault is')
      }
      await expectQuiet(beto)
    }),
  ),

  it('an error about the type names that field', async (ctx) => {
    const ana = await ctx.join('Ana')
    for (const frame of [
      { sender: ana.name },
      { type: 7, sender: ana.name },
      { type: 'saludo', sender: ana.name },
    ]) {
      assert.match(await expectRefused(ana, frame), /type/, 'the error must say where the fault is')
    }
  }),

  it('what cannot be read gets exactly one error before register too, and registering still works', async (ctx) => {
    const client = await ctx.open()
    for (const frame of ['', 'hola', '[]', '{}', { type: 'saludo', sender: 'x' }, { type: 'register' }]) {
      client.send(frame)
      await expectError(client)
      await expectStranger(client)
    }
    await client.register(ctx.name('Ana'))
  }),

  it('many unreadable frames in one go get one error each, and the connection stays', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.sendAll(Array.from({ length: 50 }, (_, index) => `basura ${index}`))
    for (let count = 0; count < 50; count++) await expectError(ana)
    await expectQuiet(ana)
  }),

  it('unknown fields are ignored', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const extra = { id: 7, userList: ['x'], room: { name: 'otra' }, toString: null, ['__proto__']: { a: 1 } }
    ana.send({ ...extra, ...broadcast(ana.name, 'hola') })
    for (const client of [ana, beto]) {
      await expectNext(client, { type: 'broadcast', sender: ana.name, content: 'hola' })
    }
    ana.send({ ...userInfo(ana.name, beto.name), ...extra })
    await expectNext(ana, { type: 'user_info_response', target: beto.name })
    await expectQuiet(ana, beto)
  }),

  it('a field that a frame has no use for is ignored', async (ctx) => {
    const ana = await ctx.join('Ana')
    for (const unused of [null, '', 'alguien']) {
      ana.send({ ...broadcast(ana.name, 'hola'), target: unused })
      await expectNext(ana, { type: 'broadcast', sender: ana.name, content: 'hola' })
      ana.send({ ...listUsers(ana.name), target: unused, content: unused })
      await expectNext(ana, { type: 'list_users_response' })
    }
    await expectQuiet(ana)
  }),

  it('the timestamp of a client is accepted in any form and ignored: the server stamps', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const claimed = '1999-01-01T00:00:00.000Z'
    for (const timestamp of [claimed, 'ayer', '', 915148800, -1.5, null, false, [], { sec: 1 }]) {
      ana.send({ ...broadcast(ana.name, 'hola'), timestamp })
      for (const client of [ana, beto]) {
        const frame = await expectNext(client, { type: 'broadcast', sender: ana.name, content: 'hola' })
        assert.ok(
          Date.parse(frame.timestamp ?? '') > Date.parse(claimed),
          `a stamp of the server, came ${frame.raw}`,
        )
      }
    }
    await expectQuiet(ana, beto)
  }),

  it('list_users and disconnect need nothing but type and sender', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send({ type: 'list_users', sender: ana.name })
    await expectNext(ana, { type: 'list_users_response' })
    ana.send({ type: 'disconnect', sender: ana.name })
    await expectNext(ana, hasLeft(ana.name))
    await expectNext(beto, hasLeft(ana.name))
  }),

  it('a frame that lacks what its type needs gets exactly one error, and nothing is sent', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    for (const frame of [
      { type: 'broadcast', sender: ana.name },
      { type: 'private', sender: ana.name, target: beto.name },
      { type: 'private', sender: ana.name, content: 'hola' },
      { type: 'user_info', sender: ana.name },
      { type: 'change_status', sender: ana.name },
      ...[null, 7, [beto.name], {}].map((target) => ({ ...toOne(ana.name, '', 'hola'), target })),
      ...[null, 7, [beto.name], {}].map((target) => ({ ...userInfo(ana.name, ''), target })),
      changeStatus(ana.name, { status: 'OCUPADO' }),
    ]) {
      await expectRefused(ana, frame)
    }
    await expectQuiet(beto)
  }),
]
