import t from 'tap'
import { Cluster } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import type { Reply } from '../support/redis/call.js'
import { needsRedis } from '../support/redis/find.js'
import type { RedisServer } from '../support/redis/server.js'
import { until } from '../support/until.js'
import { startWithSentinel } from './sentinel-cluster.js'

const options = await needsRedis(t)

t.test(
  'Redis goes on with an earlier state: all nodes end in the same, with everyone who is connected',
  options,
  async (t) => {
    // What a replica has that was behind, or a file that was written a while ago.
    const cluster = await Cluster.start(t)
    const ledger = new Ledger()
    const crowd = await Participant.crowd(ledger, cluster.nodes, 2)
    const [leaver, busy] = crowd
    if (!leaver || !busy) throw new Error('nobody is there')
    await cluster.redis.call('SAVE')

    const later = await Participant.crowd(
      ledger,
      cluster.nodes.map(({ label, url }) => ({ label: `late ${label}`, url })),
      1,
    )
    const everyone = [...crowd, ...later]
    busy.changeStatus('OCUPADO')
    for (const speaker of everyone) for (let count = 0; count < 5; count += 1) await speaker.utter()
    // Redis will know nothing of these any more, and somebody of one who has left.
    ledger.doubt(
      [leaver, ...later].map(({ account }) => account),
      false,
    )
    await leaver.leave()
    const before = await balance(ledger, everyone, () => cluster.lists())
    t.same(before, [], 'all of it has been seen')

    await cluster.redis.restart()
    await Promise.all(cluster.nodes.map((node) => node.becomes('ready')))
    const present = everyone.filter((participant) => participant !== leaver)
    await until('everyone is back', async () => {
      const lists = await cluster.lists()
      return lists.every(({ users }) => users.length === present.length)
    })
    const chatter = new Chatter(present)
    await until('talk', () => chatter.counts.accepted > 50)
    await chatter.stop()
    t.equal(chatter.counts.refused, 0)
    t.ok(present.every(({ account }) => account.present))
    t.same(await balance(ledger, everyone, () => cluster.lists()), [])
    for (const client of everyone) client.break()
  },
)

t.test(
  'sentinels put a replica in charge: nothing is lost, and nobody is seen to leave',
  options,
  async (t) => {
    const { cluster, replica } = await startWithSentinel(t)

    const ledger = new Ledger()
    const crowd = await Participant.crowd(ledger, cluster.nodes, 2)
    let chatter = new Chatter(crowd)
    await until('talk', () => chatter.counts.accepted > 50)
    await chatter.stop()
    const first = crowd[0]?.say()
    await crowd[0]?.settle()
    t.equal(first?.outcome, 'accepted')
    await cluster.redis.caughtUpBy(replica)

    await cluster.redis.kill()
    await Promise.all(cluster.nodes.map((node) => node.becomes('cut-off')))
    // It waits for whoever comes to be in charge.
    const waiting = crowd.map((speaker) => speaker.utter())
    await Promise.all(cluster.nodes.map((node) => node.becomes('ready')))
    t.equal(await replica.info('replication', 'role'), 'master')
    t.ok((await Promise.all(waiting)).every(({ outcome }) => outcome === 'accepted'))
    chatter = new Chatter(crowd)
    await until('talk', () => chatter.counts.accepted > 50)
    await chatter.stop()
    t.ok(crowd.every(({ account }) => account.present))
    t.same(await balance(ledger, crowd, () => cluster.lists()), [])
    for (const client of crowd) client.break()
  },
)

t.test(
  'sentinels put a replica in charge that was behind, while everyone talks: what it has and gets, everyone sees',
  options,
  async (t) => {
    const { cluster, replica } = await startWithSentinel(t)
    const ledger = new Ledger()
    const crowd = await Participant.crowd(ledger, cluster.nodes, 3)
    const chatter = new Chatter(crowd, 5)
    const talk = async (more: number) => {
      const before = chatter.counts.accepted
      await until('talk', () => chatter.counts.accepted > before + more, 30_000)
    }
    await talk(200)
    // From now on it gets nothing.
    await replica.call('REPLICAOF', '127.0.0.1', '1')
    await talk(100)
    await cluster.redis.kill()
    await Promise.all(cluster.nodes.map((node) => node.becomes('cut-off')))
    await Promise.all(cluster.nodes.map((node) => node.becomes('ready')))
    await talk(100)
    await chatter.stop()
    t.ok(
      crowd.every(({ account }) => account.present),
      'all stay connected',
    )
    const excuses = { privates: true, broadcasts: true }
    t.same(await balance(ledger, crowd, () => cluster.lists(), excuses), [])

    const log = JSON.stringify(await entriesOf(replica))
    const said = crowd.flatMap(({ account }) => account.sent).filter(({ kind }) => kind === 'broadcast')
    const kept = said.filter(({ content }) => log.includes(`\\"content\\":\\"${content}\\"`))
    const lost = said.filter((message) => message.outcome === 'accepted' && !kept.includes(message))
    t.comment(`${said.length} said, ${kept.length} kept, ${lost.length} receipted and lost`)
    t.ok(kept.length > 0 && lost.length > 0)
    for (const { account } of crowd) {
      const seen = new Set(account.sights.flatMap((sight) => (sight.kind === 'said' ? [sight.message] : [])))
      const missed = kept.filter((message) => !seen.has(message)).map(({ content }) => content)
      t.same(missed, [], `${account} has seen what there is`)
    }
    const told = cluster.nodes.flatMap(({ server }) => server.lines)
    t.match(told.join('\n'), 'Redis does not have all that happened', 'and operators are told')
    for (const client of crowd) client.break()
  },
)

/** What the log in Redis holds. */
async function entriesOf(redis: RedisServer): Promise<Reply> {
  const [log] = [await redis.call('KEYS', '*:log')].flat()
  return redis.call('XRANGE', String(log), '-', '+')
}
