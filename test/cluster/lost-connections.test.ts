import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Cluster } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'
import { until } from '../support/until.js'

const options = await needsRedis(t)
const TIMES = 6

/** What is done to the connections, and how often it has to be for something to be under way just then. */
type Fault = (cluster: Cluster, time: number) => Promise<void>

function killed(...types: readonly string[]): Fault {
  return async ({ redis }, time) => {
    for (const type of types) await redis.call('CLIENT', 'KILL', 'TYPE', type)
    await sleep(100 * time)
  }
}

const FAULTS: readonly (readonly [string, Fault])[] = [
  ['those that listen are closed', killed('pubsub')],
  ['those for commands are closed', killed('normal')],
  ['all are closed', killed('normal', 'pubsub')],
  [
    'what Redis did is not answered',
    async ({ nodes }, time) => {
      const proxy = nodes[time % nodes.length]?.proxy
      await proxy?.blackhole('toClient')
      await sleep(200)
      proxy?.killAll()
      await proxy?.restore()
    },
  ],
]

t.test('connections to Redis break while everyone talks', options, async (t) => {
  const cluster = await Cluster.start(t, { proxied: true })
  for (const [what, fault] of FAULTS) {
    t.test(`${what}: nothing is lost, doubled or out of order, and nobody is seen to leave`, async (t) => {
      const ledger = new Ledger()
      const crowd = await Participant.crowd(ledger, cluster.nodes, 3)
      const chatter = new Chatter(crowd, 5)
      const talk = async () => {
        const said = chatter.counts.accepted
        await until('talk', () => chatter.counts.accepted > said + 50)
      }
      for (let time = 0; time < TIMES; time += 1) {
        await talk()
        await fault(cluster, time)
      }
      await talk()
      await chatter.stop()
      t.same(await balance(ledger, crowd, () => cluster.lists(), { privates: true }), [])
      t.ok(crowd.every(({ account }) => account.present))
      for (const client of crowd) await client.leave()
    })
  }
})
