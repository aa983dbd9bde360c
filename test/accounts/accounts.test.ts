import { SignJWT } from 'jose'
import t from 'tap'
import { Accounts, type AccountsOptions, HASHING } from '../../src/accounts/accounts.js'
import type { TokenOptions } from '../../src/accounts/tokens.js'
import { MemoryStore } from '../../src/backplane/memory-store.js'
import type { Store } from '../../src/backplane/store.js'
import type { Admission, Applicant, Verdict } from '../../src/chat/doorkeeper.js'
import type { Refusal } from '../../src/protocol/codes.js'
import { keyOf } from '../../src/protocol/names.js'
import { ACCOUNTS, readAccount } from '../../src/room/accounts.js'
import { until } from '../support/until.js'

const PASSWORD = 'la tertulia de las ocho'
const SECRET = 'a secret that is thirty-two bytes or more'
const HOME = '192.0.2.1'

const refused = (code: Refusal['code'], detail?: string) => ({
  refused: detail === undefined ? { code } : { code, detail },
})

/** A store that holds whoever asks for an account until the test lets them go on. */
class HeldStore extends MemoryStore {
  #go = () => {}
  readonly #open = new Promise<void>((resolve) => {
    this.#go = resolve
  })
  gets = 0

  override async get(kind: string, key: string): Promise<string | undefined> {
    this.gets += 1
    await this.#open
    return super.get(kind, key)
  }

  release(): void {
    this.#go()
  }
}

interface Asked {
  readonly password?: string
  readonly token?: string
  readonly ip?: string
  readonly held?: boolean
  readonly isThere?: () => boolean
}

/** Accounts over a store, and a room that keeps what was claimed. */
function setUp(options: Partial<AccountsOptions> = {}, store = new MemoryStore()) {
  const accounts = new Accounts({
    store,
    guests: true,
    passwords: true,
    tokens: {},
    claimsPerDay: 100,
    cost: { N: 2, r: 1, p: 1 },
    ...options,
  })
  const ask = async (name: string, asked: Asked = {}): Promise<Verdict> =>
    accounts.admit(applicant(name, asked))
  const admitted = async (name: string, asked: Asked = {}): Promise<Admission> => {
    const verdict = await ask(name, asked)
    if ('refused' in verdict) throw new Error(`${name} was refused: ${verdict.refused.code}`)
    return verdict
  }
  /** Has somebody enter, and what he claimed kept. */
  const enter = async (name: string, asked: Asked = {}): Promise<Admission> => {
    const admission = await admitted(name, asked)
    if (admission.claim !== undefined) store.set(ACCOUNTS, keyOf(name), admission.claim)
    return admission
  }
  return { accounts, store, ask, admitted, enter }
}

function applicant(
  name: string,
  { password, token, ip = HOME, held = false, isThere = () => true }: Asked,
): Applicant {
  const credential = password !== undefined ? { password } : token !== undefined ? { token } : undefined
  return { name, key: keyOf(name), ip, credential, held, isThere }
}

function token(claims: object, secret = SECRET): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 3600
  return new SignJWT({ exp, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret))
}

const SIGNED: { tokens: TokenOptions } = { tokens: { secret: SECRET } }

t.test('guests', async (t) => {
  t.test('enter at once, under the name that they chose', async (t) => {
    const { accounts } = setUp()
    const verdict = accounts.admit(applicant('José', {}))
    t.notOk(verdict instanceof Promise)
    t.match(verdict, { name: 'José', account: undefined, claim: undefined })
  })

  t.test('are not let in where a name must be proved, and are told with what', async (t) => {
    const cases: [Partial<AccountsOptions>, string][] = [
      [{}, 'una contraseña'],
      [SIGNED, 'una contraseña o un token'],
      [{ ...SIGNED, passwords: false }, 'un token'],
    ]
    for (const [options, accepted] of cases) {
      const { ask } = setUp({ guests: false, ...options })
      t.strictSame(await ask('Ana'), refused('CREDENTIAL_NEEDED', accepted))
    }
  })

  t.test('cost no look into the store: whose a name is, is judged where it is entered', async (t) => {
    const { enter } = setUp({}, unreachable())
    t.match(await enter('Ana'), { name: 'Ana' })
  })
})

/** A store that cannot be reached. */
function unreachable(): MemoryStore {
  const away = () => Promise.reject(new Error('the room cannot be reached'))
  return Object.assign(new MemoryStore(), {
    get: away,
    list: away,
    delete: away,
    count: away,
    putIfAbsent: away,
  } satisfies Store)
}

