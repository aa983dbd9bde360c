/** Newlines, tabs, control characters and what Redis and JSON are made of, in every string that anybody can send: all nodes read the same. */
import { Client } from '../../conformance/client.js'
import { broadcast, changeStatus, disconnect, register, toOne, userInfo } from '../../conformance/frames.js'
import type { Dice } from '../../support/dice.js'
import { until } from '../../support/until.js'
import { type Attack, type Ground, PATIENCE_MS, type Target } from '../ground.js'
import { rest } from '../rest.js'
import { allRefused, input, join, newName, withClients } from '../stranger.js'
import { good } from './tokens.js'

const CONTROLS = Array.from({ length: 0x1f }, (_, index) => String.fromCharCode(index + 1))

/** What parts lines, fields, commands and keys. U+0000 is refused in messages, and tried where it may stand. */
const PIECES = [
  ...CONTROLS,
  ...[
    '\n',
    '\t',
    '\r\n',
    '\n\n',
    '\t\t',
    '\u007f',
    '\u0085',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\\n',
    '\\u000a',
    '"',
    '\\',
    "'",
  ],
  ...[
    '"}',
    '","timestamp":"',
    '{"type":"broadcast","sender":"server"}',
    'e\tx\t1\n',
    '\nl\ts\tkey\t{}',
    '\tACTIVO\t',
    '\np\t',
  ],
  ...[
    '*3\r\n$3\r\nSET\r\n',
    '\r\nFLUSHALL\r\n',
    '{tertulia}:users',
    '}:users',
    'KEYS[1]',
    '"); redis.call("FLUSHALL") --',
  ],
  ...['%0a', '%00', '../', '*', '?', '[a-z]', ':', ' ha salido', 'ñ', '😀', 'a'],
]

function odd(dice: Dice): string {
  return Array.from({ length: 1 + dice.below(6) }, () => dice.pick(PIECES)).join('')
}

/** As many as this are under way at once. */
const CHUNK = 20

/** Everything that is said is heard exactly as it was said, on every node; what must not be said is refused. */
export const inject: Attack = (ground, amount) =>
  withClients(async (keep) => {
    const { nodes, dice } = ground
    const talker = keep(await join(dice.pick(nodes).url, dice))
    const listeners = await Promise.all(nodes.map(async ({ url }) => keep(await join(url, dice))))
    let tried = 0
    for (; tried < amount; tried += CHUNK * 4 + 6) {
      const texts = Array.from({ length: CHUNK }, () => odd(dice))
      await say(talker, listeners, texts)
      await allRefused(talker, refusable(talker.name, texts))
      await enter(ground, texts)
      await operate(ground, listeners, texts.slice(0, 3))
    }
    return tried
  })

/** The first of the listeners is told each text besides, before everyone is. */
async function say(talker: Client, listeners: readonly Client[], texts: readonly string[]): Promise<void> {
  const [first] = listeners
  if (first === undefined) return
  talker.sendAll(
    texts.flatMap((text) => [toOne(talker.name, first.name, text), broadcast(talker.name, text)]),
  )
  for (const listener of listeners) {
    for (const text of texts) {
      if (listener === first) await hears(listener, 'private', talker.name, text)
      await hears(listener, 'broadcast', talker.name, text)
    }
  }
}

async function hears(listener: Client, type: string, sender: string, text: string): Promise<void> {
  for (;;) {
    const frame = await listener.next(type)
    if (frame.sender !== sender) continue
    if (frame.content === text) return
    throw new Error(`${JSON.stringify(text)} was heard as ${frame.raw}`)
  }
}

/** In names, statuses and claims they are not allowed. */
function refusable(name: string, texts: readonly string[]) {
  return texts.flatMap((text) => [
    input(toOne(name, `Nadie${text}`, 'x')),
    input(userInfo(name, `Nadie${text}`)),
    input(changeStatus(name, text)),
    input(disconnect(`${name}${text}`)),
  ])
}

/** As names, passwords and tokens: a name with them is refused, or is what it is. */
async function enter({ nodes, dice }: Ground, texts: readonly string[]): Promise<void> {
  const { url } = dice.pick(nodes)
  for (const text of texts) {
    const client = await Client.open(url)
    const name = `${newName(dice)}${text}`
    const content = dice.pick([
      null,
      text,
      { password: `${text}${text}` },
      { token: text },
      { password: text, [text]: text },
    ])
    client.send({ ...register(name), content })
    const { type, userList = [] } = await client.next(['register_success', 'error'])
    const shown = name.normalize('NFC')
    if (type === 'register_success' && userList.at(-1) !== shown)
      throw new Error(`${JSON.stringify(name)} is now called ${userList.at(-1)}`)
    await client.close()
  }
}

