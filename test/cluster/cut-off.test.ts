import t from 'tap'
import { Cluster } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'
import type { TcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'

const options = await needsRedis(t)

const FAULTS: readonly (readonly [string, string, (proxy: TcpProxy) => Promise<void>])[] = [
  ['its connections are refused', 'n1', (proxy) => proxy.drop()],
  ['nothing passes, and nothing says so', 'n2', (proxy) => proxy.blackhole()],
  ['nothing it sends arrives', 'n3', (proxy) => proxy.blackhole('toServer')],
  ['nothing arrives that it is sent', 'n1', (proxy) => proxy.blackhole('toClient')],
]

t.test('a node is cut off from Redis, and the others are not', options, async (t) => {
  const cluster = await Cluster.start(t, { proxied: true, env: { COMMIT_TIMEOUT_MS: '500' } })
  for (const [what, label, cut] of FAULTS) {
    t.test(`${what}: it counts as dead, and claims its sessions again`, async (t) => {
      const ledger = new Ledger()
      const crowd = await Participant.crowd(ledger, cluster.nodes, 4)
      const victims = crowd.filter(({ account }) => account.where === label)
      const others = crowd.filter(({ account }) => account.where !== label)
      const [quiet, silent, ...talkers] = victims
      const [other] = others
      if (!quiet || !silent || !other) throw new Error('nobody is there')
      const chatter = { victims: new Chatter(talkers), others: new Chatter(others) }
      await until('some talk', () => Object.values(chatter).every(({ counts }) => counts.accepted > 10))

      const node = cluster.node(label)
      const neighbour = cluster.node(other.account.where)
      ledger.doubt(
        victims.map(({ account }) => account),
        true,
      )
      await cut(node.proxy)
      await node.becomes('cut-off')
      // What is on its way to Redis at this moment has to wait: it may have arrived. What comes behind it is refused.
      quiet.say()
      await quiet.read()
      t.equal((await silent.utter()).outcome, 'refused')
      const refused = [silent.tell(other), silent.changeStatus('OCUPADO')]
      const [list, late] = await Promise.all([silent.settle(), Participant.try(ledger, node, 'Late')])
      t.ok(list.includes(other.name), 'the list is answered as far as it is known')
      t.ok(refused.every(({ outcome }) => outcome === 'refused'))
      t.match(late.account.rejection, /no está disponible/)
      await until('the others see them leave', async () => (await neighbour.users()).length === 8)
      t.ok(
        victims.every(({ account }) => account.present),
        'they stay connected',
      )
      t.equal(await node.readiness(), 'cut-off')

      await node.proxy.restore()
      await node.becomes('ready')
      await until('claims', async () => (await neighbour.users()).length === 12)
      const said = chatter.victims.counts.accepted
      await until('they can talk again', () => chatter.victims.counts.accepted > said + 10)
      await chatter.victims.stop()
      await chatter.others.stop()
      t.equal(chatter.others.counts.refused, 0, 'nobody else is disturbed')
      t.ok(crowd.every(({ account }) => account.present))
      t.same(await balance(ledger, crowd, () => cluster.lists(), { privates: true }), [])
      for (const client of [...crowd, late]) await client.leave()
    })
  }
})
