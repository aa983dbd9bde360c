import t, { type Test } from 'tap'
import { Cluster, type User } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Chatter } from '../support/ledger/chatter.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'
import { until } from '../support/until.js'

const options = await needsRedis(t)

/** Nobody's patience ends before Redis is back. */
const PATIENT = { env: { COMMIT_TIMEOUT_MS: '20000' } }

/** What must not change when sessions are claimed again. */
const who = (users: readonly User[]) => users.map(({ node: _, ...rest }) => rest)

/** A room with a past, so that places in it are far from those that Redis would give out anew. */
async function furnished(cluster: Cluster) {
  const ledger = new Ledger()
  const crowd: Participant[] = []
  for (const round of [1, 2, 3]) {
    for (const node of cluster.nodes) {
      const participant = await Participant.join(ledger, node, `${node.label} ${round}`)
      crowd.push(participant)
      for (let count = 0; count < 5; count += 1) await participant.utter()
      if (round === 2) participant.changeStatus('OCUPADO')
      await participant.settle()
    }
  }
  return { ledger, crowd, before: who(await cluster.node('n1').users()) }
}

async function talkUntil(over: AbortSignal, speaker: Participant): Promise<void> {
  while (!over.aborted) await speaker.utter()
}

/** Everyone is there as before, and can talk. */
async function checkAll(
  t: Test,
  cluster: Cluster,
  { ledger, crowd, before }: Awaited<ReturnType<typeof furnished>>,
  newcomers: readonly Participant[],
): Promise<void> {
  const everyone = [...crowd, ...newcomers]
  const chatter = new Chatter(everyone)
  await until('talk', () => chatter.counts.accepted > 50)
  await chatter.stop()
  t.equal(chatter.counts.refused, 0)
  t.ok(everyone.every(({ account }) => account.present))
  t.same(await balance(ledger, everyone, () => cluster.lists()), [], 'nobody is seen to leave')
  const names = (users: readonly { name: string }[]) => users.map(({ name }) => name)
  const after = who(await cluster.node('n1').users())
  t.same(names(after.slice(0, before.length)), names(before), 'in the order of before')
  t.same(new Set(names(after.slice(before.length))), new Set(names(newcomers)), 'and who is new, behind')
}

t.test('Redis is killed and comes back with nothing', options, async (t) => {
  const cluster = await Cluster.start(t, PATIENT)

  t.test('everyone is present as before, and nobody is seen to leave; newcomers wait for that', async (t) => {
    const room = await furnished(cluster)
    const { ledger, crowd, before } = room
    await cluster.redis.restartEmpty()
    const [first, second, third] = cluster.nodes
    if (!first || !second || !third) throw new Error('no nodes')
    // At the moment at which the time for claims is over, all are talking.
    const over = new AbortController()
    const talk = Promise.all(crowd.map((speaker) => talkUntil(over.signal, speaker)))
    const [newcomers, thief] = await Promise.all([
      Promise.all([
        Participant.join(ledger, first, 'New 1'),
        Participant.join(ledger, second, 'New 2'),
        Participant.join(ledger, third, 'New 3'),
      ]),
      Participant.try(ledger, first, String(crowd.at(-1)?.name)),
    ])
    t.equal(thief.account.rejection, 'El usuario ya existe', 'no name can be taken from who is still there')
    await Promise.all(cluster.nodes.map((node) => node.becomes('ready')))
    for (let count = 0; count < 20; count += 1) await newcomers[0]?.utter()
    over.abort()
    await talk
    const users = who(await cluster.node('n1').users())
    t.same(users.slice(0, before.length), before, 'with name, address, status and time')
    await checkAll(t, cluster, room, newcomers)
    for (const client of [...crowd, ...newcomers]) await client.leave()
    thief.break()
  })

  t.test('also when a node that knows nothing of it comes first', async (t) => {
    const room = await furnished(cluster)
    await cluster.redis.kill()
    const old = [...cluster.nodes]
    await Promise.all(old.map((node) => node.becomes('cut-off')))
    for (const node of old) node.freeze()
    await cluster.redis.restartEmpty()
    await cluster.addNode('n4')
    for (const node of old) node.thaw()
    await Promise.all(old.map((node) => node.becomes('ready')))
    await until('claims', async () => (await cluster.lists()).every(({ users }) => users.length === 9))
    t.same(who(await cluster.node('n4').users()), room.before, 'with name, address, status and time')
    await checkAll(t, cluster, room, [])
  })
})
