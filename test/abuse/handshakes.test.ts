import t from 'tap'
import { startApp } from '../support/app.js'
import { endures } from './endure.js'
import { Raw, requestOf, UPGRADE } from './raw.js'

await endures(t, '3,000 mutations of a right upgrade request', { attack: 'handshakes fuzzed', amount: 3000 })

t.test('an upgrade with a path that cannot be read is refused, and its connection ended', async (t) => {
  const app = await startApp(t)
  for (const [path, status] of [
    ['/%ff%fe', 400],
    [`/users/${'x'.repeat(2000)}`, 414],
  ]) {
    const raw = await Raw.open(app.port)
    raw.socket.write(requestOf([`GET ${path} HTTP/1.1`, ...UPGRADE.slice(1)]))
    await raw.ended()
    t.match(raw.received, new RegExp(`^HTTP/1.1 ${status} `))
    t.match(raw.received, `"statusCode":${status}`)
  }
})
