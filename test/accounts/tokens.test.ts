import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import t, { type Test } from 'tap'
import { createTokenVerifier, type TokenOptions, type VerifyToken } from '../../src/accounts/tokens.js'

const SECRET = 'a secret that is thirty-two bytes or more'
const bytes = (text: string) => new TextEncoder().encode(text)
const now = () => Math.floor(Date.now() / 1000)
const problem = (text: string) => ({ problem: text })
const BAD_SIGNATURE = problem('la firma no es correcta')
const BAD_ALGORITHM = problem('el algoritmo no se acepta')
const UNREADABLE = problem('no se puede leer')

/** Who is meant, for an hour. */
const ana = (): JWTPayload => ({ sub: 'Ana', exp: now() + 3600 })

function verifier(options: TokenOptions, fetchMs?: number, retryMs = 0): VerifyToken {
  const verify = createTokenVerifier(options, fetchMs, retryMs)
  if (verify === undefined) throw new Error('no tokens are accepted')
  return verify
}

const bySecret = (options: TokenOptions = {}) => verifier({ secret: SECRET, ...options })

function signed(payload: JWTPayload, secret = SECRET, alg = 'HS256'): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg }).sign(bytes(secret))
}

t.test('without a secret or keys no tokens are accepted', async (t) => {
  t.equal(createTokenVerifier({}), undefined)
  t.equal(createTokenVerifier({ audience: 'chat', issuer: 'x' }), undefined)
})

t.test('a token that the secret signed is believed', async (t) => {
  const verify = bySecret()
  t.same(await verify(await signed(ana())), { subject: 'Ana', issuer: '' })
  const more = {
    ...ana(),
    iss: 'https://id.example',
    aud: 'anything',
    nbf: now() - 60,
    iat: now(),
    admin: true,
  }
  t.same(await verify(await signed(more)), { subject: 'Ana', issuer: 'https://id.example' })
  t.same(await verify(await signed({ ...ana(), sub: 'Ñandú 🦊' })), { subject: 'Ñandú 🦊', issuer: '' })
})

t.test('a token holds from and until when it says, with a few seconds for clocks that differ', async (t) => {
  const verify = bySecret()
  t.same(await verify(await signed({ sub: 'Ana', exp: now() - 3600 })), problem('ha caducado'))
  t.same(await verify(await signed({ sub: 'Ana', exp: 0 })), problem('ha caducado'))
  t.match(await verify(await signed({ sub: 'Ana', exp: now() })), { subject: 'Ana' })
  t.same(await verify(await signed({ ...ana(), nbf: now() + 3600 })), problem('todavía no vale'))
  t.match(await verify(await signed({ ...ana(), nbf: now() + 2 })), { subject: 'Ana' })
})

t.test('a token says for whom it is, and until when', async (t) => {
  const verify = bySecret()
  t.same(await verify(await signed({ sub: 'Ana' })), problem('le falta "exp"'))
  t.same(await verify(await signed({ exp: now() + 60 })), problem('le falta "sub"'))
  t.same(await verify(await signed({})), problem('le falta "sub"'))
  t.same(await verify(await signed({ ...ana(), sub: '' })), problem('le falta "sub"'))
})

t.test('a claim of the wrong type is no claim', async (t) => {
  const verify = bySecret()
  const odd = (claims: object) => signed(Object.assign(ana(), claims))
  for (const sub of [7, null, ['Ana'], { name: 'Ana' }])
    t.same(await verify(await odd({ sub })), problem('le falta "sub"'), JSON.stringify(sub))
  for (const exp of ['9999999999', null, true])
    t.same(await verify(await odd({ exp })), problem('"exp" no vale'), JSON.stringify(exp))
  t.same(await verify(await odd({ nbf: 'today' })), problem('"nbf" no vale'))
  t.same(await verify(await odd({ iat: 'today' })), problem('"iat" no vale'))
  for (const iss of [7, null, ['x'], {}])
    t.same(await verify(await odd({ iss })), problem('"iss" no vale'), JSON.stringify(iss))
})

