import t from 'tap'
import { Cluster } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'
import { until } from '../support/until.js'

const options = await needsRedis(t)

t.test(
  'a node that sleeps longer than its lease claims its sessions again when it wakes up',
  options,
  async (t) => {
    const cluster = await Cluster.start(t)
    const ledger = new Ledger()
    const crowd = await Participant.crowd(ledger, cluster.nodes, 3)
    const sleepers = crowd.filter(({ account }) => account.where === 'n2')
    const others = crowd.filter(({ account }) => account.where !== 'n2')
    const [loser, ...keepers] = sleepers
    if (loser === undefined) throw new Error('nobody sleeps')
    const [busy] = keepers
    busy?.changeStatus('OCUPADO')
    await busy?.settle()
    // Who joins later stands behind them, whatever happens.
    crowd.push(await Participant.join(ledger, cluster.node('n3'), 'Last'))
    const before = await cluster.node('n1').users()

    const chatter = new Chatter(others)
    const node = cluster.node('n2')
    ledger.doubt(
      sleepers.map(({ account }) => account),
      true,
    )
    node.freeze()
    const listed = async (name: string) =>
      (await cluster.node('n1').users()).some((user) => user.name === name)
    for (const { name } of sleepers) await until(`${name} is swept`, async () => !(await listed(name)))

    const taker = await Participant.join(ledger, cluster.node('n1'), loser.name)
    // What is sent now, the node reads when it wakes up.
    const stale = [loser.say(), loser.tell(taker), loser.changeStatus('OCUPADO')]
    for (const keeper of keepers) {
      keeper.say()
      keeper.changeStatus('INACTIVO')
      keeper.say()
    }
    node.thaw()
    t.equal(await loser.closed(), 4006)
    await node.becomes('ready')
    await until('claims', async () =>
      (await Promise.all(keepers.map(({ name }) => listed(name)))).every(Boolean),
    )
    await chatter.stop()
    t.equal(chatter.counts.refused, 0, 'nobody else is disturbed')

    const everyone = [...crowd, taker]
    t.same(await balance(ledger, everyone, () => cluster.lists()), [])
    const heard = everyone.flatMap(({ account }) => account.sights)
    t.notOk(
      heard.some((sight) => 'message' in sight && stale.includes(sight.message)),
      'nothing was heard in the name that was lost',
    )
    t.equal(taker.account.status, 'ACTIVO')

    const after = await cluster.node('n1').users()
    const rest = (users: typeof before) =>
      users.filter(({ name }) => name !== loser.name).map(({ name }) => name)
    t.same(rest(after), rest(before), 'everyone else stands where he stood')
    t.equal(after.at(-1)?.name, taker.name)
    for (const client of everyone) client.break()
  },
)
