import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Browser } from 'playwright-core'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { Client, type SocketClass } from '../../src/client/index.js'
import { needsRedis } from '../support/redis/find.js'
import { bundle, clientBundle } from './bundle.js'
import { launchChromium } from './chromium.js'
import { CASES, type Control, runCase } from './suite.js'
import { reach, TARGETS, type Target, tertuliaOverRedis } from './targets.js'

const VERBS = ['drop', 'cut', 'blackhole', 'restore', 'forget'] as const

/** The page loads the client as it is built for browsers, and the suite. */
const PAGE = `<!doctype html><title>tertulia/client</title><script type="module">
  import { Client } from '/client.js'
  import { runCase } from '/suite.js'
  const control = Object.fromEntries(${JSON.stringify(VERBS)}.map((verb) => [verb, (name) => window.control(verb, name)]))
  window.run = (name, addresses) => runCase(name, { Client, WebSocket, control, ...addresses })
</script>`

/** Serves the page on a free port, and returns its address. It ends with the test. */
async function servePage(t: Test): Promise<string> {
  const [client, suite] = await Promise.all([clientBundle(), bundle('test/client/suite.ts')])
  const files: Readonly<Record<string, string>> = { '/client.js': client.text, '/suite.js': suite.text }
  const server = createServer(({ url = '' }, response) => {
    const script = files[url]
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript')
    response.end(script ?? PAGE)
  })
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the page has no port')
  return `http://127.0.0.1:${address.port}/`
}

/** Runs one case somewhere. */
type Run = (name: string) => Promise<unknown>

/** Where the suite runs: each gives a way to run a case against a server. */
type Platform = (t: Test, addresses: Awaited<ReturnType<typeof reach>>) => Promise<Run>

const inNode =
  (socketClass: SocketClass): Platform =>
  async (_, addresses) =>
  (name) =>
    runCase(name, { Client, WebSocket: socketClass, ...addresses })

const inBrowser =
  (browser: Browser): Platform =>
  async (t, { control, ...addresses }) => {
    const page = await browser.newPage()
    await page.exposeFunction('control', (verb: keyof Control, name: string) => control[verb](name))
    const errors: unknown[] = []
    page.on('pageerror', (error) => errors.push(error))
    await page.goto(await servePage(t))
    return async (name) => {
      await page.evaluate(`run(${JSON.stringify(name)}, ${JSON.stringify(addresses)})`)
      if (errors.length > 0) throw new Error(`on the page: ${errors.join(', ')}`)
    }
  }

async function runAll(t: Test, prepare: Platform, target: Target): Promise<void> {
  const run = await prepare(t, await reach(t, target))
  for (const name of Object.keys(CASES)) await t.resolves(run(name), name)
}

const native: SocketClass | undefined = globalThis.WebSocket
const platforms: Record<string, Platform> = {
  'Node with ws': inNode(WebSocket),
  ...(native && { "Node's own WebSocket": inNode(native) }),
}
try {
  platforms.Chromium = inBrowser(await launchChromium(t))
} catch (error) {
  const why = `NO BROWSER HERE: the client was not tried in one. ${String(error)}`
  console.error(why)
  // Without a Chromium for one's machine one can still work on everything else; what lands has been in a browser.
  if (process.env.CI === 'true') t.fail(why)
  else t.pass('the browser', { skip: why })
}

for (const [server, start] of Object.entries(TARGETS)) {
  for (const [platform, prepare] of Object.entries(platforms)) {
    t.test(`${platform}, against ${server}`, async (t) => runAll(t, prepare, await start(t)))
  }
}

const { skip } = await needsRedis(t)
t.test('Node with ws, against Tertulia over Redis', { skip }, async (t) =>
  runAll(t, inNode(WebSocket), await tertuliaOverRedis(t)),
)
