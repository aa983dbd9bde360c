import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { originOf } from './case.js'
import { cases } from './cases/index.js'
import { startPlainServer } from './fixtures/plain-server.js'

const CLI = fileURLToPath(new URL('cli.ts', import.meta.url))
const SHOWN = cases.filter((one) => originOf(one) === 'source').length

/** Runs the suite as a user does, with a deadline that suits a server on this machine. */
async function conformance(args: string[], deadlineMs = '2000') {
  const child = spawn(process.execPath, [...process.execArgv, CLI, ...args], {
    env: { ...process.env, TEST_DEADLINE_MS: deadlineMs },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  return { code, stdout, stderr, lines: stdout.trimEnd().split('\n') }
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await once(server.close(), 'close')
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

t.test('a server made from the source document alone passes with --source-only', async (t) => {
  const url = await startPlainServer(t)
  const { code, stdout, stderr, lines } = await conformance([url, '--source-only'])
  t.equal(code, 0, stdout + stderr)
  t.equal(
    lines.at(-1),
    `source    ${SHOWN} ok, 0 failed, 0 skipped (what the source document says)`,
    'there is one total',
  )
  t.equal(lines.filter((line) => line.startsWith('ok ')).length, SHOWN)
  t.notMatch(stdout, 'decision')
})

t.test('what Tertulia decided is told apart from what the source document says', async (t) => {
  const url = await startPlainServer(t)
  const { code, lines } = await conformance([url, '--only', 'list_users'], '500')
  t.equal(code, 1)
  t.ok(
    lines.includes(
      'ok       source    docs/protocol.md 1.4: list_users is answered with the names of those who are there',
    ),
  )
  const failed =
    'FAIL     decision  docs/protocol.md 1.4: list_users gives everyone present in the order of joining, the asker included'
  t.equal(lines.filter((line) => line === failed).length, 2, 'where it failed, and again at the end')
  t.match(lines.at(-2), /^source {4}1 ok, 0 failed, 0 skipped/)
  t.match(lines.at(-1), /^decision {2}\d+ ok, [1-9]\d* failed, \d+ skipped/)
})

t.test('says after which case the server died, and what was not run', async (t) => {
  const url = await startPlainServer(t, ({ type }, server) => {
    if (type === 'private') server.stop()
  })
  const { code, lines } = await conformance([url, '--source-only'], '500')
  t.equal(code, 1)
  const death = lines.findIndex((line) => line.startsWith('DIED'))
  t.match(lines[death], `${url} takes no more connections (connect ECONNREFUSED 127.0.0.1:`)
  t.match(lines[death + 1], 'docs/protocol.md 1.4: a private message comes to its target, and to no third')
  const shown = cases.filter((one) => originOf(one) === 'source').map((one) => one.name)
  const left = shown.slice(shown.findIndex((name) => name.startsWith('a private message')) + 1)
  t.ok(left.length > 0)
  t.same(
    lines.filter((line) => line.startsWith('not run')),
    left.map((name) => `not run  source    docs/protocol.md 1.4: ${name}`),
  )
  t.match(lines.at(-1), `1 failed, 0 skipped, ${left.length} not run`)
})

t.test('a server that cannot be reached is one sentence, and exit code 2', async (t) => {
  const url = `ws://127.0.0.1:${await closedPort()}/chat`
  const { code, stdout, stderr } = await conformance([url])
  t.equal(code, 2)
  t.equal(stdout, '')
  t.equal(stderr, `${url} cannot be reached: connect ECONNREFUSED ${new URL(url).host}\n`)

  const plain = await startPlainServer(t)
  const elsewhere = plain.replace('/chat', '/otro')
  const refused = await conformance([plain, elsewhere])
  t.equal(refused.code, 2)
  t.equal(refused.stderr, `${elsewhere} cannot be reached: the upgrade was answered 400\n`)
})

t.test('a wrong command line is told with the usage, and exit code 2', async (t) => {
  const url = `ws://127.0.0.1:${await closedPort()}/chat`
  const wrong: [args: string[], message: string][] = [
    [[], 'the URL of the server is missing'],
    [['http://127.0.0.1/chat'], '"http://127.0.0.1/chat" is not a URL such as ws://127.0.0.1:3000/chat'],
    [[url, '--nada'], "Unknown option '--nada'"],
    [[url, '--timers', 'ping=x'], '--timers: "ping=x" is not one of ping, register, idle'],
    [[url, '--only', 'nada de esto'], 'no case has "nada de esto" in its section or name'],
    [[url, '--source-only', '--only', '426'], 'no case of the source has "426" in its section or name'],
  ]
  await Promise.all(
    wrong.map(async ([args, message]) => {
      const { code, stdout, stderr } = await conformance(args)
      t.equal(code, 2, message)
      t.equal(stdout, '')
      const [first, , ...usage] = stderr.split('\n')
      t.match(first, message)
      t.equal(usage[0], 'Checks that a server speaks the chat protocol.')
    }),
  )
  const { code, stderr } = await conformance([url], 'pronto')
  t.equal(code, 2)
  t.match(stderr, /^TEST_DEADLINE_MS must be a number of milliseconds\n/)
})

t.test('--help prints the usage, and exit code 0', async (t) => {
  const { code, stdout, stderr } = await conformance(['--help'])
  t.equal(code, 0)
  t.match(stdout, 'npm run conformance -- <url>...')
  t.equal(stderr, '')
})

t.test('a server that closes every connection fails, and the totals are told', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close())
  server.on('connection', (socket) => socket.close())
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const { code, lines } = await conformance([`ws://127.0.0.1:${address.port}/chat`, '--source-only'], '500')
  t.equal(code, 1)
  t.match(lines.at(-1), /^source {4}\d+ ok, [1-9]\d* failed, 0 skipped/)
})
