import assert from 'node:assert/strict'
import { type Case, decision, source } from '../case.js'
import type { Client } from '../client.js'
import {
  expectAllNext,
  expectClosed,
  expectError,
  expectNext,
  expectQuiet,
  expectShown,
  expectStranger,
} from '../expect.js'
import { broadcast, disconnect, hasLeft, register } from '../frames.js'

const it = decision('1.4')

const CONTENTS: readonly (readonly [what: string, fields: { content?: unknown }])[] = [
  ['a text', { content: 'Cierre de sesión' }],
  ['an empty text', { content: '' }],
  ['null', { content: null }],
  ['absent', {}],
]

const ENDS: readonly (readonly [how: string, end: (client: Client) => void])[] = [
  ['that breaks', (client) => client.break()],
  ['that is closed 1000 without a disconnect', (client) => client.ws.close(1000)],
  ['that is closed without a code', (client) => client.ws.close()],
  ['whose socket is ended', (client) => client.socket.end()],
  ['that is closed 4999', (client) => client.ws.close(4999, 'adiós')],
]

export const leaving: Case[] = [
  source('1.4', '4.6')(
    'after disconnect everyone else is told, and the list no longer has the name',
    async (ctx) => {
      const [ana, ...others] = await ctx.trio()
      ana.send(disconnect(ana.name))
      for (const other of others) await expectShown(other, hasLeft(ana.name))
      for (const other of others) {
        const list = await ctx.list(other)
        assert.ok(!list.includes(ana.name), `who has left must not be in the list, came ${list.join(', ')}`)
      }
    },
  ),

  ...CONTENTS.map(([what, fields]) =>
    it(`disconnect: everyone gets user_disconnected, the leaver too; its content may be ${what}`, async (ctx) => {
      const everyone = await ctx.trio()
      const [ana, beto, carla] = everyone
      ana.send({ type: 'disconnect', sender: ana.name, ...fields })
      await expectAllNext(everyone, hasLeft(ana.name))
      await expectQuiet(beto, carla)
    }),
  ),

  decision('1.5')('after disconnect the server closes 1000, and user_disconnected came last', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.send(disconnect(ana.name))
    await expectClosed(ana, 1000)
    assert.deepEqual(
      ana.unread.map((frame) => frame.type),
      ['user_disconnected'],
      'the frames between disconnect and close',
    )
  }),

  ...ENDS.map(([how, end]) =>
    it(`everyone else gets user_disconnected, once, after a connection ${how}`, async (ctx) => {
      const [ana, beto, carla] = await ctx.trio()
      end(ana)
      await expectAllNext([beto, carla], hasLeft(ana.name))
      await expectQuiet(beto, carla)
      assert.deepEqual(await ctx.list(beto), [beto.name, carla.name], 'the names of this case in the list')
    }),
  ),

  it('a connection that breaks in the middle of a frame has left', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    beto.send('{"type":"broadcast",', { fin: false })
    beto.break()
    await expectNext(ana, hasLeft(beto.name))
    await expectQuiet(ana)
  }),

  it('the frame shows the name as it was registered', async (ctx) => {
    const ana = await ctx.join('Ana')
    const jose = await ctx.open({ label: 'José' })
    await jose.register(ctx.name('JOSe\u0301'))
    jose.break()
    await expectNext(ana, hasLeft(jose.name.normalize('NFC')))
  }),

  it('the name is free after a disconnect and after a break', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    beto.send(disconnect(beto.name))
    await expectClosed(beto, 1000)
    await expectNext(ana, hasLeft(beto.name))
    const second = await ctx.join('Beto')
    second.break()
    await expectNext(ana, hasLeft(beto.name))
    const third = await ctx.open({ label: 'third Beto' })
    await third.register(beto.name.toUpperCase())
    await expectQuiet(ana, third)
  }),

  it('a session that is refused a name and breaks takes nobody with it', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const rival = await ctx.open({ label: 'rival' })
    rival.send(register(ana.name))
    await expectError(rival, 'El usuario ya existe')
    await expectStranger(rival)
    await rival.close()
    await expectQuiet(ana, beto)
    ana.send(broadcast(ana.name, 'sigo aquí'))
    await expectAllNext([ana, beto], { type: 'broadcast', sender: ana.name, content: 'sigo aquí' })
    assert.deepEqual(await ctx.list(beto), [ana.name, beto.name], 'the names of this case in the list')
  }),
]