t.test('a password claims a name that nobody has, and proves it from then on', async (t) => {
  const { ask, enter, admitted } = setUp()
  const { name, account, claim = '' } = await enter('Ana', { password: PASSWORD })
  t.equal(name, 'Ana')
  t.match(account, /^[\w-]{16}$/)
  t.equal(readAccount(claim).id, account)
  const again = await admitted('Ana', { password: PASSWORD })
  t.match(again, { name: 'Ana', account, claim: undefined })
  t.strictSame(await ask('Ana', { password: 'another password' }), refused('WRONG_PASSWORD'))
  t.match(await ask('Beto', { password: 'another password' }), { name: 'Beto', claim: /./ })
})

t.test('two claims of a name are two accounts', async (t) => {
  const { admitted } = setUp()
  const [one, other] = await Promise.all([
    admitted('Ana', { password: PASSWORD }),
    admitted('Ana', { password: PASSWORD }),
  ])
  t.not(one.account, other.account)
  t.not(one.claim, other.claim)
})

t.test('a name is spelled as it was claimed, whoever writes it otherwise', async (t) => {
  const { enter, admitted, ask } = setUp()
  const { account } = await enter('José', { password: PASSWORD })
  for (const name of ['JOSÉ', 'josé', 'Ｊosé']) {
    t.match(await admitted(name, { password: PASSWORD }), { name: 'José', account }, name)
    t.strictSame(await ask(name, { password: 'another password' }), refused('WRONG_PASSWORD'), name)
  }
})

t.test('without passwords none is looked at', async (t) => {
  const { ask } = setUp({ passwords: false })
  const verdict = await ask('Ana', { password: PASSWORD })
  t.strictSame(verdict, refused('CREDENTIAL_UNAVAILABLE', 'contraseñas'))
})

t.test('wrong passwords from an address', async (t) => {
  t.test('are let through ten times for a name; its owner elsewhere is not kept out', async (t) => {
    const { ask, enter, admitted } = setUp()
    await enter('Ana', { password: PASSWORD })
    for (let count = 0; count < 10; count += 1)
      t.strictSame(await ask('ANA', { password: `wrong ${count}` }), refused('WRONG_PASSWORD'))
    const late = await ask('Ana', { password: PASSWORD })
    t.match(late, { refused: { code: 'TOO_MANY_ATTEMPTS', detail: /^\d+$/ } }, 'not even the right one')
    t.match(await admitted('Ana', { password: PASSWORD, ip: '198.51.100.7' }), { name: 'Ana' })
  })

  t.test('count for all addresses of its network', async (t) => {
    const { ask, enter } = setUp()
    await enter('Ana', { password: PASSWORD })
    for (let count = 0; count < 10; count += 1)
      await ask('Ana', { password: 'wrong password', ip: `2001:db8::${count}` })
    const near = { password: PASSWORD, ip: '2001:db8::a:b:c:d' }
    t.match(await ask('Ana', near), { refused: { code: 'TOO_MANY_ATTEMPTS' } })
    t.match(await ask('Ana', { ...near, ip: '2001:db8:0:1::' }), { name: 'Ana' })
  })

  t.test('right ones do not count', async (t) => {
    const { ask, enter, admitted } = setUp()
    await enter('Ana', { password: PASSWORD })
    for (let count = 0; count < 30; count += 1) await admitted('Ana', { password: PASSWORD })
    t.strictSame(await ask('Ana', { password: 'wrong password' }), refused('WRONG_PASSWORD'))
  })
})

