import t from 'tap'
import { Cluster } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'
import { until } from '../support/until.js'

const options = await needsRedis(t)

const TURNS = 100

/** Large messages: so many at a time, and so many that no system takes them all for a client that does not read. */
const BURST = 32
const MOST = 6000

t.test('three nodes that nothing happens to', options, async (t) => {
  const cluster = await Cluster.start(t)

  t.test('everyone sees the same in the same order, whoever sends whatever at the same time', async (t) => {
    const ledger = new Ledger()
    const crowd: Participant[] = []
    for (const [index, place] of [...cluster.nodes, ...cluster.nodes, ...cluster.nodes].entries())
      crowd.push(await Participant.join(ledger, place, `Sender ${index}`))
    // Nobody waits for anything: bursts of all nodes meet.
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (const [index, speaker] of crowd.entries()) {
        speaker.say()
        const other = crowd[(index + turn) % crowd.length]
        if (other && turn % 2 === 0) speaker.tell(other)
        if (turn % 10 === index) speaker.changeStatus(turn % 20 === index ? 'OCUPADO' : 'ACTIVO')
      }
      if (turn % 10 === 5) await Promise.all(crowd.map((speaker) => speaker.settle()))
    }
    t.same(await balance(ledger, crowd, () => cluster.lists()), [])
    const received = crowd.map(({ account }) => account.sights.filter(({ kind }) => kind === 'said').length)
    t.same(
      received,
      Array.from(crowd, () => 9 * TURNS + 1),
      'all of it',
    )
    for (const speaker of crowd) await speaker.leave()
  })

  t.test('whoever registers while others come, go and talk is told who is there', async (t) => {
    const ledger = new Ledger()
    const join = async (name: string, place = 0) => {
      const node = cluster.nodes[place % 3]
      if (node === undefined) throw new Error('no node')
      return Participant.join(ledger, node, name)
    }
    const witnesses = await Promise.all([join('Ana', 0), join('Beto', 1), join('Caro', 2)])
    const all = [...witnesses]
    const guest = async (index: number) => {
      for (let visit = 0; visit < 5; visit += 1) {
        // The same name again, on another node.
        const participant = await join(`Guest ${index}`, index + visit)
        all.push(participant)
        await participant.utter()
        if (visit % 2 === 0) await participant.leave()
        else participant.break()
        await until(`Guest ${index} has gone`, async () => {
          const lists = await cluster.lists()
          return lists.every(({ users }) => users.every(({ name }) => name !== `Guest ${index}`))
        })
      }
    }
    await Promise.all([0, 1, 2, 3].map((index) => guest(index)))
    t.same(await balance(ledger, all, () => cluster.lists()), [])
    for (const witness of witnesses) await witness.leave()
  })

  t.test('who stops reading is closed 1013, and nobody waits for that, on whatever node', async (t) => {
    const ledger = new Ledger()
    const crowd = await Participant.crowd(ledger, cluster.nodes, 1)
    const [slow, speaker, witness] = crowd
    if (!slow || !speaker || !witness) throw new Error('nobody is there')
    slow.client.ws.pause()
    const gone = () =>
      witness.account.sights.some((sight) => sight.kind === 'left' && sight.name === slow.name)
    for (let count = 0; count < MOST && !gone(); count += BURST) {
      const burst = Array.from({ length: BURST }, () => speaker.say('😀'.repeat(4000)))
      await until('the last', () => burst.at(-1)?.outcome === 'accepted')
    }
    t.ok(gone(), 'it is seen to leave')
    slow.client.ws.resume()
    t.equal(await slow.closed(), 1013)
    t.same(await balance(ledger, crowd, () => cluster.lists()), [])
    for (const client of [speaker, witness]) await client.leave()
  })
})
