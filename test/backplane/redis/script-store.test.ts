import t from 'tap'
import { roomChecks, type ScriptRoom } from './kit.js'

const check = await roomChecks(t)
const NOBODY = { node: '', epoch: '' }
const HOUR_MS = 3_600_000

const isHour = (left: number) => left > HOUR_MS - 60_000 && left <= HOUR_MS
const indexed = (room: ScriptRoom, kind: string) => room.admin.zrange(room.keys.index(kind), '0', '-1')

check('what is kept for good has no end in Redis, and what is kept for a while has', async (t, room) => {
  const { scripts, keys, admin } = room
  await scripts.keep(NOBODY, 'kind', 'good', 'value')
  await scripts.keep(NOBODY, 'kind', 'while', 'value', HOUR_MS)
  for (const ttl of [undefined, 1, 10 * HOUR_MS]) {
    await scripts.keep(NOBODY, 'kind', 'good', 'other', ttl)
    await scripts.keep(NOBODY, 'kind', 'while', 'other', ttl)
  }
  t.equal(await admin.pttl(keys.stored('kind', 'good')), -1)
  t.ok(isHour(await admin.pttl(keys.stored('kind', 'while'))))
  t.strictSame(await indexed(room, 'kind'), ['good', 'while'])
})

check('what is counted has an end in Redis, whatever is added, and is in no index', async (t, room) => {
  const { scripts, admin } = room
  const stored = room.key('count:kind:key')
  await scripts.count(NOBODY, 'kind', 'key', 0, HOUR_MS)
  await scripts.count(NOBODY, 'kind', 'key', -1, HOUR_MS)
  t.equal(await admin.exists(stored), 0, 'nobody has counted')
  for (const by of [1, 2, 0, -1, -2]) {
    await scripts.count(NOBODY, 'kind', 'key', by, HOUR_MS)
    t.ok(isHour(await admin.pttl(stored)), `after ${by}`)
  }
  await scripts.count(NOBODY, 'kind', 'key', 1, 10 * HOUR_MS)
  t.ok(isHour(await admin.pttl(stored)))
  t.strictSame(await indexed(room, 'kind'), [])
  t.strictSame(await admin.keys(room.key('store:*')), [])
})

check('what was forgotten or deleted is in the index no more', async (t, room) => {
  const { scripts, keys, admin } = room
  for (const key of ['a', 'b', 'c']) await scripts.keep(NOBODY, 'kind', key, 'value', HOUR_MS)
  t.equal(await scripts.forget(NOBODY, 'kind', 'b'), true)
  t.strictSame(await indexed(room, 'kind'), ['a', 'c'])
  await admin.del(keys.stored('kind', 'a'))
  t.strictSame(await indexed(room, 'kind'), ['a', 'c'], 'it does not know yet')
  t.match(await scripts.list(NOBODY, 'kind', '', 10), [{ key: 'c' }])
  t.strictSame(await indexed(room, 'kind'), ['c'], 'whoever lists tells it')
  await admin.del(keys.stored('kind', 'c'))
  t.equal(await scripts.forget(NOBODY, 'kind', 'c'), false)
  t.equal(await admin.exists(keys.index('kind')), 0)
})

check('what is kept can be looked at and deleted when Redis has no memory left', async (t, room) => {
  const { scripts, server } = room
  for (const key of ['a', 'b']) await scripts.keep(NOBODY, 'kind', key, 'value')
  await room.admin.del(room.keys.stored('kind', 'b'))
  t.teardown(() => server.call('CONFIG', 'SET', 'maxmemory', '0'))
  await server.call('CONFIG', 'SET', 'maxmemory', '1')
  t.strictSame(await scripts.list(NOBODY, 'kind', '', 10), [{ key: 'a', value: 'value' }])
  await t.rejects(scripts.keep(NOBODY, 'kind', 'c', 'value'), /^OOM/)
  await t.rejects(scripts.count(NOBODY, 'kind', 'c', 1, HOUR_MS), /^OOM/)
  t.equal(await scripts.forget(NOBODY, 'kind', 'a'), true)
})
