/** Tokens that are not what they should be. */
import { createHmac } from 'node:crypto'
import { Client } from '../../conformance/client.js'
import { register } from '../../conformance/frames.js'
import type { Dice } from '../../support/dice.js'
import type { Attack } from '../ground.js'
import { damaged } from '../mutate.js'
import { newName, withClients } from '../stranger.js'

/** AUTH_JWT_SECRET of servers that are attacked with tokens. */
export const SECRET = 'the-secret-of-whoever-signs-tokens-here'

/** A secret of the attackers. */
const MINE = 'another-secret-that-is-as-long-as-that-one'

const encoded = (text: string) => Buffer.from(text).toString('base64url')
const encode = (value: unknown) => encoded(JSON.stringify(value))
const later = () => Math.floor(Date.now() / 1000) + 600

/** A token with this payload. `header` adds to its header. */
export function sign(payload: unknown, { secret = SECRET, header = {}, hash = 'sha256' } = {}): string {
  const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(payload)}`
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`
}

/** A token for a name. */
export const good = (sub: unknown) => sign({ sub, exp: later() })

type Junk = (name: string, dice: Dice) => unknown

const JUNK: readonly Junk[] = [
  // For somebody else, expired, not yet good, without an end, without a subject.
  () => good('Otro'),
  (sub) => sign({ sub, exp: later() - 1200 }),
  (sub) => sign({ sub, exp: later(), nbf: later() }),
  (sub) => sign({ sub }),
  () => sign({ exp: later() }),
  (sub) => sign({ sub, exp: '9999999999' }),
  (sub) => sign({ sub: [sub], exp: later() }),
  (sub) => sign({ sub: { toString: sub }, exp: later() }),
  (sub) => sign({ sub: `${sub}\n`, exp: later() }),
  (sub) => sign({ sub: '', name: sub, exp: later() }),
  () => sign({ sub: '__proto__', exp: later() }),
  () => sign('x'),
  () => sign([]),
  () => sign(null),
  // Signed by nobody, by others, or otherwise.
  (sub) => sign({ sub, exp: later() }, { secret: MINE }),
  (sub, dice) =>
    `${encode({ alg: dice.pick(['none', 'None', 'NONE', 'nOnE', '', null]) })}.${encode({ sub, exp: later() })}.`,
  (sub) => sign({ sub, exp: later() }, { header: { alg: 'none' } }),
  (sub) => sign({ sub, exp: later() }, { header: { alg: 'HS512' }, hash: 'sha512' }),
  (sub) => sign({ sub, exp: later() }, { header: { alg: 'RS256' } }),
  (sub) => sign({ sub, exp: later() }, { header: { crit: ['exp'] } }),
  (sub) => sign({ sub, exp: later() }, { header: { b64: false, crit: ['b64'] } }),
  // With the key in the token, or a way to one.
  (sub) => sign({ sub, exp: later() }, { secret: MINE, header: { jwk: { kty: 'oct', k: encoded(MINE) } } }),
  (sub, dice) =>
    sign({ sub, exp: later() }, { secret: '', header: { kid: dice.pick(['/dev/null', "' OR 1", '']) } }),
  (sub) =>
    sign({ sub, exp: later() }, { secret: MINE, header: { jku: 'http://127.0.0.1:1/', x5u: 'file:///x' } }),
  (sub) => `${good(sub).split('.').slice(0, 2).join('.')}.${good('Otro').split('.')[2]}`,
  (sub) => `${encode({ alg: 'dir', enc: 'A256GCM' })}..${encode(sub)}.${encode({ sub, exp: later() })}.e30`,
  (sub) => good(sub).replace(/\.[^.]*$/, '.'),
  // Cut, doubled, damaged.
  (sub, dice) => good(sub).slice(0, -1 - dice.below(100)),
  (sub) => `${good(sub)}.${good(sub)}`,
  (sub) => `Bearer ${good(sub)}`,
  (sub) => ` ${good(sub)}\n`,
  (sub, dice) => `${damaged(Buffer.from(good(sub)), dice).toString('latin1')}~`,
  // What is no token at all.
  (_sub, dice) => '.'.repeat(dice.below(60_000)),
  (_sub, dice) => 'e'.repeat(dice.below(60_000)),
  () => '..',
  () => '',
  () => '\u0000',
  () => 1,
  () => ['a.b.c'],
  () => ({ toString: 'a.b.c' }),
  () => null,
]

/** Each is refused, and the connection may try again. */
export const junkTokens: Attack = ({ nodes, dice }, amount) =>
  withClients(async (keep) => {
    const client = keep(await Client.open(dice.pick(nodes).url))
    for (let tried = 0; tried < amount; tried += 1) {
      const name = newName(dice)
      await isRefused(client, name, dice.pick(JUNK)(name, dice))
    }
    return amount
  })

/** A token that does not get its bearer in under a name; he may try again. */
export async function isRefused(client: Client, name: string, token: unknown): Promise<void> {
  client.send({ ...register(name), content: { token } })
  const { type, raw } = await client.next(['error', 'register_success'])
  if (type !== 'error') throw new Error(`the token ${JSON.stringify(token)} was answered ${raw}`)
}
