/** Names with owners, as clients see them: on the same node and on another. */
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { Client } from '../conformance/client.js'
import { act, ask, type RunningApp } from '../support/app.js'
import { type OpenPair, onEveryBackplane } from '../support/pairs.js'
import { until } from '../support/until.js'

const PASSWORD = 'correct horse battery'
const SECRET = 'a secret that is long enough for HS256'

async function enter(app: RunningApp, name: string, content: unknown = null): Promise<Client> {
  const client = await Client.open(app.url)
  await client.register(name, content)
  return client
}

/** Takes its leave: whoever only breaks off is held, if he is extended. */
async function leave(client: Client): Promise<void> {
  client.send({ type: 'disconnect', sender: client.name })
  await client.closed()
}

/** What a `register` is answered that is refused. */
async function refusal(app: RunningApp, name: string, content: unknown = null): Promise<string> {
  const client = await Client.open(app.url)
  client.send({ type: 'register', sender: name, content })
  const { type, content: text } = await client.next()
  await client.close()
  return type === 'error' ? String(text) : type
}

async function present(app: RunningApp): Promise<{ name: string; status: string; guest: boolean }[]> {
  return (await ask(app, '/users')).json().users
}

/** Waits until a node has seen that nobody is there. */
const empty = (app: RunningApp) => until('nobody is there', async () => (await present(app)).length === 0)

const token = (subject: string, more: Record<string, unknown> = {}) =>
  new SignJWT({ exp: Math.floor(Date.now() / 1000) + 60, ...more })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .sign(new TextEncoder().encode(SECRET))

