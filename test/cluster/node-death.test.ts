import t, { type Test } from 'tap'
import { Cluster } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'
import { until } from '../support/until.js'

const options = await needsRedis(t)

/** Three nodes with two clients each, who talk; one of the nodes is about to end. */
async function talking(t: Test, cluster: Cluster, label: string) {
  const ledger = new Ledger()
  const crowd = await Participant.crowd(ledger, cluster.living, 2)
  const victims = crowd.filter(({ account }) => account.where === label)
  const others = crowd.filter(({ account }) => account.where !== label)
  const chatter = { victims: new Chatter(victims), others: new Chatter(others) }
  await until('some talk', () => Object.values(chatter).every(({ counts }) => counts.accepted > 10))

  /** Lets the others talk on for a while, and looks at the books. */
  const settle = async () => {
    const said = chatter.others.counts.accepted
    await until('more talk', () => chatter.others.counts.accepted > said + 20)
    await chatter.victims.stop()
    await chatter.others.stop()
    t.equal(chatter.others.counts.refused, 0, 'nobody else is disturbed')
    t.same(await balance(ledger, others, () => cluster.lists()), [])
  }
  return { ledger, victims, others, settle }
}

async function gone(cluster: Cluster, victims: readonly Participant[]): Promise<void> {
  const names = new Set(victims.map(({ name }) => name))
  await until('an end on all lists', async () => {
    const lists = await cluster.lists()
    return lists.every(({ users }) => users.every(({ name }) => !names.has(name)))
  })
}

t.test('a node ends', options, async (t) => {
  const cluster = await Cluster.start(t, { redis: { appendonly: true, appendfsync: 'always' } })

  t.test('killed: its users are seen to leave once, and nothing else', async (t) => {
    const { victims, others, settle } = await talking(t, cluster, 'n2')
    await cluster.node('n2').kill()
    t.same(await Promise.all(victims.map((victim) => victim.closed())), [1006, 1006])
    await gone(cluster, victims)
    await settle()
    t.ok(others.every(({ account }) => account.present))
    for (const client of others) await client.leave()
  })

  t.test('asked to: not ready, its clients closed 1012, seen to leave once, exit code 0', async (t) => {
    const node = await cluster.addNode('n4', { READY_LAG_MS: '500', DRAIN_MS: '300' })
    const { ledger, victims, others, settle } = await talking(t, cluster, 'n4')
    const ended = node.terminate()
    await node.becomes('leaving')
    // Until balancers have noticed, clients still come.
    victims.push(await Participant.join(ledger, { label: 'n4', url: node.url }, 'Latecomer'))
    t.same(await Promise.all(victims.map((victim) => victim.closed())), [1012, 1012, 1012])
    t.same(await ended, { code: 0, signal: null })
    await gone(cluster, victims)
    await settle()
    t.ok(others.every(({ account }) => account.present))
    for (const client of others) await client.leave()
  })

  t.test('asked to while Redis is away: its clients closed 1012, exit code 0, and no ghosts', async (t) => {
    const node = await cluster.addNode('n5')
    const ledger = new Ledger()
    const witness = await Participant.join(ledger, cluster.node('n1'), 'Witness')
    const client = await Participant.join(ledger, node, 'Client')
    await cluster.redis.kill()
    await node.becomes('cut-off')
    const ended = node.terminate()
    t.equal(await client.closed(), 1012)
    t.same(await ended, { code: 0, signal: null })
    await cluster.redis.restart()
    await gone(cluster, [client])
    t.same(await balance(ledger, [witness], () => cluster.lists()), [])
    witness.break()
  })

  t.test('asked to before it has ever reached Redis: exit code 0', async (t) => {
    await cluster.redis.kill()
    const node = await cluster.launch('n6')
    t.equal(await node.readiness(), 'starting')
    t.same(await node.terminate(), { code: 0, signal: null })
    await cluster.redis.restart()
    await Promise.all(cluster.living.map((living) => living.becomes('ready')))
  })
})