t.test('a token is for this server, where it is said which that is', async (t) => {
  const verify = bySecret({ audience: 'chat' })
  for (const aud of ['chat', ['chat'], ['other', 'chat']])
    t.match(await verify(await signed({ ...ana(), aud })), { subject: 'Ana' }, JSON.stringify(aud))
  for (const aud of ['other', 'chats', 'CHAT', '', [], ['other'], ['chat '], [['chat']]]) {
    const token = await signed(Object.assign(ana(), { aud }))
    t.same(await verify(token), problem('es para otro servidor'), JSON.stringify(aud))
  }
  t.same(await verify(await signed(ana())), problem('es para otro servidor'), 'without "aud"')
})

t.test('a token comes from whom it must, where it is said who that is', async (t) => {
  const issuer = 'https://id.example'
  const verify = bySecret({ issuer })
  t.same(await verify(await signed({ ...ana(), iss: issuer })), { subject: 'Ana', issuer })
  for (const iss of ['https://id.example/', 'https://ID.example', 'x', '', [issuer]]) {
    const token = await signed(Object.assign(ana(), { iss }))
    t.same(await verify(token), problem('no es de quien lo debe firmar'), JSON.stringify(iss))
  }
  t.same(await verify(await signed(ana())), problem('no es de quien lo debe firmar'), 'without "iss"')
})

t.test('a token that another secret signed is refused', async (t) => {
  const verify = bySecret()
  for (const secret of [`${SECRET}.`, SECRET.toUpperCase(), 'x'.repeat(32)])
    t.same(await verify(await signed(ana(), secret)), BAD_SIGNATURE)
})

t.test('a token is refused when a bit of it is another', async (t) => {
  const verify = bySecret()
  const token = await signed({ ...ana(), sub: 'Beto' })
  const [header, , signature] = token.split('.')
  const [, payload] = (await signed(ana())).split('.')
  t.same(await verify([header, payload, signature].join('.')), BAD_SIGNATURE)
  t.same(await verify(`${header}.${payload}.`), BAD_SIGNATURE, 'without a signature')
  t.same(await verify(token.slice(0, -4)), BAD_SIGNATURE)
})

t.test('a secret signs with HS256 and nothing else', async (t) => {
  const verify = bySecret()
  for (const alg of ['HS384', 'HS512'])
    t.same(await verify(await signed(ana(), SECRET.repeat(2), alg)), BAD_ALGORITHM, alg)
  const long = bySecret({ secret: SECRET.repeat(2) })
  for (const alg of ['HS384', 'HS512'])
    t.same(await long(await signed(ana(), SECRET.repeat(2), alg)), BAD_ALGORITHM, `${alg} by the same secret`)
  t.same(await verify(new UnsecuredJWT(ana()).encode()), BAD_ALGORITHM, 'alg none')
  const { privateKey } = await generateKeyPair('RS256')
  const other = await new SignJWT(ana()).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
  t.same(await verify(other), BAD_ALGORITHM, 'RS256')
  for (const alg of ['none', 'None', 'NONE', 'hs256', 'HS256 ', 'toString', '__proto__']) {
    const token = `${base64({ alg })}.${base64(ana())}.`
    t.same(await verify(token), BAD_ALGORITHM, alg)
  }
})

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** What is no token, in every way. */
async function junk(): Promise<string[]> {
  const [header, payload, signature] = (await signed(ana())).split('.')
  const made = (head: unknown, body: unknown = ana()) => `${base64(head)}.${base64(body)}.${signature}`
  return [
    '',
    ' ',
    '.',
    '..',
    '...',
    'Ana',
    'null',
    '{}',
    '🦊.🦊.🦊',
    '\ud800.\ud800.\ud800',
    '\0',
    'x'.repeat(100_000),
    `${header}`,
    `${header}.${payload}`,
    `${header}.${payload}.${signature}.`,
    `${header}.${payload}.${signature}.${signature}.${signature}`,
    `${header}.${payload}.🦊`,
    `${header}.${payload}.=`,
    `${header}.ñ.${signature}`,
    `.${payload}.${signature}`,
    `Bearer ${header}.${payload}.${signature}`,
    made(null),
    made([]),
    made('HS256'),
    made({}),
    made({ alg: null }),
    made({ alg: ['HS256'] }),
    made({ alg: 'HS256', crit: ['exp'] }),
    made({ alg: 'HS256', crit: [] }),
    made({ alg: 'HS256', crit: ['b64'], b64: 'no' }),
    made({ alg: 'RS256', crit: ['__proto__'] }),
    made({ alg: 'RS256', kid: 7 }),
    made({ alg: 'RS256', kid: {} }),
    made({ alg: 'RS256', jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' }),
    made({ alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } }),
    made({ alg: 'EdDSA' }),
    made({ alg: 'ES512' }),
    made({ alg: 'dir', enc: 'A256GCM' }),
  ]
}

/** Whatever is done to a token, it is refused, or it is the same (of base64url, not every bit of the last character counts). */
function neverSomebodyElse(token: string, verify: VerifyToken) {
  const piece = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('.', '', '=', 'A', '_'))
  return fc.asyncProperty(fc.nat(token.length - 1), fc.nat(3), piece, async (at, length, text) => {
    const verdict = await verify(token.slice(0, at) + text + token.slice(at + length))
    return 'problem' in verdict || verdict.subject === 'Ana'
  })
}

