import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Cluster, COMMIT_TIMEOUT_MS, LEASE_MS } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'
import type { RedisServer } from '../support/redis/server.js'
import { until } from '../support/until.js'

const options = await needsRedis(t)

type Away = (redis: RedisServer) => Promise<void>

const FAULTS: readonly (readonly [string, number, Away, Away])[] = [
  ['killed, and back after a second', 1000, (redis) => redis.kill(), (redis) => redis.restart()],
  ['killed, and back after three leases', 3 * LEASE_MS, (redis) => redis.kill(), (redis) => redis.restart()],
  ['frozen for three leases', 3 * LEASE_MS, (redis) => redis.pause(), (redis) => redis.resume()],
]

t.test('Redis is away for a while, and keeps its data', options, async (t) => {
  // Each answer is on the disk before it is given: what is received is not lost.
  const cluster = await Cluster.start(t, { redis: { appendonly: true, appendfsync: 'always' } })
  const { redis, nodes } = cluster

  const all = (status: string) => Promise.all(nodes.map((node) => node.becomes(status)))

  for (const [what, awayMs, begin, end] of FAULTS) {
    t.test(`${what}: nothing is lost or doubled, and nobody is seen to leave`, async (t) => {
      const ledger = new Ledger()
      const crowd = await Participant.crowd(ledger, nodes, 3)
      const chatter = new Chatter(crowd)
      await until('some talk', () => chatter.counts.accepted > 50)
      await begin(redis)
      await all('cut-off')
      await sleep(awayMs)
      t.ok(
        crowd.every(({ account }) => account.present),
        'all stay connected',
      )
      await end(redis)
      await all('ready')
      const said = chatter.counts.accepted
      await until('more talk', () => chatter.counts.accepted > said + 50)
      await chatter.stop()
      if (awayMs > LEASE_MS) t.ok(chatter.counts.refused > 0, 'who could not be heard was told')
      t.same(await balance(ledger, crowd, () => cluster.lists(), { privates: true }), [])
      t.ok(crowd.every(({ account }) => account.present))
      for (const client of crowd) await client.leave()
    })
  }

  t.test('whose connection ended meanwhile is seen to leave once, and the name is free', async (t) => {
    const ledger = new Ledger()
    const crowd = await Participant.crowd(ledger, nodes, 2)
    const [leaver, asker, ...others] = crowd
    if (leaver === undefined || asker === undefined) throw new Error('nobody leaves')
    await redis.kill()
    await all('cut-off')
    leaver.break()
    const asked = asker.leave()
    // Longer than anyone waits who says something: a departure waits for as long as it takes.
    await sleep(2 * COMMIT_TIMEOUT_MS)
    await redis.restart()
    await all('ready')
    await asked
    t.equal(await asker.closed(), 1000)
    await until('the names are free', async () =>
      (await cluster.lists()).every(({ users }) => users.length === 4),
    )
    const again = await Promise.all([
      Participant.join(ledger, cluster.node('n3'), leaver.name),
      Participant.join(ledger, cluster.node('n1'), asker.name),
    ])
    t.same(await balance(ledger, [...others, ...again], () => cluster.lists()), [])
    for (const client of [...others, ...again]) await client.leave()
  })
})
