import assert from 'node:assert/strict'
import { type Case, decision } from '../case.js'
import { type Client, type Frame, fieldsOf } from '../client.js'
import type { Context } from '../context.js'
import { assertFrame } from '../expect.js'
import { broadcast, changeStatus, disconnect, listUsers, toOne, userInfo } from '../frames.js'

const it = decision('1.4')

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|\+00:00)$/

/** Every frame of a server: its fields in their order, and how to be sent one. */
const FRAMES: readonly (readonly [type: string, fields: string, get: (ctx: Context) => Promise<Frame>])[] = [
  [
    'register_success',
    'type, sender, content, userList, timestamp',
    async (ctx) => (await ctx.open()).register(ctx.name('Ana')),
  ],
  [
    'broadcast',
    'type, sender, content, timestamp',
    (ctx) => answer(ctx, (ana) => broadcast(ana.name, 'hola')),
  ],
  [
    'private',
    'type, sender, target, content, timestamp',
    (ctx) => answer(ctx, (ana) => toOne(ana.name, ana.name, 'hola')),
  ],
  [
    'list_users_response',
    'type, sender, content, timestamp',
    (ctx) => answer(ctx, (ana) => listUsers(ana.name)),
  ],
  [
    'user_info_response',
    'type, sender, target, content, timestamp',
    (ctx) => answer(ctx, (ana) => userInfo(ana.name, ana.name)),
  ],
  [
    'status_update',
    'type, sender, content, timestamp',
    (ctx) => answer(ctx, (ana) => changeStatus(ana.name, 'OCUPADO')),
  ],
  [
    'user_disconnected',
    'type, sender, content, timestamp',
    (ctx) => answer(ctx, (ana) => disconnect(ana.name)),
  ],
  ['error', 'type, sender, content, timestamp', (ctx) => answer(ctx, () => 'basura')],
]

export const fields: Case[] = [
  ...FRAMES.flatMap(([type, order, get]) => [
    it(`${type} has exactly these fields, in this order: ${order}`, async (ctx) => {
      const frame = await get(ctx)
      assertFrame(frame, { type })
      assert.equal(Object.keys(fieldsOf(frame.raw)).join(', '), order, `the fields of ${frame.raw}`)
    }),

    decision('1.2')(`the server stamps ${type}: ISO 8601, UTC, milliseconds`, async (ctx) => {
      const { timestamp = '', raw } = await get(ctx)
      assert.match(timestamp, STAMP, `the "timestamp" of ${raw}`)
      assert.ok(!Number.isNaN(Date.parse(timestamp)), `a time that exists, came ${raw}`)
    }),
  ]),

  it('the content of user_info_response has exactly ip and status, in this order', async (ctx) => {
    const frame = await answer(ctx, (ana) => userInfo(ana.name, ana.name))
    assert.deepEqual(contentFields(frame), ['ip', 'status'], `the fields of "content" in ${frame.raw}`)
  }),

  it('the content of status_update has exactly user and status, in this order', async (ctx) => {
    const frame = await answer(ctx, (ana) => changeStatus(ana.name, 'OCUPADO'))
    assert.deepEqual(contentFields(frame), ['user', 'status'], `the fields of "content" in ${frame.raw}`)
  }),
]

async function answer(ctx: Context, frame: (ana: Client) => object | string): Promise<Frame> {
  const ana = await ctx.join('Ana')
  ana.send(frame(ana))
  return ana.next()
}

function contentFields({ content }: Frame): string[] {
  return typeof content === 'object' && content !== null ? Object.keys(content) : []
}
