import t from 'tap'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'
import type { RedisServer } from '../support/redis/server.js'
import { until } from '../support/until.js'
import { startWithSentinel } from './sentinel-cluster.js'

const options = await needsRedis(t)

/** What the log of the only room holds, as text. */
async function logIn(redis: RedisServer): Promise<string> {
  const [log] = [await redis.call('KEYS', '*:log')].flat()
  return JSON.stringify(await redis.call('XRANGE', String(log), '-', '+'))
}

t.test(
  'sentinels put a replica in charge that was behind: everyone who is connected stays, and all lists are the same',
  options,
  async (t) => {
    const { cluster, replica, sentinel } = await startWithSentinel(t)

    const ledger = new Ledger()
    const crowd = await Participant.crowd(ledger, cluster.nodes, 2)
    const [leaver, busy] = crowd
    if (!leaver || !busy) throw new Error('nobody is there')
    for (const speaker of crowd) await speaker.utter()
    await cluster.redis.caughtUpBy(replica)
    await replica.call('REPLICAOF', '127.0.0.1', '1')

    const places = cluster.nodes.map(({ label, url }) => ({ label: `late ${label}`, url }))
    const late = await Participant.crowd(ledger, places, 1)
    const everyone = [...crowd, ...late]
    busy.changeStatus('OCUPADO')
    const messages = []
    for (const speaker of everyone)
      for (let count = 0; count < 5; count += 1) messages.push(await speaker.utter())
    // What comes will know nothing of these, and of one who has left.
    ledger.doubt(
      [leaver, ...late].map(({ account }) => account),
      false,
    )
    await leaver.leave()
    t.same(await balance(ledger, everyone, () => cluster.lists()), [], 'all of it has been seen')

    await cluster.redis.kill()
    await Promise.all(cluster.nodes.map((node) => node.becomes('cut-off')))
    await Promise.all(cluster.nodes.map((node) => node.becomes('ready')))
    t.equal(await sentinel.masterPort(), replica.port)
    const present = everyone.filter((participant) => participant !== leaver)
    await until('everyone is back', async () => {
      return (await cluster.lists()).every(({ users }) => users.length === present.length)
    })
    const log = await logIn(replica)
    const lost = messages.filter(({ content }) => !log.includes(content))
    t.comment(
      `the log has lost ${lost.length} of ${messages.length} accepted messages, ${late.length} arrivals, a departure and a status`,
    )
    t.equal(lost.length, messages.length, 'the replica was behind')

    const chatter = new Chatter(present)
    await until('talk', () => chatter.counts.accepted > 50)
    await chatter.stop()
    t.equal(chatter.counts.refused, 0)
    t.ok(present.every(({ account }) => account.present))
    t.same(await balance(ledger, everyone, () => cluster.lists()), [])
    for (const client of everyone) client.break()
  },
)