t.test('what is no token is refused, and never an error of the server', async (t) => {
  const verify = bySecret()
  for (const token of await junk())
    t.match(await verify(token), { problem: /./ }, JSON.stringify(token.slice(0, 80)))
  // Signed, but not an object.
  const signedText = async (text: string) => {
    const input = `${base64({ alg: 'HS256' })}.${Buffer.from(text).toString('base64url')}`
    const key = await crypto.subtle.importKey(
      'raw',
      bytes(SECRET),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    )
    const signature = Buffer.from(await crypto.subtle.sign('HMAC', key, bytes(input)))
    return `${input}.${signature.toString('base64url')}`
  }
  for (const text of ['', 'Ana', 'null', '[]', '"Ana"', '7', '{', '{"sub":"Ana"', '\ufeff{}'])
    t.match(await verify(await signedText(text)), { problem: /./ }, JSON.stringify(text))
  t.same(await verify(await signedText('[]')), UNREADABLE)
  await fc.assert(neverSomebodyElse(await signed(ana()), verify), { numRuns: 500 })
})

/** Somebody who publishes keys and signs with them. */
class Signer {
  readonly keys: JWK[] = []
  /** How often the keys were asked for. */
  fetches = 0
  /** How it answers instead of with the keys. */
  answer: RequestListener | undefined
  url = ''

  static async start(t: Test): Promise<Signer> {
    const signer = new Signer()
    const server = createServer((request, response) => {
      signer.fetches += 1
      if (signer.answer) signer.answer(request, response)
      else response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: signer.keys }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.close()
      server.closeAllConnections()
    })
    signer.url = `http://127.0.0.1:${portOf(server.address())}/jwks.json`
    return signer
  }

  /** Makes a key and publishes its public half. */
  async publish(alg: string, extra: Partial<JWK> = {}) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: `${alg} ${this.keys.length}`, alg, ...extra }
    this.keys.push(jwk)
    const sign = (payload = ana(), header: object = {}) =>
      new SignJWT(payload).setProtectedHeader({ alg, kid: jwk.kid, ...header }).sign(privateKey)
    return { sign, publicKey, privateKey, jwk }
  }
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