t.test('of names that are claimed from an address', async (t) => {
  const tooMany = { refused: { code: 'TOO_MANY_CLAIMS', detail: '24' } }

  t.test('there are so many a day', async (t) => {
    const { ask, enter } = setUp({ claimsPerDay: 2 }, new MemoryStore(() => 0))
    await enter('Ana', { password: PASSWORD })
    await enter('Beto', { password: PASSWORD })
    t.strictSame(await ask('Carla', { password: PASSWORD }), tooMany)
    t.match(await ask('Carla', { password: PASSWORD, ip: '198.51.100.7' }), { name: 'Carla' })
    t.match(await ask('Ana', { password: PASSWORD }), { name: 'Ana' }, 'old ones are let in')
    t.match(await ask('Carla'), { name: 'Carla' }, 'and guests')
  })

  t.test('what was hashed counts, whether it was entered in the end or not', async (t) => {
    const { ask } = setUp({ claimsPerDay: 2 }, new MemoryStore(() => 0))
    for (let count = 0; count < 2; count += 1)
      t.match(await ask('Ana', { password: PASSWORD }), { claim: /^/ })
    t.strictSame(await ask('Ana', { password: PASSWORD }), tooMany)
  })

  t.test('many at once count as many', async (t) => {
    const { ask } = setUp({ claimsPerDay: 3 })
    const names = Array.from({ length: 20 }, (_, index) => `name ${index}`)
    const verdicts = await Promise.all(names.map((name) => ask(name, { password: PASSWORD })))
    t.equal(verdicts.filter((verdict) => 'claim' in verdict).length, 3)
  })
})

t.test('a name that somebody has at the moment is not claimed, and nothing is hashed for it', async (t) => {
  // A cost that no hash can have.
  const { ask } = setUp({ cost: { N: 3, r: 1, p: 1 } })
  t.strictSame(await ask('Ana', { password: PASSWORD, held: true }), refused('NAME_TAKEN'))
})

t.test('whoever claims a freed name may err anew', async (t) => {
  const { accounts, ask, enter } = setUp()
  await enter('Ana', { password: PASSWORD })
  for (let count = 0; count < 10; count += 1) await ask('Ana', { password: 'not this one' })
  t.match(await ask('Ana', { password: PASSWORD }), { refused: { code: 'TOO_MANY_ATTEMPTS' } })
  t.ok(await accounts.free('Ana'))
  await enter('Ana', { password: 'another password' })
  t.match(await ask('Ana', { password: 'another password' }), { name: 'Ana' })
})

t.test('passwords are checked in turns', async (t) => {
  t.test('whoever has gone before his turn costs nothing, and is not counted', async (t) => {
    const store = new HeldStore()
    const { ask, admitted } = setUp({ claimsPerDay: HASHING.atOnce + 1 }, store)
    const names = Array.from({ length: HASHING.atOnce }, (_, index) => `name ${index}`)
    const first = names.map((name) => admitted(name, { password: PASSWORD }))
    let isThere = true
    const gone = ask('Carla', { password: PASSWORD, isThere: () => isThere })
    await until('as many that are checked as may be', () => store.gets === HASHING.atOnce)
    isThere = false
    store.release()
    t.strictSame(await gone, refused('UNAVAILABLE'))
    await Promise.all(first)
    t.equal(store.gets, HASHING.atOnce)
    t.match(await ask('Carla', { password: PASSWORD }), { name: 'Carla' })
  })

  t.test('whoever has gone is not hashed for', async (t) => {
    // A cost that no hash can have.
    const { ask } = setUp({ cost: { N: 3, r: 1, p: 1 } })
    t.strictSame(await ask('Ana', { password: PASSWORD, isThere: () => false }), refused('UNAVAILABLE'))
    await t.rejects(ask('Ana', { password: PASSWORD }), RangeError)
  })

  t.test('whoever finds too many of his address before him is told to come again', async (t) => {
    const store = new HeldStore()
    const { ask } = setUp({ claimsPerDay: 1000 }, store)
    const asked = Array.from({ length: HASHING.atOnce + HASHING.maxWaitingEach }, (_, index) =>
      ask(`name ${index}`, { password: PASSWORD, ip: `2001:db8::${index}` }),
    )
    const one = { password: PASSWORD, ip: '2001:db8::ffff' }
    t.strictSame(await ask('one more', one), refused('BUSY'))
    const elsewhere = ask('elsewhere', { password: PASSWORD })
    store.release()
    t.match(await elsewhere, { name: 'elsewhere' })
    for (const verdict of await Promise.all(asked)) t.hasProp(verdict, 'claim')
    t.match(await ask('one more', one), { name: 'one more' })
  })

  t.test('whoever finds too many of all before him is told to come again', async (t) => {
    const store = new HeldStore()
    const { ask } = setUp({}, store)
    const from = (index: number) => ({ password: PASSWORD, ip: `192.0.2.${index % 200}` })
    const asked = Array.from({ length: HASHING.atOnce + HASHING.maxWaiting }, (_, index) =>
      ask(`name ${index}`, from(index)),
    )
    t.strictSame(await ask('one more', from(201)), refused('BUSY'))
    t.match(await ask('guest'), { name: 'guest' }, 'guests do not wait')
    store.release()
    for (const verdict of await Promise.all(asked)) t.hasProp(verdict, 'claim')
  })
})

