import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { Client, DEFAULTS } from '../../src/client/client.js'
import type { ClientErrorCode } from '../../src/client/index.js'
import type { ClientOptions, Events, Guarantees } from '../../src/client/types.js'
import { fences, ROOT, read, section, table } from '../docs/markdown.js'
import { startApp } from '../support/app.js'
import { FakeServer } from './fake-server.js'

const README = read('src/client/README.md')

/** The code in the first cells of a table, sorted. */
function firsts(heading: string): string[] {
  const cells = table(section(README, heading)).map(([cell = '']) => cell)
  return cells.flatMap((cell) => Array.from(cell.matchAll(/`(\w+)/g), ([, name = '']) => name)).sort()
}

const run = promisify(execFile)

for (const [server, start] of Object.entries({
  'a model of a server': async (test: Test) => (await FakeServer.start(test)).url,
  Tertulia: async (test: Test) => (await startApp(test)).url,
})) {
  t.test(`the ten lines work, and end by themselves, against ${server}`, async (t) => {
    const url = await start(t)
    const [code = ''] = fences(README, 'js')
    const [expected] = fences(README, 'text')
    t.equal(code.trim().split('\n').length, 10)
    // Below the package, so that its name leads to it; after `npm run build`.
    const file = `${ROOT}build/readme-${process.pid}.mjs`
    t.teardown(() => rm(file))
    await writeFile(file, code.replace('ws://127.0.0.1:3000/chat', url))
    const { stdout, stderr } = await run(process.execPath, [file], { timeout: 30_000 })
    t.equal(stdout, expected)
    t.equal(stderr, '')
  })
}

t.test('so do the lines in the README of the repository', async (t) => {
  const { url } = await startApp(t)
  const [code = ''] = fences(read('README.md'), 'js')
  const file = `${ROOT}build/readme-short-${process.pid}.mjs`
  t.teardown(() => rm(file))
  await writeFile(file, code.replace('ws://127.0.0.1:3000/chat', url))
  const { stdout, stderr } = await run(process.execPath, [file], { timeout: 30_000 })
  t.equal(stdout, 'Ana: ¡Hola a todos!\n')
  t.equal(stderr, '')
})

t.test('all methods are in the document, and no others', (t) => {
  const properties = Object.entries(Object.getOwnPropertyDescriptors(Client.prototype))
  const methods = properties.filter(([name, { value }]) => value !== undefined && name !== 'constructor')
  t.same(firsts('What you can ask for'), methods.map(([name]) => name).sort())
  t.end()
})

t.test('all events are', (t) => {
  const events: Record<keyof Events, true> = {
    state: true,
    online: true,
    message: true,
    private: true,
    joined: true,
    left: true,
    status: true,
    lost: true,
    error: true,
  }
  t.same(firsts('Events'), Object.keys(events).sort())
  t.end()
})

t.test('all guarantees are', (t) => {
  const guarantees: Record<keyof Guarantees, true> = {
    exactlyOnce: true,
    privateReceipts: true,
    joins: true,
    history: true,
    credentials: true,
  }
  t.same(firsts('What holds'), Object.keys(guarantees).sort())
  t.end()
})

t.test('all options are, with their defaults', (t) => {
  const options: Record<keyof ClientOptions, true> = {
    name: true,
    password: true,
    token: true,
    history: true,
    WebSocket: true,
    connectTimeoutMs: true,
    attemptTimeoutMs: true,
    answerTimeoutMs: true,
    sendTimeoutMs: true,
    backoffBaseMs: true,
    backoffCapMs: true,
    heartbeatMs: true,
    clock: true,
    random: true,
  }
  t.same(firsts('Options'), Object.keys(options).sort())
  const shown = table(section(README, 'Options')).filter(([, value]) => value !== '')
  const defaults = Object.entries(DEFAULTS).filter(([, value]) => typeof value === 'number')
  t.same(
    shown.map(([name, value]) => [name, value]),
    defaults.map(([name, value]) => [`\`${name}\``, `\`${value}\``]),
  )
  t.end()
})

t.test('all error codes are', (t) => {
  const codes: Record<ClientErrorCode, true> = {
    UNDECIDED: true,
    TIMEOUT: true,
    QUEUE_FULL: true,
    CLOSED: true,
    DISCONNECTED: true,
    REFUSED: true,
    UNSUPPORTED: true,
    UNREADABLE: true,
  }
  t.same(firsts('Errors'), Object.keys(codes).sort())
  t.end()
})
