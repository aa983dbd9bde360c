import { mkdtempSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ConfigError, loadConfig, nodeLabel, SETTINGS, sentinelAddress } from '../src/config.js'

function problems(env: Record<string, string>): string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim())
    throw error
  }
  return []
}

t.test('without any variable the defaults hold', async (t) => {
  t.same(loadConfig({}), {
    HOST: '127.0.0.1',
    PORT: 3000,
    REDIS_SENTINELS: [],
    REDIS_SENTINEL_NAME: 'mymaster',
    KEY_PREFIX: 'tertulia',
    NODE_ID: hostname(),
    AUTH: 'open',
    AUTH_PASSWORDS: 'on',
    ACCOUNT_TTL_DAYS: 90,
    ACCOUNT_CLAIMS_PER_DAY: 100,
    TRUST_PROXY: [],
    LOG_LEVEL: 'info',
    PING_INTERVAL_MS: 25_000,
    REGISTER_TIMEOUT_MS: 120_000,
    IDLE_AFTER_MS: 300_000,
    MAX_FRAME_BYTES: 65_536,
    MAX_CONTENT_CHARS: 4096,
    RATE_PER_SECOND: 100,
    RATE_BURST: 1000,
    MAX_CONNECTIONS: 0,
    MAX_CONNECTIONS_PER_IP: 0,
    UPGRADES_PER_SECOND: 1000,
    REGISTRATIONS_PER_MINUTE: 600,
    API_REQUESTS_PER_MINUTE: 600,
    ALLOWED_ORIGINS: [],
    SHOW_ADDRESSES: 'on',
    OUTBOX_MAX_BYTES: 1_048_576,
    BEAT_MS: 2000,
    LEASE_MS: 6000,
    COMMIT_TIMEOUT_MS: 5000,
    LOG_LENGTH: 100_000,
    LOG_MAX_BYTES: 67_108_864,
    READY_LAG_MS: 0,
    RESUME_GRACE_MS: 30_000,
    HISTORY_LENGTH: 10_000,
    DRAIN_MS: 5000,
  })
})

t.test('HOST is an address or a name', async (t) => {
  for (const HOST of [
    '0.0.0.0',
    '::',
    'fe80::1%eth0',
    'localhost',
    'chat-1.example',
    'db_1',
    '1password.example',
  ])
    t.equal(loadConfig({ HOST }).HOST, HOST)
})

t.test('an empty variable counts as not set', async (t) => {
  const empty = Object.fromEntries(SETTINGS.map(({ name }) => [name, '']))
  t.same(loadConfig(empty), loadConfig({}))
})

t.test('what is set is read', async (t) => {
  const config = loadConfig({
    HOST: '::1',
    PORT: '0',
    NODE_ID: 'chat-1',
    TRUST_PROXY: '10.0.0.1, fd00::/8',
    LOG_LEVEL: 'debug',
  })
  t.match(config, { HOST: '::1', PORT: 0, NODE_ID: 'chat-1', LOG_LEVEL: 'debug' })
  t.same(config.TRUST_PROXY, ['10.0.0.1', 'fd00::/8'])
  t.same(loadConfig({ TRUST_PROXY: 'off' }).TRUST_PROXY, [])
})

t.test('the configuration cannot be changed', async (t) => {
  t.ok(Object.isFrozen(loadConfig({})))
})

t.test('one message lists everything that is wrong, and what would be right', async (t) => {
  t.same(problems({ PORT: 'http', DRAIN_MS: '-1', LOG_LEVEL: 'loud', HOST: 'ok' }), [
    'PORT must be a whole number from 0 to 65535, not "http"',
    'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, not "loud"',
    'DRAIN_MS must be a whole number from 0 to 2147483647, not "-1"',
  ])
})

