import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import Type from 'typebox'
import { Parse } from 'typebox/value'
import { documents } from '../../src/cli/documents.js'
import { startApp } from '../support/app.js'

const committed = readFileSync(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')
const Routes = Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()))
const Document = Type.Object({ openapi: Type.String(), paths: Routes })
const document = Parse(Document, JSON.parse(committed))

t.test('the committed documents are up to date (else: npm run openapi)', async (t) => {
  const made = await documents()
  t.same(Object.keys(made), ['openapi/openapi.json', 'openapi/asyncapi.json', 'docs/asyncapi.md'])
  for (const [path, text] of Object.entries(made))
    t.equal(text, readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), path)
})

t.test('the document is valid OpenAPI 3.1', async (t) => {
  t.equal(document.openapi, '3.1.0')
  const { valid, errors } = await new Validator().validate(JSON.parse(committed))
  t.ok(valid, JSON.stringify(errors))
})

t.test('the document has every route of the API, and nothing else', async (t) => {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  t.same(routes.sort(), [
    'delete /accounts/{name}',
    'delete /bans/{id}',
    'delete /messages/{position}',
    'delete /users/{name}',
    'get /accounts',
    'get /bans',
    'get /health/live',
    'get /health/ready',
    'get /messages',
    'get /nodes',
    'get /users',
    'get /users/{name}',
    'post /announcements',
    'post /bans',
  ])
})

t.test('the document says which routes need the operator token', async (t) => {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((route) => [path, route] as const),
  )
  for (const [path, route] of routes) {
    const { security, responses } = Parse(
      Type.Object({
        security: Type.Optional(Type.Unknown()),
        responses: Type.Record(Type.String(), Type.Unknown()),
      }),
      route,
    )
    const operators = !path.startsWith('/health')
    t.same(security, operators ? [{ operator: [] }] : undefined, path)
    t.equal('401' in responses, operators, path)
  }
})

t.test('the document is served at /docs/json, and a page to try it on at /docs', async (t) => {
  const app = await startApp(t)
  t.same((await app.http.inject('/docs/json')).json(), JSON.parse(committed))
  const page = await app.http.inject('/docs')
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], /text\/html/)
  t.match(page.body, /swagger-ui/)
})

t.test('the root leads to the documents', async (t) => {
  const app = await startApp(t)
  const answer = await app.http.inject('/')
  t.same([answer.statusCode, answer.headers.location], [302, '/docs'])
})
