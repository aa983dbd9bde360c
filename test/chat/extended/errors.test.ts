/** Part 2, 5: errors of extended sessions have a code, and say whether trying again can help. */
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { ERRORS, type ErrorCode } from '../../../src/protocol/codes.js'
import { Client, fieldsOf } from '../../conformance/client.js'
import { act, startApp } from '../../support/app.js'
import { Extended, type Fields, masked } from '../../support/extended.js'
import { type OpenPair, onEveryBackplane } from '../../support/pairs.js'
import { DistantBackplane, newRoom } from '../../support/shared.js'
import { until } from '../../support/until.js'

const PASSWORD = 'correct horse battery'
const SECRET = 'a secret that is long enough for HS256'
const BASE = ['type', 'sender', 'content', 'timestamp']

/** Checks an error of an extended session against the registry. */
function isError(t: Test, frame: Fields, code: ErrorCode, ref?: string): void {
  const { retry } = ERRORS[code]
  t.equal(frame.code, code)
  const fields = [...BASE, ...(ref === undefined ? [] : ['ref']), 'code', ...(retry ? ['retry'] : [])]
  t.same(Object.keys(frame), fields, code)
  if (retry) t.equal(frame.retry, true)
  if (ref !== undefined) t.equal(frame.ref, ref)
}

async function errors(t: Test, open: OpenPair): Promise<void> {
  await t.test(
    'what is sent on a registered connection: the code, and the text of a base session',
    async (t) => {
      const { one, two } = await open(t)
      const ana = await Extended.enter(one, 'Ana')
      const beto = await Client.join(two.url, 'Beto')
      await ana.next('user_connected')
      const cases: [frame: string | object, code: ErrorCode][] = [
        ['{"type":', 'INVALID_JSON'],
        ['[1]', 'NOT_AN_OBJECT'],
        ['null', 'NOT_AN_OBJECT'],
        [{ sender: 'Ana' }, 'INVALID_FIELD'],
        [{ type: 'broadcast', sender: 'SENDER' }, 'INVALID_FIELD'],
        [{ type: 'broadcast', sender: 'SENDER', content: '\ud800' }, 'INVALID_FIELD'],
        [{ type: 'change_status', sender: 'SENDER', content: 'dormido' }, 'INVALID_FIELD'],
        [{ type: 'register_success', sender: 'SENDER' }, 'UNKNOWN_TYPE'],
        [{ type: '__proto__', sender: 'SENDER' }, 'UNKNOWN_TYPE'],
        [{ type: 'register', sender: 'SENDER' }, 'ALREADY_REGISTERED'],
        [{ type: 'register', sender: 'SENDER', content: {} }, 'ALREADY_REGISTERED'],
        [{ type: 'broadcast', sender: 'Carla', content: 'hola' }, 'SENDER_MISMATCH'],
        [{ type: 'disconnect', sender: 'Carla' }, 'SENDER_MISMATCH'],
        [{ type: 'private', sender: 'SENDER', target: 'Nadie', content: 'hola' }, 'USER_NOT_FOUND'],
        [{ type: 'private', sender: 'SENDER', content: 'hola' }, 'USER_NOT_FOUND'],
        [{ type: 'user_info', sender: 'SENDER', target: 'Nadie' }, 'USER_NOT_FOUND'],
      ]
      for (const [frame, code] of cases) {
        const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
        ana.client.send(text.replace('SENDER', 'Ana'))
        beto.send(text.replace('SENDER', 'Beto'))
        const error = await ana.next()
        isError(t, error, code)
        const { raw } = await beto.next()
        // One more type is known to those who have extensions.
        const content = String(error.content).replace(/, history$/, '')
        t.equal(content !== error.content, code === 'UNKNOWN_TYPE')
        t.equal(masked(raw), JSON.stringify({ type: 'error', sender: 'server', content, timestamp: '…' }))
      }
      t.same(await ana.settle(), [])
      t.same(await beto.settle(), [])
    },
  )

  await t.test('a register that asks for extensions, and is refused', async (t) => {
    const { one, two } = await open(t, {
      ACCOUNT_CLAIMS_PER_DAY: '1',
      AUTH_JWT_SECRET: SECRET,
      RESUME_GRACE_MS: '0',
    })
    await Extended.enter(one, 'Ana', { password: PASSWORD })
    await Extended.enter(one, 'Beto')
    await act(one, 'POST', '/bans', { kind: 'name', value: 'Malo' })
    await until('all is known', () => two.node.directory.bans.count(Date.now()) === 1)
    const token = await new SignJWT({ exp: Math.floor(Date.now() / 1000) + 60 })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('Otra')
      .sign(new TextEncoder().encode(SECRET))
    const cases: [name: string, content: object, code: ErrorCode][] = [
      ['Beto', {}, 'NAME_TAKEN'],
      ['beto', { history: 3 }, 'NAME_TAKEN'],
      ['Ana', {}, 'NAME_CLAIMED'],
      ['Ana', { password: 'another password' }, 'WRONG_PASSWORD'],
      ['Carla', { password: PASSWORD }, 'TOO_MANY_CLAIMS'],
      ['Carla', { token }, 'INVALID_TOKEN'],
      ['Carla', { token: 'x' }, 'INVALID_TOKEN'],
      ['Carla', { history: -1 }, 'INVALID_FIELD'],
      ['', {}, 'NAME_INVALID'],
      [' x', {}, 'NAME_INVALID'],
      ['Server', {}, 'NAME_RESERVED'],
    ]
    for (const app of [one, two]) {
      const client = await Client.open(app.url)
      for (const [name, content, code] of cases) {
        client.send({ type: 'register', sender: name, content, ref: 'r' })
        isError(t, fieldsOf((await client.next()).raw), code, 'r')
        client.send({ type: 'register', sender: name, content })
        isError(t, fieldsOf((await client.next()).raw), code)
      }
      client.send({ type: 'broadcast', sender: 'Ana', content: 'hola', ref: 'r' })
      isError(t, fieldsOf((await client.next()).raw), 'NOT_REGISTERED', 'r')
      // It may ask for less the next time.
      client.send({ type: 'register', sender: 'Beto', content: null, ref: 'r' })
      t.same(Object.keys(fieldsOf((await client.next()).raw)), BASE)
      client.send({ type: 'broadcast', sender: 'Ana', content: 'hola', ref: 'r' })
      t.same(Object.keys(fieldsOf((await client.next()).raw)), BASE)
      client.send({ type: 'register', sender: 'Malo', content: {}, ref: 'r' })
      isError(t, fieldsOf((await client.next()).raw), 'BANNED', 'r')
      t.match(await client.closed(), { code: 4004 })
    }
    const guesser = await Client.open(one.url)
    const codes: unknown[] = []
    while (codes.at(-1) !== 'TOO_MANY_ATTEMPTS' && codes.length < 20) {
      guesser.send({ type: 'register', sender: 'Ana', content: { password: `wrong ${codes.length} wrong` } })
      const frame = fieldsOf((await guesser.next()).raw)
      codes.push(frame.code)
      if (frame.code === 'TOO_MANY_ATTEMPTS') isError(t, frame, 'TOO_MANY_ATTEMPTS')
    }
    t.equal(codes.at(-1), 'TOO_MANY_ATTEMPTS')
  })

  await t.test('what a server does not take', async (t) => {
    const { one, two } = await open(t, { AUTH: 'required', AUTH_PASSWORDS: 'off', AUTH_JWT_SECRET: SECRET })
    for (const app of [one, two]) {
      const client = await Client.open(app.url)
      client.send({ type: 'register', sender: 'Ana', content: {} })
      isError(t, fieldsOf((await client.next()).raw), 'CREDENTIAL_NEEDED')
      client.send({ type: 'register', sender: 'Ana', content: { password: PASSWORD } })
      isError(t, fieldsOf((await client.next()).raw), 'CREDENTIAL_UNAVAILABLE')
    }
  })
}