/** As announcements, and as reasons, values and ids of bans: the other nodes have them as they are. */
async function operate(
  { nodes, dice, announced }: Ground,
  listeners: readonly Client[],
  texts: readonly string[],
) {
  for (const text of texts) {
    announced.add(text)
    const said = await rest(dice.pick(nodes), 'POST', '/announcements', JSON.stringify({ content: text }))
    if (said.status !== 202) throw new Error(`${JSON.stringify(text)} could not be announced: ${said.status}`)
    for (const listener of listeners) await hears(listener, 'broadcast', 'server', text)
    const path = encodeURIComponent(text)
    for (const target of [`/users/${path}`, `/bans/${path}`, `/accounts/${path}`]) {
      const { status } = await rest(dice.pick(nodes), 'DELETE', target)
      if (status < 400 || status > 499) throw new Error(`DELETE ${target} was answered ${status}`)
    }
    await ban(nodes, dice, text)
  }
}

async function ban(nodes: readonly Target[], dice: Dice, reason: string): Promise<void> {
  const body = { kind: 'name', value: newName(dice), reason: `${reason}\u0000` }
  const made = await rest(dice.pick(nodes), 'POST', '/bans', JSON.stringify(body))
  const id = field(made.body, 'id')
  if (made.status !== 201 || typeof id !== 'string') throw new Error(`a ban was answered ${made.status}`)
  for (const node of nodes) {
    const seen = async () => (await bansOf(node)).find((ban) => field(ban, 'id') === id)
    const found = await until('the ban', seen, PATIENCE_MS)
    if (field(found, 'reason') !== body.reason || field(found, 'value') !== body.value)
      throw new Error(`${JSON.stringify(body)} is kept as ${JSON.stringify(found)}`)
  }
  const bad = await rest(
    dice.pick(nodes),
    'POST',
    '/bans',
    JSON.stringify({ ...body, value: `a\n${reason}` }),
  )
  if (bad.status !== 400) throw new Error(`a name that nobody can have was banned: ${bad.status}`)
  await rest(dice.pick(nodes), 'DELETE', `/bans/${id}`)
}

async function bansOf(node: Target): Promise<object[]> {
  const list = field((await rest(node, 'GET', '/bans')).body, 'bans')
  return Array.isArray(list) ? list.filter((ban) => typeof ban === 'object' && ban !== null) : []
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Names that would lead elsewhere, were they put into keys and patterns as they are; all of them are allowed. */
const KEYS = [
  ...[
    '{tertulia}:users',
    '}:users',
    '{x}',
    '*',
    '?',
    '[a]',
    'a:b',
    'tertulia',
    ':',
    '..',
    '../..',
    '%2e%2e',
    '%',
    '\\',
    '"',
    "'",
  ],
  ...[
    'account:x',
    'store:account:x',
    'index:account',
    'meta',
    'log',
    'users',
    'nodes',
    'bans',
    '(a',
    '[z',
    '+',
    '-',
    '#{x}',
    '0',
  ],
]

/** Owners of such names come and go, and are looked up, removed and freed, and nobody else is touched. */
export const injectKeys: Attack = async (ground, amount) => {
  const { nodes, dice } = ground
  const password = 'una clave de verdad'
  const owner = await claim(ground)
  for (let tried = 0; tried < amount; tried += 1) {
    const name = `${dice.pick(KEYS)}${dice.pick(['', dice.pick(KEYS)])}`
    const path = encodeURIComponent(name)
    await withClients(async (keep) => {
      const client = keep(await Client.open(dice.pick(nodes).url))
      client.send({ ...register(name), content: dice.happens(0.2) ? { password } : null })
      const { type } = await client.next(['register_success', 'error'])
      for (const node of nodes) {
        const looked = async () => (await rest(node, 'GET', `/users/${path}`)).status
        const wanted = type === 'register_success' ? 200 : 404
        if ((await looked()) !== wanted)
          throw new Error(`${name} is answered ${await looked()}, not ${wanted}`)
      }
      const removed = await rest(dice.pick(nodes), 'DELETE', `/users/${path}`)
      if (type === 'register_success' && removed.status === 204) await client.closed()
    })
    await rest(dice.pick(nodes), 'DELETE', `/accounts/${path}`)
  }
  const freed = await rest(dice.pick(nodes), 'DELETE', `/accounts/${encodeURIComponent(owner)}`)
  if (freed.status !== 204)
    throw new Error(`${owner} was claimed, and freeing it is answered ${freed.status}`)
  return amount
}

/** Claims a name with a token, which can be done as often as one likes, and leaves. */
async function claim({ nodes, dice }: Ground): Promise<string> {
  const name = newName(dice)
  const client = await Client.open(dice.pick(nodes).url)
  await client.register(name, { token: good(name) })
  await client.close()
  return name
}
