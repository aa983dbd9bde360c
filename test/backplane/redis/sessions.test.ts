/** Extended sessions on whole nodes, over a Redis that is restarted, or looked into. */
import assert from 'node:assert/strict'
import t from 'tap'
import { Client } from '../../conformance/client.js'
import { hold, join, newSecret, person, resume, say, under, whisper } from '../../contract/people.js'
import { startApp } from '../../support/app.js'
import { needsRedis } from '../../support/redis/find.js'
import { until } from '../../support/until.js'
import { ScriptRoom, startRedis } from './kit.js'
import { Node } from './nodes.js'

const options = await needsRedis(t)

t.test(
  'what is kept for sessions is there again after Redis was restarted with its data',
  options,
  async (t) => {
    const server = await startRedis(t, { appendonly: true, appendfsync: 'always' })
    const room = new ScriptRoom(t, server)
    const grace = { resumeGraceMs: 20_000 }
    const [a, b] = [await Node.start(t, room, grace), await Node.start(t, room, grace)]
    const [ana, beto] = [person('Ana'), person('Beto')]
    const [first, second] = [newSecret(), newSecret()]
    t.strictSame(await a.commit(join(ana, { secretHash: first }), join(beto, { secretHash: second })), [
      'ok',
      'ok',
    ])
    const letters = [whisper(beto, 'Ana', '1'), whisper(beto, 'Ana', '2')]
    t.strictSame(await a.commit(under('s', say(ana, 'before')), ...letters), ['ok', 'ok', 'ok'])
    t.strictSame(await a.commit(hold(ana)), ['ok'])
    t.strictSame(await a.commit(whisper(beto, 'Ana', '3')), ['ok'])
    const deadline = async () => Number(await room.admin.zscore(room.key('held'), ana.key))
    const before = await deadline()
    await b.catchUp()
    await server.restart()
    // Nobody is swept for Redis's own absence: whoever is held has the whole time again.
    await until('she is given another term', async () => (await deadline()) > before)
    const again = person('Ana')
    await until('she is taken up', async () => (await b.commit(resume(again, first)))[0] === 'ok')
    const [inbox, other] = await b.backplane.inboxes([
      { secretHash: first, after: 0 },
      { secretHash: second, after: 0 },
    ])
    assert.ok(inbox !== undefined && inbox !== 'lost')
    t.strictSame(
      inbox.map(({ seq, frame }) => [seq, JSON.parse(Buffer.from(frame).toString()).content]),
      [
        [1, '1'],
        [2, '2'],
        [3, '3'],
      ],
    )
    t.strictSame(other, [])
    t.match(await b.backplane.commit([under('s', say(again, 'before'))]), [{ ok: true, repeated: true }])
    const history = await b.backplane.history(undefined, 10)
    t.strictSame(
      history.map(({ frame }) => JSON.parse(Buffer.from(frame).toString()).content),
      ['before'],
    )
    t.strictSame(
      b.sink.kinds.filter((kind) => kind === 'left'),
      [],
    )
  },
)

t.test('the secret that a client is told is nowhere in Redis', options, async (t) => {
  // What is kept is looked into as it is, not packed.
  const server = await startRedis(t, { args: ['--rdbcompression', 'no'] })
  const room = new ScriptRoom(t, server)
  const app = await startApp(t, { REDIS_URL: server.url, KEY_PREFIX: room.prefix })
  const ear = await room.listen()
  const ana = await Client.open(app.url)
  ana.send({ type: 'register', sender: 'Ana', content: { history: 1 } })
  const { raw } = await ana.next('register_success')
  const { session }: { session: string } = JSON.parse(raw)
  t.match(session, /^[\w-]{22,}$/, 'of 128 bits or more')
  ana.send({ type: 'private', sender: 'Ana', target: 'Ana', content: 'hola', ref: 'r' })
  await ana.next('ack')
  ana.ws.terminate()
  await until('she is held', async () => {
    return (await room.scripts.snapshot({ node: '', epoch: '' })).users[0]?.held === true
  })
  const kept = await room.kept()
  t.ok(Object.keys(kept).some((key) => key.includes(':session:')))
  const values = Object.values(kept).map((value) => value ?? Buffer.alloc(0))
  const all = Buffer.concat([Buffer.from(Object.keys(kept).join('\n')), ...values, ...(await ear.take())])
  t.ok(all.includes('"type":"private","sender":"Ana"'), 'it can be read')
  t.notOk(all.includes(session))
})
