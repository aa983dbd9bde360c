/** Redis comes back with data that is older than what nodes have seen, or comes back again and again. */
import assert from 'node:assert/strict'
import t from 'tap'
import { Client } from '../../conformance/client.js'
import { join, say } from '../../contract/people.js'
import { startApp } from '../../support/app.js'
import { RedisServer } from '../../support/redis/server.js'
import { until } from '../../support/until.js'
import { now, roomChecks, ScriptRoom, short, startRedis } from './kit.js'
import { Fork, Node } from './nodes.js'

const check = await roomChecks(t)
const NOBODY = { node: '', epoch: '' }

check('several restarts while a node is cut off: what the log has is told', async (t, room) => {
  const fork = await Fork.to(t, room.server.port)
  const node = await Node.start(t, room, { address: { url: fork.url } })
  const other = await Node.start(t, room)
  const ana = await other.join('Ana')
  await node.catchUp()
  await Promise.all([fork.commands.drop(), fork.listener.drop()])
  t.strictSame(await other.commit(say(ana, 'receipted')), ['ok'])
  for (let times = 0; times < 3; times += 1) {
    await room.restarted()
    await room.scripts.snapshot(NOBODY)
  }
  await Promise.all([fork.commands.restore(), fork.listener.restore()])
  await node.sink.until('it is told', () => node.sink.said.length > 0)
  t.strictSame(node.sink.said, ['receipted'])
  t.notOk(node.sink.kinds.includes('reset'))
})

check('what was said after older data had come back is told to who comes later', async (t, room) => {
  const fork = await Fork.to(t, room.server.port)
  const node = await Node.start(t, room, { address: { url: fork.url } })
  const other = await Node.start(t, room)
  const ana = await other.join('Ana')
  const kept = await room.kept()
  await other.commit(say(ana, 'lost, and seen'))
  await node.catchUp()
  await Promise.all([fork.commands.drop(), fork.listener.drop()])
  await room.restore(kept)
  await room.restarted()
  t.strictSame(await other.commit(say(ana, 'one'), say(ana, 'two')), ['ok', 'ok'])
  await Promise.all([fork.commands.restore(), fork.listener.restore()])
  await node.sink.until('it is told', () => node.sink.said.includes('two'))
  t.strictSame(node.sink.said, ['lost, and seen', 'one', 'two'])
  const lost = 'Redis does not have all that happened: the room was taken as it is there'
  t.equal(node.log.count(lost), 1, 'and it is said that something was lost')
})

t.test('over there and back again, before anybody noticed: it is another epoch', async (t) => {
  const main = await startRedis(t)
  const replica = await RedisServer.replicaOf(main)
  t.teardown(() => replica.close())
  const room = new ScriptRoom(t, main)
  const quiet = { beatMs: 60_000, leaseMs: 200_000 }
  const [one, two] = [await Node.start(t, room, quiet), await Node.start(t, room, quiet)]
  const ana = await one.join('Ana')
  await main.caughtUpBy(replica)
  await replica.call('REPLICAOF', 'NO', 'ONE')
  await one.commit(say(ana, 'not there'), say(ana, 'nor this'))
  for (const node of [one, two]) await node.catchUp()
  await main.call('REPLICAOF', '127.0.0.1', `${replica.port}`)
  await until('it has what the other has', async () => {
    return (await main.info('replication', 'master_link_status')) === 'up'
  })
  await main.call('REPLICAOF', 'NO', 'ONE')
  for (const said of ['new 1', 'new 2', 'new 3'])
    await until('it is taken', async () => (await one.commit(say(ana, said)))[0] === 'ok')
  for (const { sink } of [one, two]) await sink.until('it is told', () => sink.said.includes('new 3'))
  const told = (node: Node) => node.sink.said.filter((said) => said.startsWith('new'))
  t.strictSame([told(one), told(two)], [told(one), ['new 1', 'new 2', 'new 3']])
})

check('who finds himself, under the name that his node had before, has his place', async (t, room) => {
  const old = await room.node('old')
  const ana = await old.join('Ana')
  const kept = await room.kept()
  await room.end('old')
  await room.restore(kept)
  const fresh = await room.node('fresh')
  const [taken] = short(await fresh.outcomes(join(ana, { order: 1 })))
  t.equal(taken, 2)
  t.match((await room.scripts.snapshot(NOBODY)).users, [{ name: 'Ana', node: 'fresh', order: 1 }])
  await room.end('old')
  await room.scripts.sweep(fresh.caller, now)
  t.equal((await room.scripts.snapshot(NOBODY)).users.length, 1, 'and is not shown out with it')
  t.strictSame(short(await fresh.outcomes(join({ ...ana, session: 'another' }, { order: 1 }))), [
    'NAME_TAKEN',
  ])
})

check('nobody loses his name to himself', async (t, room) => {
  const env = { REDIS_URL: room.server.url, KEY_PREFIX: room.prefix, BEAT_MS: '200', LEASE_MS: '3000' }
  const app = await startApp(t, env)
  const ana = await Client.join(app.url, 'Ana')
  const kept = await room.kept()
  const owner = async () => (await room.scripts.snapshot(NOBODY)).users[0]?.node
  const before = await owner()
  assert.ok(before !== undefined)
  await room.end(before)
  await until('she is claimed', async () => ![before, undefined].includes(await owner()))
  await room.restore(kept)
  await room.restarted()
  await until('she is claimed again', async () => ![before, undefined].includes(await owner()))
  ana.send({ type: 'broadcast', sender: 'Ana', content: 'here' })
  t.equal((await ana.next('broadcast')).content, 'here')
})

check('places that were lost stay those of who had them', async (t, room) => {
  const node = await room.node('n')
  await node.join('Ana')
  const kept = await room.kept()
  const beto = await node.join('Beto')
  await room.restore(kept)
  await room.restarted()
  node.epoch = (await room.scripts.snapshot(NOBODY)).position.epoch
  await node.join('Dora')
  await node.done(join(beto, { order: 2 }))
  const { users } = await room.scripts.snapshot(NOBODY)
  t.strictSame(
    users.map(({ name }) => name),
    ['Ana', 'Beto', 'Dora'],
  )
})

check('a batch is not sent without a pause to a master that was replaced', async (t, room) => {
  const node = await Node.start(t, room, { beatMs: 2000, leaseMs: 10_000 })
  const ana = await node.join('Ana')
  await node.catchUp()
  // The listener is with the new master already, and the commands are still with the old one.
  const next = 'abcdefabcdefabcd0'
  await room.admin.publish(room.keys.events, `h\t${next}\t1`)
  const calls = async () => {
    return Number(/calls=(\d+)/.exec((await room.server.info('commandstats', 'cmdstat_evalsha')) ?? '')?.[1])
  }
  const settled = await calls()
  await until('it has looked', async () => (await calls()) > settled)
  await room.admin.hset(room.key('meta'), 'epoch', next, 'past', `${await room.meta('epoch')}:1`)
  const before = await calls()
  t.strictSame(await node.commit(say(ana, 'x')), ['ok'])
  t.ok((await calls()) - before < 200, `${(await calls()) - before} scripts for one batch`)
})
