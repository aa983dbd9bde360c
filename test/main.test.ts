import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Client } from './conformance/client.js'
import { startServer } from './support/server-process.js'
import { until } from './support/until.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

t.test(
  'says where it listens, how to try it, how to let the network in, and what operators need',
  async (t) => {
    const server = await startServer(t)
    await until('the operator line', () => server.lines.some((line) => line.includes('Operators: ')))
    const text = server.lines.join('\n')
    t.match(text, `npx wscat -c ${server.url}`)
    t.match(text, 'HOST=0.0.0.0 npm start')
    const token = /Bearer ([\w-]+)/.exec(text)?.[1]
    const users = await fetch(`${server.http}/users`, { headers: { authorization: `Bearer ${token}` } })
    t.equal(users.status, 200)
    t.ok(
      server.lines.every((line) => JSON.parse(line).msg !== ''),
      'every line of the log is JSON',
    )
  },
)

t.test('does not log a token that was given', async (t) => {
  const server = await startServer(t, { ADMIN_TOKEN: 'the-token' })
  await until('readiness', async () => (await fetch(`${server.http}/health/ready`)).ok)
  t.notMatch(server.lines.join('\n'), 'the-token')
})

t.test('a wrong configuration is one message with everything that is wrong, and exit code 1', async (t) => {
  const child = spawn(process.execPath, ['build/main.js'], {
    cwd: ROOT,
    env: { ...process.env, PORT: 'x', DRAIN_MS: 'y' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(said, /^The configuration is not valid:\n {2}PORT .*\n {2}DRAIN_MS .*\n$/)
})

t.test('a port that is taken is said in a sentence, with exit code 1', async (t) => {
  const { port } = await startServer(t)
  const second = startServer(t, { PORT: String(port) })
  const error = await second.catch((error: Error) => error)
  if (!(error instanceof Error)) return t.fail('it started')
  t.match(
    error.message,
    new RegExp(`ended with 1: .*"Port ${port} is taken. Another one: PORT=${port + 1} npm start"`),
  )
  t.notMatch(error.message, ' at ', 'no stack')
  return undefined
})

t.test('a token that can be guessed is warned of', async (t) => {
  const short = await startServer(t, { ADMIN_TOKEN: '123456789012345' })
  const warned = () => short.lines.some((line) => line.includes('ADMIN_TOKEN is so short'))
  await until('the warning', warned)
  const long = await startServer(t, { ADMIN_TOKEN: '1234567890123456' })
  long.child.kill('SIGTERM')
  await long.exited
  t.notMatch(long.lines.join('\n'), 'ADMIN_TOKEN')
})

/** How many connections the kernel holds at most until they are accepted; 0 where nothing says so. */
function mostHeld(): number {
  try {
    return Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
  } catch {
    return 0
  }
}

const skip = mostHeld() < 1000 && 'the kernel holds fewer connections than come here'

t.test('a thousand connections can wait for a server that is busy', { skip, timeout: 60_000 }, async (t) => {
  const server = await startServer(t)
  server.child.kill('SIGSTOP')
  t.teardown(() => server.child.kill('SIGCONT'))
  const sockets = Array.from({ length: 1000 }, () => connect(server.port, '127.0.0.1'))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  t.pass('the kernel has taken all of them')
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal}: sessions are closed 1012, exit code 0`, async (t) => {
    const server = await startServer(t, { DRAIN_MS: '100' })
    const ana = await Client.join(server.url, 'Ana')
    const beto = await Client.join(server.url, 'Beto')
    server.child.kill(signal)
    t.equal((await ana.closed()).code, 1012)
    t.equal((await beto.closed()).code, 1012)
    t.same(await server.exited, { code: 0, signal: null })
  })
}

t.test('a second signal ends at once', async (t) => {
  const server = await startServer(t, { DRAIN_MS: '2000000000' })
  const clients = await Promise.all(['Ana', 'Beto'].map((name) => Client.join(server.url, name)))
  server.child.kill('SIGTERM')
  await until('the drain', () => server.lines.some((line) => line.includes('shutting down')))
  server.child.kill('SIGTERM')
  t.same(await server.exited, { code: 1, signal: null })
  t.same(
    (await Promise.all(clients.map((client) => client.closed()))).map(({ code }) => code).sort(),
    [1006, 1012],
    'one had had its turn',
  )
})

t.test('connections are logged at debug, a line an event, and never what was said', async (t) => {
  const server = await startServer(t, { LOG_LEVEL: 'debug' })
  const ana = await Client.join(server.url, 'Ana')
  ana.send({ type: 'broadcast', sender: 'Ana', content: 'a secret' })
  ana.send({ type: 'private', sender: 'Ana', target: 'Ana', content: 'a secret' })
  ana.send('{"type":"broadcast","sender":"Ana","content":"a secret')
  ana.send({ type: 'disconnect', sender: 'Ana', content: 'a secret' })
  await ana.closed()
  await until('the end of the connection', () => server.lines.some((line) => line.includes('disconnected')))
  const events = server.lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 20)
  t.same(
    events.map(({ msg }) => msg),
    ['connected', 'registered', 'disconnected'],
  )
  t.match(events, [{ ip: '127.0.0.1' }, { name: 'Ana' }, { name: 'Ana', code: 1000 }])
  t.notMatch(server.lines.join('\n'), 'secret')
})