await onEveryBackplane(t, errors)

t.test('what the nodes share cannot be reached: try again', async (t) => {
  const room = newRoom()
  const backplane = new DistantBackplane(room)
  const app = await startApp(t, {}, { backplane, store: room.store })
  const ana = await Extended.enter(app, 'Ana')
  const beto = await Client.join(app.url, 'Beto')
  await ana.next('user_connected')
  backplane.reachable = false
  const frames = [
    { type: 'broadcast', content: 'hola' },
    { type: 'private', target: 'Beto', content: 'hola' },
    { type: 'private', target: 'Nadie', content: 'hola' },
    { type: 'change_status', content: 'OCUPADO' },
    { type: 'user_info', target: 'Nadie' },
  ]
  for (const frame of frames) {
    ana.send({ ...frame, ref: 'r' })
    isError(t, await ana.next(), 'UNAVAILABLE', 'r')
    ana.send(frame)
    isError(t, await ana.next(), 'UNAVAILABLE')
    beto.send({ ...frame, sender: 'Beto' })
    t.same(Object.keys(fieldsOf((await beto.next()).raw)), BASE)
  }
  const client = await Client.open(app.url)
  client.send({ type: 'register', sender: 'Carla', content: {}, ref: 'r' })
  isError(t, fieldsOf((await client.next()).raw), 'UNAVAILABLE', 'r')
  client.send({ type: 'register', sender: 'Ana', content: { resume: ana.point }, ref: 'r' })
  isError(t, fieldsOf((await client.next()).raw), 'UNAVAILABLE', 'r')
  backplane.reachable = true
  ana.say('hola', 'r')
  t.match(await ana.next(), { type: 'broadcast' }, 'the same ref, since it was not done')
  t.match(await ana.next(), { type: 'ack', ref: 'r' })
  await client.register('Carla', {})
})