t.test('a token', async (t) => {
  t.test('is not accepted where none are', async (t) => {
    const { ask } = setUp()
    const verdict = await ask('Ana', { token: await token({ sub: 'Ana' }) })
    t.strictSame(verdict, refused('CREDENTIAL_UNAVAILABLE', 'tokens'))
  })

  t.test('claims the name that it is for, and proves it from then on', async (t) => {
    const { enter, admitted } = setUp({ ...SIGNED, passwords: false })
    const { account, claim } = await enter('Ana', { token: await token({ sub: 'Ana' }) })
    t.match({ account, claim }, { account: /^[\w-]{16}$/, claim: /./ })
    const again = await admitted('Ana', { token: await token({ sub: 'Ana' }) })
    t.match(again, { name: 'Ana', account, claim: undefined })
  })

  t.test('is for a name in any case, which is spelled as it was when it was claimed', async (t) => {
    const { enter, admitted } = setUp(SIGNED)
    const { account } = await enter('JOSÉ', { token: await token({ sub: 'jose\u0301' }) })
    const again = await admitted('José', { token: await token({ sub: 'JOSÉ' }) })
    t.match(again, { name: 'josé', account }, 'by whoever signed it')
  })

  t.test('is for no other name', async (t) => {
    const { ask } = setUp(SIGNED)
    for (const sub of ['Beto', 'Ana ', 'Aná', 'x'.repeat(10_000), '\ud800']) {
      const verdict = await ask('Ana', { token: await token({ sub }) })
      t.strictSame(verdict, refused('INVALID_TOKEN', 'es para otro nombre'), sub.slice(0, 10))
    }
  })

  t.test('is refused with the reason', async (t) => {
    const { ask } = setUp({ tokens: { secret: SECRET, audience: 'chat' } })
    const cases: [string, string][] = [
      [await token({ sub: 'Ana', aud: 'chat', exp: 1 }), 'ha caducado'],
      [await token({ sub: 'Ana', aud: 'x' }), 'es para otro servidor'],
      [await token({ sub: 'Ana', aud: 'chat' }, 'x'.repeat(32)), 'la firma no es correcta'],
      ['no token', 'no se puede leer'],
    ]
    for (const [value, detail] of cases)
      t.strictSame(await ask('Ana', { token: value }), refused('INVALID_TOKEN', detail))
  })

  t.test('opens no account that a password claimed, and a password none that a token did', async (t) => {
    const { enter, ask } = setUp(SIGNED)
    await enter('Ana', { password: PASSWORD })
    t.strictSame(await ask('Ana', { token: await token({ sub: 'Ana' }) }), refused('NAME_CLAIMED'))
    await enter('Beto', { token: await token({ sub: 'Beto' }) })
    t.strictSame(await ask('Beto', { password: PASSWORD }), refused('NAME_CLAIMED'))
  })

  t.test('opens no account that another issuer’s token claimed', async (t) => {
    const { enter, admitted, ask } = setUp(SIGNED)
    const from = (iss?: string) => token({ sub: 'Ana', ...(iss !== undefined && { iss }) })
    await enter('Ana', { token: await from('https://id.example') })
    t.strictSame(await ask('Ana', { token: await from('https://other.example') }), refused('NAME_CLAIMED'))
    t.strictSame(await ask('Ana', { token: await from() }), refused('NAME_CLAIMED'))
    t.match(await admitted('Ana', { token: await from('https://id.example') }), { name: 'Ana' })
  })

  t.test('rejects when the keys cannot be fetched', async (t) => {
    const { ask } = setUp({ tokens: { jwksUrl: 'http://127.0.0.1:1/' } })
    const header = Buffer.from('{"alg":"RS256"}').toString('base64url')
    await t.rejects(ask('Ana', { token: `${header}.e30.AA` }))
  })
})

t.test('it rejects when what the nodes share cannot be reached', async (t) => {
  const { accounts, ask } = setUp(SIGNED, unreachable())
  const away = new Error('the room cannot be reached')
  await t.rejects(ask('Ana', { password: PASSWORD }), away)
  await t.rejects(ask('Ana', { token: await token({ sub: 'Ana' }) }), away)
  await t.rejects(accounts.list('', 10), away)
  await t.rejects(accounts.free('Ana'), away)
  const { ask: later } = setUp({}, unreachable())
  for (let count = 0; count < 300; count += 1) await t.rejects(later('Ana', { password: PASSWORD }), away)
})