for (const [name, values] of Object.entries({
  PORT: ['65536', '-1', '1.5', '1e3', '0x10', ' 3000', '3000 '],
  HOST: ['a b', 'http://x/', '1.2.3.4.5', '999.1.1.1', '1.2.3', '-a', 'a..b', 'x'.repeat(64), '::g'],
  NODE_ID: ['a b', 'x'.repeat(65), 'ñ'],
  KEY_PREFIX: ['a b', '{x}', '*'],
  ADMIN_TOKEN: ['with space', 'ñandú', 'line\nfeed'],
  TRUST_PROXY: [
    'on',
    'true',
    '1',
    '10.0.0.0/33',
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/08',
    'fd00::/129',
    '10.0.0.1/8/8',
    '10.0.0.1,',
    'proxy.example',
  ],
  ALLOWED_ORIGINS: [
    '*',
    'https://*',
    'https://*.example',
    'https://chat.example/',
    'https://Chat.example',
    'chat.example',
  ],
  REDIS_URL: ['localhost', 'http://x', 'redis://', 'redis://x/name', 'redis:///0'],
  REDIS_SENTINELS: ['one', 'one:', ':1', 'one:0', 'one:65536', 'a b:1', 'one:1,'],
  REDIS_SENTINEL_NAME: ['a b'],
  PING_INTERVAL_MS: ['0', '2147483648'],
  REGISTER_TIMEOUT_MS: ['0'],
  IDLE_AFTER_MS: ['0'],
  MAX_FRAME_BYTES: ['0', '255'],
  MAX_CONTENT_CHARS: ['0'],
  OUTBOX_MAX_BYTES: ['0'],
  LOG_LENGTH: ['0'],
  AUTH: ['closed', 'OPEN', 'true', 'on', ' required'],
  AUTH_PASSWORDS: ['yes', 'ON', 'true', '1'],
  SHOW_ADDRESSES: ['no', 'OFF', 'false', '0'],
  UPGRADES_PER_SECOND: ['-1', '0.5', '1000001'],
  AUTH_JWT_SECRET: ['x', 'x'.repeat(31)],
  AUTH_JWKS_URL: [
    'keys.example/jwks.json',
    'https://',
    'ftp://keys.example/',
    'file:///etc/keys.json',
    'http://keys.example/jwks.json',
    'http://127.0.0.1.example/',
    'http://localhost.example/',
    'http://localhost@keys.example/',
    'http://10.0.0.1/',
    'http://0.0.0.0/',
    'http://[::2]/',
    'https://user:secret@keys.example/',
    'https://user@keys.example/',
    'https://keys .example/',
  ],
  ACCOUNT_TTL_DAYS: ['0', '3651', '1.5'],
  ACCOUNT_CLAIMS_PER_DAY: ['0', '1000001'],
})) {
  t.test(`${name} is checked`, async (t) => {
    for (const value of values)
      t.match(problems({ [name]: value })[0] ?? '', `${name} must be`, JSON.stringify(value))
  })
}

t.test('variables are checked against each other: a name for sentinels goes with sentinels', async (t) => {
  t.match(problems({ REDIS_SENTINEL_NAME: 'chat' }), [/REDIS_SENTINEL_NAME is set, but not REDIS_SENTINELS/])
  t.same(problems({ REDIS_SENTINEL_NAME: 'chat', REDIS_SENTINELS: 'one:26379' }), [])
})

t.test('variables are checked against each other: a lease is at least three beats', async (t) => {
  t.same(problems({ BEAT_MS: '2001' }), ['LEASE_MS (6000) must be at least three times BEAT_MS (2001)'])
  t.same(problems({ BEAT_MS: '1000', LEASE_MS: '3000' }), [])
  t.equal(problems({ BEAT_MS: '2001', PORT: 'x' }).length, 2, 'also when something else is wrong')
  t.equal(problems({ BEAT_MS: '2001', LEASE_MS: 'x' }).length, 1)
})

t.test('Redis is a URL, or sentinels that know where it is', async (t) => {
  for (const REDIS_URL of ['redis://redis', 'redis://user:pw@127.0.0.1:6379/0', 'rediss://:p%40w@[::1]:6380'])
    t.equal(loadConfig({ REDIS_URL }).REDIS_URL, REDIS_URL)
  t.same(loadConfig({ REDIS_SENTINELS: 'one:26379, [::1]:26380' }).REDIS_SENTINELS, [
    'one:26379',
    '[::1]:26380',
  ])
  t.same(sentinelAddress('one:26379'), { host: 'one', port: 26_379 })
  t.same(sentinelAddress('[::1]:26380'), { host: '::1', port: 26_380 })
})

t.test('a secret', async (t) => {
  const file = (content: string) => {
    const path = join(mkdtempSync(join(tmpdir(), 'tertulia-')), 'secret')
    writeFileSync(path, content)
    return path
  }

  t.test('may come from a file', async (t) => {
    t.equal(loadConfig({ ADMIN_TOKEN_FILE: file('from-a-file\n') }).ADMIN_TOKEN, 'from-a-file')
  })

  t.test('is not shown when it is wrong', async (t) => {
    const [problem = ''] = problems({ ADMIN_TOKEN: 'my secret' })
    t.notMatch(problem, 'my secret')
  })

  t.test('may not be given twice', async (t) => {
    const given = problems({ ADMIN_TOKEN: 'x', ADMIN_TOKEN_FILE: file('y') })
    t.same(given, ['ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set: one of them is enough'])
  })

  t.test('must be in the file', async (t) => {
    t.match(problems({ ADMIN_TOKEN_FILE: file('\n') })[0] ?? '', /is empty$/)
    t.match(problems({ ADMIN_TOKEN_FILE: '/does/not/exist' })[0] ?? '', /cannot be read: ENOENT/)
  })

  t.test('other variables have no file', async (t) => {
    t.equal(loadConfig({ PORT_FILE: file('1') }).PORT, 3000)
  })
})

