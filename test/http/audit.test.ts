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