t.test('it rejects what another version has kept', async (t) => {
  for (const kept of ['', 'id', 'id {}', 'id null', 'id {"kind":"key","name":"Ana","createdAt":1}']) {
    const store = new MemoryStore()
    store.set(ACCOUNTS, keyOf('Ana'), kept)
    const { accounts, ask } = setUp(SIGNED, store)
    await t.rejects(ask('Ana', { password: PASSWORD }), kept)
    await t.rejects(ask('Ana', { token: await token({ sub: 'Ana' }) }), kept)
    await t.rejects(accounts.list('', 10), kept)
    t.equal(await accounts.free('Ana'), true, 'which an operator may free')
  }
})

t.test('operators', async (t) => {
  t.test('see all accounts, page by page, and when they end', async (t) => {
    const clock = { now: 1_000_000 }
    const store = new MemoryStore(() => clock.now)
    const { accounts, enter } = setUp(SIGNED, store)
    t.strictSame(await accounts.list('', 10), [])
    const before = Date.now()
    await enter('Ñandú', { password: PASSWORD })
    await enter('Ana', { password: PASSWORD })
    await enter('beto', { token: await token({ sub: 'beto' }) })
    await enter('guest')
    store.expire(ACCOUNTS, keyOf('beto'), 5000)
    const all = await accounts.list('', 10)
    t.strictSame(
      all.map(({ createdAt, ...rest }) => rest),
      [
        { key: 'ana', name: 'Ana', kind: 'password' },
        { key: 'beto', name: 'beto', kind: 'token', expiresAt: 1_005_000 },
        { key: 'ñandú', name: 'Ñandú', kind: 'password' },
      ],
    )
    t.ok(all.every(({ createdAt }) => createdAt >= before && createdAt <= Date.now()))
    t.strictSame(await accounts.list('', 2), all.slice(0, 2))
    t.strictSame(await accounts.list('beto', 2), all.slice(2))
    t.strictSame(await accounts.list('b', 1), all.slice(1, 2), 'from where there is none')
    t.strictSame(await accounts.list('ñandú', 2), [])
    clock.now += 5000
    t.strictSame(await accounts.list('', 10), [all[0], all[2]])
  })

  t.test('free a name, and whoever comes first claims it anew', async (t) => {
    const { accounts, enter, admitted } = setUp()
    const { account } = await enter('José', { password: PASSWORD })
    t.equal(await accounts.free('Beto'), false)
    t.equal(await accounts.free('JOSÉ'), true)
    t.equal(await accounts.free('José'), false)
    t.strictSame(await accounts.list('', 10), [])
    const next = await enter('JOSÉ', { password: 'another password' })
    t.match(next, { name: 'JOSÉ', claim: /./ })
    t.not(next.account, account)
    t.match(await admitted('José', { password: 'another password' }), { name: 'JOSÉ', claim: undefined })
  })
})

t.test('no password, nor a part of it, is kept, counted or returned', async (t) => {
  const seen: unknown[] = []
  class WatchedStore extends MemoryStore {
    override async get(...args: Parameters<MemoryStore['get']>) {
      seen.push(args)
      return super.get(...args)
    }
    override async count(...args: Parameters<MemoryStore['count']>) {
      seen.push(args)
      return super.count(...args)
    }
    override set(...args: Parameters<MemoryStore['set']>) {
      seen.push(args)
      super.set(...args)
    }
  }
  const { accounts, enter, ask } = setUp({ claimsPerDay: 1 }, new WatchedStore())
  seen.push(await enter('Ana', { password: PASSWORD }))
  seen.push(await ask('Ana', { password: PASSWORD }))
  for (let count = 0; count < 11; count += 1)
    seen.push(await ask('Ana', { password: `${PASSWORD} ${count}` }))
  seen.push(await ask('Beto', { password: PASSWORD }))
  const listed = await accounts.list('', 10)
  const text = JSON.stringify([seen, listed])
  t.match(text, 'scrypt$')
  for (const form of ['utf8', 'hex', 'base64', 'base64url'] as const)
    t.notMatch(text, Buffer.from(PASSWORD.slice(0, 9)).toString(form), form)
  t.notMatch(JSON.stringify(listed), 'scrypt', 'nor do operators see its hash')
})
