import t from 'tap'
import { MemoryBackplane } from '../../src/backplane/memory.js'
import { Client } from '../conformance/client.js'
import { ask, startApp } from '../support/app.js'
import { DistantBackplane, newRoom } from '../support/shared.js'

t.test('GET /nodes tells which nodes share the room, in the order of their starts', async (t) => {
  const room = newRoom()
  const share = () => ({ backplane: new MemoryBackplane(room), store: room.store })
  const before = Date.now()
  const one = await startApp(t, { NODE_ID: 'one' }, share())
  const two = await startApp(t, { NODE_ID: 'two' }, share())
  await Client.join(two.url, 'Ana')
  const answer = await ask(one, '/nodes')
  t.equal(answer.statusCode, 200)
  const { nodes } = answer.json()
  t.match(nodes, [
    { id: /^one-[0-9a-f]{16}$/, label: 'one', sessions: 0, leaseMs: null },
    { id: /^two-[0-9a-f]{16}$/, label: 'two', sessions: 1, leaseMs: null },
  ])
  t.same(Object.keys(nodes[0]), ['id', 'label', 'sessions', 'startedAt', 'leaseMs'])
  t.ok(Date.parse(nodes[0].startedAt) >= before)
})

t.test('GET /nodes is for operators', async (t) => {
  const app = await startApp(t)
  t.equal((await app.http.inject('/nodes')).statusCode, 401)
})

t.test('GET /nodes says 503 when what the nodes share cannot be reached', async (t) => {
  const room = newRoom()
  const backplane = new DistantBackplane(room)
  const app = await startApp(t, {}, { backplane, store: room.store })
  backplane.nodes = () => Promise.reject(new Error('away'))
  const answer = await ask(app, '/nodes')
  t.equal(answer.statusCode, 503)
  t.match(answer.json().message, /cannot be reached/)
})
