import { randomUUID } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Client } from '../conformance/client.js'
import { type RunningApp, startApp } from '../support/app.js'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Bytes of heap after collection. */
async function heap(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

/** What a session sends in a round: good frames and bad ones, of every kind. */
const FRAMES = [
  (sender: string) => JSON.stringify({ type: 'broadcast', sender, content: 'x'.repeat(100) }),
  (sender: string) => JSON.stringify({ type: 'private', sender, target: sender, content: 'hola' }),
  (sender: string) => JSON.stringify({ type: 'private', sender, target: 'nadie', content: 'hola' }),
  (sender: string) => JSON.stringify({ type: 'user_info', sender, target: sender }),
  (sender: string) => JSON.stringify({ type: 'change_status', sender, content: 'OCUPADO' }),
  (sender: string) => JSON.stringify({ type: 'change_status', sender, content: 'ACTIVO' }),
  (sender: string) => JSON.stringify({ type: 'register', sender }),
  () => JSON.stringify({ type: 'broadcast', sender: 'somebody else', content: 'x' }),
  () => '{"type":"broadcast","sender":',
  () => JSON.stringify({ type: randomUUID(), sender: 'x' }),
]

/** One session that comes, sends `count` frames, and goes. */
async function visit(app: RunningApp, count: number): Promise<void> {
  const client = await Client.join(app.url, `Ana ${randomUUID()}`)
  for (let sent = 0; sent < count; sent += FRAMES.length) {
    for (const frame of FRAMES) client.send(frame(client.name))
    await client.settle()
  }
  client.send({ type: 'disconnect', sender: client.name })
  await client.closed()
}

t.test('the heap after collection is flat over 100,000 frames', async (t) => {
  // A short log and a short history, so that they are full from the start.
  const app = await startApp(t, {
    LOG_LENGTH: '100',
    HISTORY_LENGTH: '100',
    RATE_PER_SECOND: '0',
    REGISTRATIONS_PER_MINUTE: '0',
  })
  for (let round = 0; round < 10; round += 1) await visit(app, 1000)
  const before = await heap()
  for (let round = 0; round < 100; round += 1) await visit(app, 1000)
  const after = await heap()
  t.comment(`heap: ${before} bytes before, ${after} after`)
  t.ok(after - before < 1024 * 1024, `less than 11 bytes a frame: ${before} → ${after}`)
  t.equal(app.node.directory.size, 0)
})
