import { type IncomingMessage, request } from 'node:http'
import t from 'tap'
import { Cluster, type ClusterNode } from '../support/cluster.js'
import { Ledger } from '../support/ledger/ledger.js'
import { Participant } from '../support/ledger/participant.js'
import { needsRedis } from '../support/redis/find.js'

const options = await needsRedis(t)

/** What an upgrade of `/chat` is answered, if it is refused. */
function upgrade({ server }: ClusterNode): Promise<IncomingMessage> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  return new Promise((resolve, reject) => {
    const asked = request(`${server.http}/chat`, { headers })
    asked.on('response', (response) => {
      response.resume()
      resolve(response)
    })
    asked.on('upgrade', () => reject(new Error('it was not refused')))
    asked.on('error', reject)
    asked.end()
  })
}

t.test(
  'a node that starts while Redis is away is live and not ready, and takes nobody until it is',
  options,
  async (t) => {
    const cluster = await Cluster.start(t, { nodes: 0 })
    await cluster.redis.kill()
    const node = await cluster.launch('n1')
    const live = await fetch(`${node.server.http}/health/live`)
    t.equal(live.status, 200)
    t.equal(await node.readiness(), 'starting')
    const refused = await upgrade(node)
    t.equal(refused.statusCode, 503)
    t.match(refused.headers['retry-after'], /^[1-9]\d*$/)

    await cluster.redis.restart()
    await node.becomes('ready')
    const ledger = new Ledger()
    const client = await Participant.join(ledger, node, 'Ana')
    t.equal((await client.utter()).outcome, 'accepted')
    await client.leave()
  },
)
