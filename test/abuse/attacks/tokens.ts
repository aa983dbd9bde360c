/** Tokens that are not what they should be, and good ones in the wrong hands. */
import { createHmac } from 'node:crypto'
import { Client } from '../../conformance/client.js'
import { register } from '../../conformance/frames.js'
import type { Dice } from '../../support/dice.js'
import type { Attack } from '../arena.js'
import { damaged } from '../mutate.js'
import { newName, withClients } from '../stranger.js'

/** AUTH_JWT_SECRET of servers that are attacked with tokens. */
export const SECRET = 'the-secret-of-whoever-signs-tokens-here'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const later = () => Math.floor(Date.now() / 1000) + 600

function sign(payload: unknown, { secret = SECRET, header = {}, hash = 'sha256' } = {}): string {
  const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(payload)}`
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`
}

const good = (sub: unknown) => sign({ sub, exp: later() })

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
  (sub) => sign({ sub, exp: later() }, { secret: 'another-secret-that-is-as-long-as-that-one' }),
  (sub) => `${encode({ alg: 'none' })}.${encode({ sub, exp: later() })}.`,
  (sub) => sign({ sub, exp: later() }, { header: { alg: 'none' } }),
  (sub) => sign({ sub, exp: later() }, { header: { alg: 'HS512' }, hash: 'sha512' }),
  (sub) => sign({ sub, exp: later() }, { header: { alg: 'RS256' } }),
  (sub) => sign({ sub, exp: later() }, { header: { crit: ['exp'] } }),
  (sub) => sign({ sub, exp: later() }, { header: { b64: false, crit: ['b64'] } }),
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

/** Each is refused, and the connection may try again. Then a good one is replayed: by its owner only. */
export const junkTokens: Attack = ({ nodes, dice }, amount) =>
  withClients(async (keep) => {
    const { url } = dice.pick(nodes)
    const client = keep(await Client.open(url))
    for (let tried = 0; tried < amount; tried += 1) {
      const name = newName(dice)
      const token = dice.pick(JUNK)(name, dice)
      client.send({ ...register(name), content: { token } })
      const { type, raw } = await client.next()
      if (type !== 'error') throw new Error(`the token ${JSON.stringify(token)} was answered ${raw}`)
    }
    await replay(url, dice, keep)
    return amount + REPLAYS
  })

const REPLAYS = 10

async function replay(url: string, dice: Dice, keep: (client: Client) => Client): Promise<void> {
  const name = newName(dice)
  const token = good(name)
  let owner = keep(await Client.open(url))
  await owner.register(name, { token })
  for (let times = 0; times < REPLAYS / 2; times += 1) {
    const thief = keep(await Client.open(url))
    thief.send({ ...register(newName(dice)), content: { token } })
    const { type, raw } = await thief.next()
    if (type !== 'error') throw new Error(`a token for another name was answered ${raw}`)
    // Who has it may use it again: it takes the session over, and there are never two.
    const again = keep(await Client.open(url))
    await again.register(name, { token })
    const { code } = await owner.closed()
    if (code !== 4005) throw new Error(`whose session was taken over was closed ${code}`)
    owner = again
  }
}
