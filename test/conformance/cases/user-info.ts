import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { type Case, decision, source } from '../case.js'
import type { Client } from '../client.js'
import {
  expectAllNext,
  expectClosed,
  expectNext,
  expectQuiet,
  expectRefused,
  expectShown,
  expectStatus,
} from '../expect.js'
import { changeStatus, disconnect, hasLeft, nowHas, userInfo } from '../frames.js'

const it = decision('1.4')

export const userInfos: Case[] = [
  source('1.4', '4.4')('user_info is answered with the address and the status of its target', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(userInfo(ana.name, beto.name))
    const wanted = { type: 'user_info_response', sender: 'server', target: beto.name }
    const { content, raw } = await expectShown(ana, wanted)
    assert.notEqual(isIP(textIn(content, 'ip')), 0, `"ip" must be an address, came ${raw}`)
    assert.match(
      textIn(content, 'status'),
      /^(ACTIVO|OCUPADO|INACTIVO)$/,
      `"status" must be one of the three, came ${raw}`,
    )
  }),

  it('user_info gives address and status of a user to the asker alone', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(userInfo(ana.name, beto.name))
    const frame = await expectNext(ana, { type: 'user_info_response', sender: 'server', target: beto.name })
    assert.match(frame.raw, /"status":\s*"ACTIVO"/, 'the status of somebody who has just come')
    await expectQuiet(ana, beto)
  }),

  it('user_info about oneself is answered', async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.send(userInfo(ana.name, ana.name))
    await expectNext(ana, { type: 'user_info_response', sender: 'server', target: ana.name })
    await expectQuiet(ana)
  }),

  it("the address is the client's own, IPv4 not written as IPv6", async (ctx) => {
    const ana = await ctx.join('Ana')
    ana.send(userInfo(ana.name, ana.name))
    const { content, raw } = await expectNext(ana, { type: 'user_info_response' })
    const ip = textIn(content, 'ip')
    assert.notEqual(isIP(ip), 0, `"ip" must be an address, came ${raw}`)
    assert.doesNotMatch(ip, /^::ffff:/i, 'an IPv4 address must be written as IPv4')
    // Elsewhere an address may be translated on its way.
    const own = ownAddress(ana)
    if (own === '::1' || own.startsWith('127.')) assert.equal(ip, own, 'the address of this client')
  }),

  it('user_info shows the status as it is now', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    for (const status of ['OCUPADO', 'INACTIVO', 'ACTIVO']) {
      beto.send(changeStatus(beto.name, status))
      await expectAllNext([ana, beto], nowHas(beto.name, status))
      await expectStatus(ana, beto.name, status)
      await expectStatus(beto, beto.name, status)
    }
  }),

  it('user_info about nobody present is answered "Usuario no encontrado"', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    beto.send(disconnect(beto.name))
    await expectClosed(beto, 1000)
    await expectNext(ana, hasLeft(beto.name))
    for (const target of [
      ctx.name('Nadie'),
      beto.name,
      '',
      'server',
      '__proto__',
      'constructor',
      `${ana.name} `,
    ]) {
      await expectRefused(ana, userInfo(ana.name, target), 'Usuario no encontrado')
    }
  }),
]

/** A field of a frame's content; '' if it is no string. */
function textIn(content: unknown, field: string): string {
  if (typeof content !== 'object' || content === null) return ''
  const [, value] = Object.entries(content).find(([key]) => key === field) ?? []
  return typeof value === 'string' ? value : ''
}

function ownAddress({ socket }: Client): string {
  return (socket.localAddress ?? '').replace(/^::ffff:/i, '')
}
