import t from 'tap'
import { SECRETS, SETTINGS } from '../../src/config.js'
import { Client } from '../conformance/client.js'
import { startApp } from '../support/app.js'
import { fences, read, section, table } from './markdown.js'

const readme = read('README.md')

t.test('the table of the configuration is that of the program', async (t) => {
  const expected = SETTINGS.map(({ name, shown, description }) => {
    const plain = shown === '' || shown.includes(' ')
    return [`\`${name}\``, plain ? shown : `\`${shown}\``, description]
  })
  t.same(table(section(readme, 'Configuration')), expected)
})

t.test('the secrets that may come from files are named', async (t) => {
  for (const name of SECRETS) t.match(section(readme, 'Configuration'), `\`${name}_FILE\``)
})

t.test('the session to paste gives what the document says', async (t) => {
  const { url } = await startApp(t)
  const [sent = '', expected = ''] = fences(readme, 'text')
  const client = await Client.open(url)
  for (const line of sent.trim().split('\n')) client.send(line)
  const stamped = /"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/
  for (const line of expected.trim().split('\n')) {
    const { raw } = await client.next()
    t.equal(raw.replace(stamped, ''), line.replace(stamped, ''))
  }
  t.equal((await client.closed()).code, 1000)
  t.same(client.unread, [])
})

t.test('the routes are those of the API', async (t) => {
  const documented = table(section(readme, 'Operate it')).map(([request = '']) => request.replaceAll('`', ''))
  const { paths }: { paths: Record<string, object> } = JSON.parse(read('openapi/openapi.json'))
  const real = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  )
  t.same([...documented].sort(), [...real, 'GET /docs'].sort())
})

t.test('the first screen has what it is, the two commands and something to paste', async (t) => {
  const screen = readme.split('\n').slice(0, 32).join('\n')
  for (const needed of ['npm ci && npm start', 'npm ci && npm test', 'npx wscat -c', '{"type":"register"']) {
    t.match(screen, needed)
  }
})
