import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { ask, startApp, TOKEN } from '../support/app.js'
import { DistantBackplane, newRoom } from '../support/shared.js'
import { until } from '../support/until.js'

async function audited(t: Test, level: string) {
  const lines: string[] = []
  const room = newRoom()
  const backplane = new DistantBackplane(room)
  const log = (line: string) => lines.push(line)
  const app = await startApp(t, { LOG_LEVEL: level }, { backplane, store: room.store }, log)
  const said = () => lines.filter((line) => line.includes('"audit":true'))
  return { app, backplane, room, said }
}

t.test('what an operator did is written down also when he is gone before he could be told', async (t) => {
  const { app, backplane, room, said } = await audited(t, 'info')
  backplane.withhold()
  const socket = connect(app.port, '127.0.0.1')
  await once(socket, 'connect')
  const body = JSON.stringify({ kind: 'name', value: 'Beto' })
  const type = 'Content-Type: application/json'
  const head = ['POST /bans HTTP/1.1', 'Host: a', `Authorization: Bearer ${TOKEN}`, type]
  socket.write([...head, `Content-Length: ${body.length}`, '', body].join('\r\n'))
  await until('the ban is committed', () => room.snapshot().bans.length === 1)
  socket.resetAndDestroy()
  const connections = () =>
    new Promise((resolve) => app.http.server.getConnections((_error, count) => resolve(count)))
  await until('he is gone', async () => (await connections()) === 0)
  backplane.release()
  await until('the line', () => said().length > 0)
  t.match(said()[0], /"did":"POST \/bans".*"value":"Beto".*"statusCode":201/)
})

t.test('what changes something is written down unless nothing is', async (t) => {
  for (const [level, count] of [
    ['debug', 2],
    ['info', 1],
    ['warn', 1],
    ['fatal', 1],
    ['silent', 0],
  ] as const) {
    const { app, said } = await audited(t, level)
    await ask(app, '/users')
    const headers = { authorization: `Bearer ${TOKEN}` }
    await app.http.inject({ method: 'DELETE', url: '/users/Ana', headers })
    t.equal(said().length, count, level)
  }
})

t.test('what strangers ask for is no deed of an operator, however they ask', async (t) => {
  const { app, said } = await audited(t, 'debug')
  const answer = (head: string[]) => {
    const socket = connect(app.port, '127.0.0.1')
    socket.write([...head, 'Host: a', '', ''].join('\r\n'))
    t.teardown(() => socket.destroy())
    return once(socket, 'data').then(String)
  }
  const upgrade = ['Upgrade: x', 'Connection: Upgrade']
  t.match(await answer(['DELETE /users/Ana HTTP/1.1', ...upgrade]), /^HTTP\/1.1 404/)
  t.equal((await app.http.inject({ method: 'DELETE', url: '/users/Ana' })).statusCode, 401)
  const headers = { authorization: 'Bearer a-guess' }
  t.equal((await app.http.inject({ method: 'DELETE', url: '/users/Ana', headers })).statusCode, 401)
  t.same(said(), [])
  await app.http.inject({
    method: 'DELETE',
    url: '/users/Ana',
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  t.equal(said().length, 1)
  t.match(said()[0], /"did":"DELETE \/users\/:name".*"statusCode":404/)
})

t.test('what is one too many is no deed either', async (t) => {
  const lines: string[] = []
  const app = await startApp(t, { LOG_LEVEL: 'debug', API_REQUESTS_PER_MINUTE: '1' }, undefined, (line) =>
    lines.push(line),
  )
  const headers = { authorization: `Bearer ${TOKEN}` }
  const statuses: number[] = []
  for (const given of [{}, {}, headers, headers])
    statuses.push((await app.http.inject({ method: 'DELETE', url: '/users/Ana', headers: given })).statusCode)
  t.same(statuses, [401, 429, 404, 429])
  t.equal(lines.filter((line) => line.includes('"audit":true')).length, 1)
})