t.test('with public keys', async (t) => {
  t.test('what one of them signed is believed', async (t) => {
    const signer = await Signer.start(t)
    const verify = verifier({ jwksUrl: signer.url, audience: 'chat', issuer: 'https://id.example' })
    const claims = { ...ana(), aud: 'chat', iss: 'https://id.example' }
    const all = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
    const keys = await Promise.all(all.map(async (alg) => ({ alg, ...(await signer.publish(alg)) })))
    for (const { alg, sign } of keys)
      t.same(await verify(await sign(claims)), { subject: 'Ana', issuer: 'https://id.example' }, alg)
    const sign = (payload: JWTPayload) => keys[0]?.sign(payload) ?? ''
    t.same(await verify(await sign({ ...claims, aud: 'x' })), problem('es para otro servidor'))
    t.same(await verify(await sign({ ...claims, iss: 'x' })), problem('no es de quien lo debe firmar'))
    t.same(await verify(await sign({ ...claims, exp: 1 })), problem('ha caducado'))
    t.same(await verify(await sign({ ...claims, sub: '' })), problem('le falta "sub"'))
  })

  t.test('what another key signed is refused', async (t) => {
    const signer = await Signer.start(t)
    const other = await Signer.start(t)
    const verify = verifier({ jwksUrl: signer.url })
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      await signer.publish(alg, { kid: alg })
      const { sign } = await other.publish(alg, { kid: alg })
      t.same(await verifier({ jwksUrl: signer.url })(await sign()), BAD_SIGNATURE, alg)
    }
    const { sign } = await other.publish('RS256', { kid: 'unknown' })
    t.same(await verify(await sign()), problem('la clave no se conoce'))
    const { jwk } = await other.publish('ES256')
    t.same(
      await verify(await sign(ana(), { kid: 'ES256' })),
      problem('la clave no se conoce'),
      'of another kind',
    )
    const own = await other.publish('ES256', { kid: 'ES256' })
    t.same(await verify(await own.sign(ana(), { jwk })), BAD_SIGNATURE, 'also when the token brings its key')
    t.equal(other.fetches, 0, 'nobody is asked but whom the configuration names')
  })

  t.test('a public key is no secret that signs', async (t) => {
    const signer = await Signer.start(t)
    const verify = verifier({ jwksUrl: signer.url })
    const { publicKey, jwk } = await signer.publish('RS256')
    const secrets = [
      await exportSPKI(publicKey),
      (await exportSPKI(publicKey)).trim(),
      JSON.stringify(jwk),
      jwk.n,
    ]
    for (const secret of secrets) {
      const key = bytes(secret ?? '')
      const token = await new SignJWT(ana())
        .setProtectedHeader({ alg: 'HS256', kid: jwk.kid ?? '' })
        .sign(key)
      t.same(await verify(token), BAD_ALGORITHM)
    }
    t.same(await verify(new UnsecuredJWT(ana()).encode()), BAD_ALGORITHM, 'nor is nothing at all')
  })

  t.test('a secret among the keys signs nothing', async (t) => {
    const signer = await Signer.start(t)
    signer.keys.push({ kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'secret' })
    const verify = verifier({ jwksUrl: signer.url })
    const token = new SignJWT(ana()).setProtectedHeader({ alg: 'HS256', kid: 'secret' })
    t.same(await verify(await token.sign(bytes(SECRET))), BAD_ALGORITHM)
  })

  t.test('a token without a key id is checked with the key that fits, where there is one', async (t) => {
    const signer = await Signer.start(t)
    const rsa = await signer.publish('RS256')
    const ec = await signer.publish('ES256')
    const verify = verifier({ jwksUrl: signer.url })
    t.match(await verify(await rsa.sign(ana(), { kid: undefined })), { subject: 'Ana' })
    t.match(await verify(await ec.sign(ana(), { kid: undefined })), { subject: 'Ana' })
    await signer.publish('RS256')
    const later = verifier({ jwksUrl: signer.url })
    t.same(await later(await rsa.sign(ana(), { kid: undefined })), problem('no dice qué clave lo firma'))
    t.match(await later(await rsa.sign()), { subject: 'Ana' })
  })

  t.test('keys are fetched when they are needed, once, and for everybody', async (t) => {
    const signer = await Signer.start(t)
    const { sign } = await signer.publish('ES256')
    const verify = verifier({ jwksUrl: signer.url })
    t.equal(signer.fetches, 0)
    const tokens = await Promise.all(Array.from({ length: 20 }, () => sign()))
    for (const verdict of await Promise.all(tokens.map(verify))) t.match(verdict, { subject: 'Ana' })
    t.equal(signer.fetches, 1)
    for (const token of tokens) await verify(token)
    t.equal(signer.fetches, 1)
    const stranger = await (await Signer.start(t)).publish('ES256', { kid: 'unknown' })
    for (let count = 0; count < 20; count += 1) await verify(await stranger.sign())
    t.equal(signer.fetches, 1, 'not again for each key that is not there')
  })

  t.test('what is refused without a key costs no fetch', async (t) => {
    const signer = await Signer.start(t)
    const verify = verifier({ jwksUrl: signer.url })
    t.same(await verify('no token'), UNREADABLE)
    t.same(await verify(await signed(ana())), BAD_ALGORITHM)
    t.equal(signer.fetches, 0)
  })

  t.test('what is no token is refused, and never an error of the server', async (t) => {
    const signer = await Signer.start(t)
    const keys = [await signer.publish('RS256'), await signer.publish('ES256'), await signer.publish('EdDSA')]
    const verify = verifier({ jwksUrl: signer.url })
    for (const token of await junk())
      t.match(await verify(token), { problem: /./ }, JSON.stringify(token.slice(0, 80)))
    for (const { sign } of keys) await fc.assert(neverSomebodyElse(await sign(), verify), { numRuns: 200 })
  })

  t.test('when they cannot be fetched that is nobody’s fault, and it is tried again', async (t) => {
    const signer = await Signer.start(t)
    const { sign, privateKey, jwk } = await signer.publish('RS256')
    const token = await sign()
    const verify = verifier({ jwksUrl: signer.url })
    const body =
      (text: string): RequestListener =>
      (_request, response) =>
        response.end(text)
    const status =
      (code: number): RequestListener =>
      (_request, response) =>
        response.writeHead(code, { location: signer.url }).end(JSON.stringify({ keys: signer.keys }))
    const secretHalf = { ...(await exportJWK(privateKey)), kid: jwk.kid }
    const answers: Record<string, RequestListener> = {
      'an error': status(500),
      'not found': status(404),
      'another place': status(302),
      'nothing to read': body(''),
      'no JSON': body('<html>'),
      'no object': body('null'),
      'a list': body('[]'),
      'no keys': body('{}'),
      'keys that are no list': body('{"keys":{}}'),
      'a key that is none': body('{"keys":[7]}'),
      'a key that cannot be read': body(JSON.stringify({ keys: [{ ...jwk, n: '🦊' }] })),
      'a key that is not public': body(JSON.stringify({ keys: [secretHalf] })),
      'an end in the middle': (_request, response) => {
        response.writeHead(200, { 'content-length': '1000' })
        response.write('{"keys":[', () => response.destroy())
      },
      'no answer': (request) => request.socket.destroy(),
    }
    for (const [what, answer] of Object.entries(answers)) {
      signer.answer = answer
      await t.rejects(verifier({ jwksUrl: signer.url })(token), what)
      if (!what.startsWith('a key that ')) await t.rejects(verify(token), `${what}, again`)
    }
    signer.answer = undefined
    t.match(await verify(token), { subject: 'Ana' })
    signer.answer = status(500)
    t.match(await verify(token), { subject: 'Ana' }, 'what has been fetched is kept')
  })

  t.test('whoever cannot give them is not asked for every token', async (t) => {
    const signer = await Signer.start(t)
    const token = await (await signer.publish('RS256')).sign()
    const verify = verifier({ jwksUrl: signer.url }, undefined, 600_000)
    signer.answer = (_request, response) => response.writeHead(500).end()
    for (let count = 0; count < 20; count += 1) await t.rejects(verify(token))
    t.equal(signer.fetches, 1)
    // Those that are the token's own fault keep nobody else from trying.
    signer.answer = undefined
    const other = verifier({ jwksUrl: signer.url }, undefined, 600_000)
    await other(`${token.split('.')[0]}.e30.AA`)
    t.match(await other(token), { subject: 'Ana' })
  })

  t.test('whoever publishes them is not waited for without end', async (t) => {
    const signer = await Signer.start(t)
    const { sign } = await signer.publish('RS256')
    signer.answer = () => {}
    await t.rejects(verifier({ jwksUrl: signer.url }, 20)(await sign()), { code: 'ERR_JWKS_TIMEOUT' })
    signer.answer = (_request, response) => response.writeHead(200).write('{"keys":[')
    await t.rejects(verifier({ jwksUrl: signer.url }, 20)(await sign()), { code: 'ERR_JWKS_TIMEOUT' })
  })

  t.test('whoever publishes them may not be there', async (t) => {
    const signer = await Signer.start(t)
    const { sign } = await signer.publish('RS256')
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const port = portOf(closed.address())
    closed.close()
    await once(closed, 'close')
    const verify = verifier({ jwksUrl: `http://127.0.0.1:${port}/` })
    await t.rejects(verify(await sign()), { cause: { code: 'ECONNREFUSED' } })
  })
})