async function owners(t: Test, open: OpenPair): Promise<void> {
  await t.test('a password claims a free name, and proves it ever after, on any node', async (t) => {
    const { one, two } = await open(t)
    const ana = await enter(one, 'Ana', { password: PASSWORD })
    await leave(ana)
    await empty(two)
    t.equal(
      await refusal(two, 'Ana'),
      'El usuario ya existe: el nombre tiene dueño',
      'also when nobody is there',
    )
    t.equal(await refusal(two, 'ANA', { password: 'another password' }), 'La contraseña no es correcta')
    const again = await Client.open(two.url)
    const success = await again.register('ANA', { password: PASSWORD })
    t.same(success.userList, ['Ana'], 'as it was claimed')
    again.send({ type: 'broadcast', sender: 'ANA', content: 'hola' })
    t.match(await again.next(), { type: 'broadcast', sender: 'Ana', content: 'hola' })
    t.match(await present(two), [{ name: 'Ana', guest: false }])
  })

  await t.test('a guest is not robbed of the name that he holds', async (t) => {
    const { one, two } = await open(t)
    const guest = await enter(one, 'Ana')
    t.equal(await refusal(two, 'ana', { password: PASSWORD }), 'El usuario ya existe')
    t.same(await guest.settle(), [])
    await guest.close()
    await empty(two)
    t.equal((await ask(one, '/accounts')).json().accounts.length, 0, 'and nothing was claimed')
    await enter(two, 'ana', { password: PASSWORD })
  })

  await t.test('the owner takes his session over: the others see nothing of it', async (t) => {
    for (const other of ['one', 'two'] as const) {
      const pair = await open(t)
      const ana = await enter(pair.one, 'Ana', { password: PASSWORD })
      const beto = await enter(pair.one, 'Beto')
      ana.send({ type: 'change_status', sender: 'Ana', content: 'OCUPADO' })
      await beto.next('status_update')
      const again = await Client.open(pair[other].url)
      const success = await again.register('Ana', { password: PASSWORD })
      t.same(success.userList, ['Ana', 'Beto'], 'in her place')
      t.match(await ana.closed(), { code: 4005 })
      t.same(await beto.settle(), [])
      beto.send({ type: 'private', sender: 'Beto', target: 'Ana', content: 'psst' })
      t.match(await again.next(), { type: 'private', content: 'psst' })
      const [first] = await present(pair.one)
      t.match(first, { name: 'Ana', status: 'OCUPADO' }, 'with her status')
      again.send({ type: 'disconnect', sender: 'Ana' })
      t.match(await beto.next(), { type: 'user_disconnected', content: 'Ana ha salido' })
    }
  })

  await t.test('who was INACTIVO when he was taken over becomes ACTIVO by what he does', async (t) => {
    const { one, two } = await open(t)
    const ana = await enter(one, 'Ana', { password: PASSWORD })
    ana.send({ type: 'change_status', sender: 'Ana', content: 'INACTIVO' })
    await ana.next('status_update')
    const again = await enter(two, 'Ana', { password: PASSWORD })
    again.send({ type: 'broadcast', sender: 'Ana', content: 'hola' })
    t.match(await again.next(), { type: 'status_update', content: { status: 'ACTIVO' } })
  })

  await t.test('of many claims at once one wins, and who knows its password takes over', async (t) => {
    const { one, two } = await open(t)
    const clients = await Promise.all(
      Array.from({ length: 10 }, (_, n) => Client.open((n % 2 ? one : two).url)),
    )
    for (const client of clients)
      client.send({ type: 'register', sender: 'Ana', content: { password: PASSWORD } })
    const answers = await Promise.all(clients.map((client) => client.next(['register_success', 'error'])))
    t.ok(answers.some(({ type }) => type === 'register_success'))
    await until('one is left', () => clients.filter(({ ended }) => !ended).length === 1)
    t.equal((await present(one)).length, 1)
    const strangers = await Promise.all(
      Array.from({ length: 5 }, (_, n) => refusal(one, 'Ana', { password: `another one ${n}` })),
    )
    t.same(new Set(strangers), new Set(['La contraseña no es correcta']))
  })

  await t.test('guessing is slowed down by name and address, and told', async (t) => {
    const { one, two } = await open(t, { TRUST_PROXY: '127.0.0.1' })
    await enter(one, 'Ana', { password: PASSWORD })
    const from = async (app: RunningApp, ip: string, password: string) => {
      const client = await Client.open(app.url, { headers: { 'x-forwarded-for': ip } })
      client.send({ type: 'register', sender: 'Ana', content: { password } })
      const frame = await client.next()
      await client.close()
      return String(frame.content)
    }
    for (let count = 0; count < 10; count += 1)
      t.equal(
        await from(count % 2 ? one : two, '192.0.2.1', `wrong ${count} wrong`),
        'La contraseña no es correcta',
      )
    t.match(await from(two, '192.0.2.1', 'wrong once more'), /^Demasiados intentos; espera \d+ segundos$/)
    t.match(await from(one, '192.0.2.1', PASSWORD), /^Demasiados intentos/, 'whatever it is')
    t.equal(await from(one, '192.0.2.2', PASSWORD), 'Registro exitoso', 'its owner is not kept out elsewhere')
  })

  await t.test('claims from one address are limited', async (t) => {
    const { one, two } = await open(t, { ACCOUNT_CLAIMS_PER_DAY: '2' })
    await enter(one, 'Ana', { password: PASSWORD })
    await enter(two, 'Beto', { password: PASSWORD })
    t.match(await refusal(two, 'Carla', { password: PASSWORD }), /demasiados nombres; espera 24 horas/)
    t.equal(await refusal(two, 'Carla'), 'register_success', 'as a guest')
  })

  await t.test('a token whose subject is the name proves it', async (t) => {
    const { one, two } = await open(t, { AUTH_JWT_SECRET: SECRET, AUTH_JWT_AUDIENCE: 'chat' })
    const good = { token: await token('ANA', { aud: 'chat' }) }
    const ana = await enter(one, 'Ana', good)
    const again = await enter(two, 'Ana', good)
    t.match(await ana.closed(), { code: 4005 })
    await leave(again)
    await empty(one)
    t.match(await refusal(one, 'Ana'), /^El usuario ya existe/)
    t.match(await refusal(one, 'Beto', good), 'El token no es válido: es para otro nombre')
    t.match(
      await refusal(one, 'Ana', { token: await token('Ana') }),
      'El token no es válido: es para otro servidor',
    )
    t.match(await refusal(one, 'Ana', { token: await token('Ana', { aud: 'chat', exp: 1 }) }), 'ha caducado')
  })

  await t.test('AUTH=required: no guests', async (t) => {
    const { one } = await open(t, { AUTH: 'required', AUTH_JWT_SECRET: SECRET })
    t.equal(
      await refusal(one, 'Ana'),
      'Este servidor no admite invitados: regístrate con una contraseña o un token',
    )
    t.equal(
      await refusal(one, 'Ana', 'text'),
      'Este servidor no admite invitados: regístrate con una contraseña o un token',
    )
    await enter(one, 'Ana', { password: PASSWORD })
    await enter(one, 'Beto', { token: await token('Beto') })
  })

  await t.test('nothing that is logged, kept or answered has the password in it', async (t) => {
    const lines: string[] = []
    const { one } = await open(t, { LOG_LEVEL: 'trace' }, (line) => lines.push(line))
    await enter(one, 'Ana', { password: PASSWORD })
    await refusal(one, 'Ana', { password: `${PASSWORD}!` })
    await refusal(one, 'Ana', { password: PASSWORD, token: PASSWORD })
    t.ok(lines.length > 0)
    t.notMatch(lines.join(), PASSWORD)
    t.notMatch((await ask(one, '/accounts')).body, PASSWORD)
  })

  await t.test('an operator sees whose names are claimed, and frees them', async (t) => {
    const { one, two } = await open(t)
    const ana = await enter(one, 'Ana', { password: PASSWORD })
    const beto = await enter(two, 'Beto', { password: PASSWORD })
    t.match(await ana.next(), { type: 'user_connected' })
    await leave(beto)
    t.match(await ana.next(), { type: 'user_disconnected', content: 'Beto ha salido' })
    const { accounts, next } = (await ask(two, '/accounts')).json()
    t.match(accounts, [
      { name: 'Ana', kind: 'password', expiresAt: null },
      { name: 'Beto', kind: 'password', expiresAt: /^20/ },
    ])
    t.equal(next, null)
    const first = (await ask(two, '/accounts?limit=1')).json()
    t.equal(first.accounts[0].name, 'Ana')
    t.equal((await ask(two, `/accounts?limit=1&cursor=${first.next}`)).json().accounts[0].name, 'Beto')
    t.equal((await ask(two, '/accounts?cursor=x')).statusCode, 400)
    t.equal((await ask(two, '/accounts?limit=1e999')).statusCode, 400)
    t.equal((await act(one, 'DELETE', '/accounts/ana')).statusCode, 204)
    t.equal((await act(one, 'DELETE', '/accounts/ana')).statusCode, 404)
    t.same(await ana.settle(), [], 'who is there stays')
    t.equal(await refusal(two, 'Ana', { password: PASSWORD }), 'El usuario ya existe')
    await leave(ana)
    await until('Ana has gone', async () => (await present(two)).length === 0)
    await enter(two, 'Ana', { password: 'a new owner has it' })
  })

  await t.test('a session that ends while its password is checked enters nowhere', async (t) => {
    const { one } = await open(t, { RESUME_GRACE_MS: '0' })
    const hasty = await Client.open(one.url)
    hasty.send({ type: 'register', sender: 'Ana', content: { password: PASSWORD } })
    hasty.break()
    const beto = await enter(one, 'Beto')
    await until('only Beto is there', async () => (await present(one)).length === 1)
    t.same(
      (await beto.settle()).filter(({ type }) => type !== 'user_disconnected'),
      [],
    )
  })
}

await onEveryBackplane(t, owners)
