import { type Case, decision, source } from '../case.js'
import {
  expectAllNext,
  expectNext,
  expectQuiet,
  expectRefused,
  expectShown,
  expectStatus,
} from '../expect.js'
import { broadcast, changeStatus, listUsers, nowHas, toOne, userInfo } from '../frames.js'

const it = decision('1.4')

const SPELLINGS: readonly (readonly [sent: string, shown: string])[] = [
  ['OCUPADO', 'OCUPADO'],
  ['inactivo', 'INACTIVO'],
  ['Activo', 'ACTIVO'],
  ['oCuPaDo', 'OCUPADO'],
  ['INACTIVO', 'INACTIVO'],
  ['ACTIVO', 'ACTIVO'],
  ['ocupado', 'OCUPADO'],
]

const INVALID = [
  '',
  'AUSENTE',
  'ACTIVO ',
  ' ACTIVO',
  'ACTIV',
  'ACTIVOS',
  'ACTIVE',
  '0',
  'toString',
  '__proto__',
]

export const statuses: Case[] = [
  source('1.4', '4.5')(
    'change_status is answered with status_update, and user_info shows it',
    async (ctx) => {
      const [ana, beto] = await ctx.pair()
      for (const status of ['OCUPADO', 'INACTIVO', 'ACTIVO']) {
        ana.send(changeStatus(ana.name, status))
        await expectShown(ana, nowHas(ana.name, status))
        await expectStatus(beto, ana.name, status)
      }
    },
  ),

  it('a status is one of three, in any case; everyone gets status_update, the changer too, once', async (ctx) => {
    const [ana, beto, carla] = await ctx.trio()
    const everyone = [ana, beto, carla]
    for (const [sent, shown] of SPELLINGS) {
      ana.send(changeStatus(ana.name, sent))
      await expectAllNext(everyone, nowHas(ana.name, shown))
    }
    await expectQuiet(...everyone)
  }),

  it('a status that does not change is answered to the asker alone, by the same frame', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(changeStatus(ana.name, 'activo'))
    await expectNext(ana, nowHas(ana.name, 'ACTIVO'))
    await expectQuiet(ana, beto)
    for (const status of ['OCUPADO', 'INACTIVO', 'ACTIVO']) {
      ana.send(changeStatus(ana.name, status))
      await expectAllNext([ana, beto], nowHas(ana.name, status))
      ana.send(changeStatus(ana.name, status.toLowerCase()))
      await expectNext(ana, nowHas(ana.name, status))
      await expectQuiet(ana, beto)
    }
  }),

  it('anything else is refused as a status, and nothing changes', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(changeStatus(ana.name, 'OCUPADO'))
    await expectAllNext([ana, beto], nowHas(ana.name, 'OCUPADO'))
    for (const content of [...INVALID, null, 1, true, ['ACTIVO'], { status: 'ACTIVO' }, undefined]) {
      await expectRefused(ana, changeStatus(ana.name, content))
    }
    await expectQuiet(beto)
    await expectStatus(beto, ana.name, 'OCUPADO')
  }),

  it('the status of one user leaves that of the others alone', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(changeStatus(ana.name, 'OCUPADO'))
    await expectAllNext([ana, beto], nowHas(ana.name, 'OCUPADO'))
    await expectStatus(ana, beto.name, 'ACTIVO')
  }),

  it('an INACTIVO that the user chose is not undone by the next frame', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    ana.send(changeStatus(ana.name, 'INACTIVO'))
    await expectAllNext([ana, beto], nowHas(ana.name, 'INACTIVO'))
    ana.send(listUsers(ana.name))
    await expectNext(ana, { type: 'list_users_response' })
    ana.send(userInfo(ana.name, beto.name))
    await expectNext(ana, { type: 'user_info_response' })
    ana.send(toOne(ana.name, beto.name, 'hola'))
    await expectNext(beto, { type: 'private' })
    ana.send(broadcast(ana.name, 'hola'))
    await expectAllNext([ana, beto], { type: 'broadcast' })
    await expectQuiet(ana, beto)
    await expectStatus(beto, ana.name, 'INACTIVO')
  }),

  it('a name that comes back is ACTIVO again', async (ctx) => {
    const [ana, beto] = await ctx.pair()
    beto.send(changeStatus(beto.name, 'OCUPADO'))
    await expectAllNext([ana, beto], nowHas(beto.name, 'OCUPADO'))
    await beto.close()
    await expectNext(ana, { type: 'user_disconnected' })
    const again = await ctx.join('Beto')
    await expectStatus(ana, again.name, 'ACTIVO')
  }),
]
