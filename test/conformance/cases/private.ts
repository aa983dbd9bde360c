import assert from 'node:assert/strict'
import { type Case, decision, source } from '../case.js'
import {
  expectAllNext,
  expectClosed,
  expectNext,
  expectQuiet,
  expectRefused,
  expectShown,
} from '../expect.js'
import { disconnect, hasLeft, stamped, toOne } from '../frames.js'
import { ACCEPTED, REFUSED } from './contents.js'

const it = decision('1.4')

export const privately: Case[] = [
  source('1.4', '4.2.2')('a private message comes to its target, and to no third', async (ctx) => {
    const [ana, beto, carla] = await ctx.trio()
    ana.send(stamped(toOne(ana.name, beto.name, 'en secreto')))
    await expectShown(beto, { type: 'private', sender: ana.name, content: 'en secreto' })
    const overheard = (await carla.settle()).filter(({ raw }) => raw.includes('en secreto'))
    assert.deepEqual(
      overheard.map((frame) => frame.raw),
      [],
      'what a third came to know of it',
    )
  }),

  it('a private message goes to its target alone; the sender gets no copy', async (ctx) => {
    const [ana, beto, carla] = await ctx.trio()
    ana.send(toOne(ana.name, beto.name, 'en secreto'))
    await expectNext(beto, {
      type: 'private',
      sender: ana.name,
      target: beto.name,
      content: 'en secreto',
    })
    await expectQuiet(ana, beto, carla)
  }),

  it('a private message to oneself is delivered, once', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(toOne(ana.name, ana.name, 'nota'))
    await expectNext(ana, { type: 'private', sender: ana.name, target: ana.name, content: 'nota' })
    await expectQuiet(ana, beto)
  }),

  it('a private message to nobody present is answered "Usuario no encontrado", and nothing is sent', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const nobody = [
      'Nadie',
      '',
      ' ',
      'server',
      '__proto__',
      'constructor',
      'toString',
      `${beto.name} `,
      '\ud83d',
    ]
    for (const target of [ctx.name('Nadie'), ...nobody]) {
      await expectRefused(ana, toOne(ana.name, target, 'hola'), 'Usuario no encontrado')
    }
    await expectQuiet(beto)
  }),

  it('a private message without a target is answered "Usuario no encontrado", and nothing is sent', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    const frame = { type: 'private', sender: ana.name, content: 'hola' }
    await expectRefused(ana, frame, 'Usuario no encontrado')
    await expectQuiet(beto)
  }),

  it('a private message to somebody who has left is answered "Usuario no encontrado"', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    beto.send(disconnect(beto.name))
    await expectAllNext([ana, beto], hasLeft(beto.name))
    await expectClosed(beto, 1000)
    await expectRefused(ana, toOne(ana.name, beto.name, 'hola'), 'Usuario no encontrado')
  }),

  ...ACCEPTED.map(([what, content]) =>
    it(`a private message carries its content unchanged: ${what}`, async (ctx) => {
      const [ana, beto] = await ctx.pair()
      ana.send(toOne(ana.name, beto.name, content))
      await expectNext(beto, { type: 'private', sender: ana.name, target: beto.name, content })
    }),
  ),

  ...REFUSED.map(([what, content]) =>
    it(`a private message is refused, and nothing is sent, when its content is ${what}`, async (ctx) => {
      const [ana, beto] = await ctx.pair()
      await expectRefused(ana, toOne(ana.name, beto.name, content))
      await expectQuiet(beto)
    }),
  ),
]