t.test('who may enter', async (t) => {
  const SECRET = 'x'.repeat(32)
  const URL = 'https://keys.example/jwks.json'

  t.test('is said by what is set', async (t) => {
    t.match(loadConfig({ AUTH: 'required', AUTH_PASSWORDS: 'on' }), {
      AUTH: 'required',
      AUTH_PASSWORDS: 'on',
    })
    t.match(loadConfig({ AUTH_PASSWORDS: 'off' }), { AUTH: 'open', AUTH_PASSWORDS: 'off' })
    const tokens = {
      AUTH_JWT_SECRET: SECRET,
      AUTH_JWT_AUDIENCE: 'chat',
      AUTH_JWT_ISSUER: 'https://id.example',
    }
    t.match(loadConfig(tokens), tokens)
    t.match(loadConfig({ ACCOUNT_TTL_DAYS: '1', ACCOUNT_CLAIMS_PER_DAY: '5' }), {
      ACCOUNT_TTL_DAYS: 1,
      ACCOUNT_CLAIMS_PER_DAY: 5,
    })
  })

  t.test('the secret of tokens has 32 bytes at least', async (t) => {
    for (const secret of [SECRET, 'x'.repeat(1000), 'ñ'.repeat(16), 'with spaces inside, and quite long'])
      t.equal(loadConfig({ AUTH_JWT_SECRET: secret }).AUTH_JWT_SECRET, secret)
    for (const secret of ['y'.repeat(31), `${'ñ'.repeat(15)}y`])
      t.same(problems({ AUTH_JWT_SECRET: secret }), ['AUTH_JWT_SECRET must be at least 32 bytes'])
  })

  t.test('the secret of tokens may come from a file, and is never shown', async (t) => {
    const folder = t.testdir({ right: `${SECRET}\n`, wrong: 'tertulia', blank: '   \n' })
    t.equal(loadConfig({ AUTH_JWT_SECRET_FILE: join(folder, 'right') }).AUTH_JWT_SECRET, SECRET)
    t.same(problems({ AUTH_JWT_SECRET_FILE: join(folder, 'wrong') }), [
      'AUTH_JWT_SECRET must be at least 32 bytes',
    ])
    t.match(problems({ AUTH_JWT_SECRET_FILE: join(folder, 'blank') }), [/is empty$/])
    t.match(problems({ AUTH_JWT_SECRET_FILE: join(folder, 'none') }), [/cannot be read: ENOENT/])
    const wrong = { AUTH_JWT_SECRET: 'so secret', AUTH: 'x', AUTH_JWKS_URL: 'x', PORT: 'x' }
    t.notMatch(problems(wrong).join(), /so secret/)
  })

  t.test('keys come over https, or from this machine', async (t) => {
    for (const url of [
      URL,
      'https://10.0.0.1:8443/keys',
      'http://localhost:8080/keys',
      'http://127.0.0.1/keys',
      'http://[::1]:8080/keys',
    ])
      t.equal(loadConfig({ AUTH_JWKS_URL: url }).AUTH_JWKS_URL, url)
  })

  t.test('tokens are signed in one way', async (t) => {
    t.same(problems({ AUTH_JWT_SECRET: SECRET, AUTH_JWKS_URL: URL }), [
      'AUTH_JWT_SECRET and AUTH_JWKS_URL are both set: tokens are signed in one way',
    ])
    t.equal(problems({ AUTH_JWT_SECRET: 'x', AUTH_JWKS_URL: URL }).length, 2, 'also when one is wrong')
  })

  t.test('what tokens must say goes with tokens', async (t) => {
    for (const name of ['AUTH_JWT_AUDIENCE', 'AUTH_JWT_ISSUER']) {
      t.same(problems({ [name]: 'x' }), [
        `${name} is set, but neither AUTH_JWT_SECRET nor AUTH_JWKS_URL: no tokens are accepted`,
      ])
      t.same(problems({ [name]: 'x', AUTH_JWT_SECRET: SECRET }), [])
      t.same(problems({ [name]: 'x', AUTH_JWKS_URL: URL }), [])
    }
  })

  t.test('without guests there is something that proves a name', async (t) => {
    t.same(problems({ AUTH: 'required', AUTH_PASSWORDS: 'off' }), [
      'AUTH is required, but there are neither passwords nor tokens: nobody could register',
    ])
    t.same(problems({ AUTH: 'required' }), [])
    t.same(problems({ AUTH: 'required', AUTH_PASSWORDS: 'off', AUTH_JWT_SECRET: SECRET }), [])
    t.same(problems({ AUTH: 'required', AUTH_PASSWORDS: 'off', AUTH_JWKS_URL: URL }), [])
    t.same(problems({ AUTH_PASSWORDS: 'off' }), [], 'guests need none')
  })
})

t.test('a node is called after its host, whatever that is called', async (t) => {
  t.equal(nodeLabel('chat-1.example'), 'chat-1.example')
  t.equal(nodeLabel('máquina de Ana'), 'm-quina-de-Ana')
  t.equal(nodeLabel('x'.repeat(100)), 'x'.repeat(64))
  t.equal(nodeLabel(''), 'node')
})
