import t from 'tap'
import { Cluster } from '../support/cluster.js'
import { balance } from '../support/ledger/balance.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'

const options = await needsRedis(t)
const ROUNDS = 40

t.test('of six that want a name at the same moment, on three nodes, one gets it', options, async (t) => {
  const cluster = await Cluster.start(t)
  const ledger = new Ledger()
  const clients: Participant[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const places = [...cluster.nodes, ...cluster.nodes]
    // The same name, however it is written.
    const names = places.map((_, index) => (index % 2 === 0 ? `Name ${round}` : `NAME ${round}`))
    const some = await Promise.all(
      places.map((place, index) => Participant.try(ledger, place, names[index] ?? '')),
    )
    const rejections = some.map(({ account }) => account.rejection).filter((text) => text !== undefined)
    t.same(rejections, Array(5).fill('El usuario ya existe'), `one has the name ${round}`)
    clients.push(...some)
  }
  const winners = clients.filter(({ account }) => account.present)
  t.equal(winners.length, ROUNDS)
  t.same(await balance(ledger, winners, () => cluster.lists()), [])
  for (const client of clients) client.break()
})
