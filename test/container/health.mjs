/**
 * Has a container health check judge servers in every state.
 * Usage: node health.mjs '["CMD", PROGRAM, ARGUMENT…]'
 */
import { deepEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'

const [, program, ...args] = JSON.parse(process.argv[2])
const HEALTHY = 0
const UNHEALTHY = 1

const verdicts = {}
for (const status of ['starting', 'ready', 'cut-off', 'leaving', 'draining']) {
  verdicts[status] = await judge(status === 'ready' ? 200 : 503, JSON.stringify({ status }))
}
verdicts['no such route'] = await judge(404, JSON.stringify({ statusCode: 404, error: 'Not Found' }))
verdicts['not JSON'] = await judge(200, 'ready')
verdicts.empty = await judge(200, '')
verdicts['nobody there'] = await run(1)
deepEqual(verdicts, {
  starting: UNHEALTHY,
  ready: HEALTHY,
  'cut-off': HEALTHY,
  leaving: HEALTHY,
  draining: HEALTHY,
  'no such route': UNHEALTHY,
  'not JSON': UNHEALTHY,
  empty: UNHEALTHY,
  'nobody there': UNHEALTHY,
})

/** What is made of a server that answers /health/ready so. */
async function judge(code, body) {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/health/ready' ? code : 400
    response.end(body)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const verdict = await run(server.address().port)
  server.close()
  return verdict
}

async function run(port) {
  const child = spawn(program, args, { env: { ...process.env, PORT: String(port) }, stdio: 'ignore' })
  const [exitCode] = await once(child, 'exit')
  return exitCode
}
