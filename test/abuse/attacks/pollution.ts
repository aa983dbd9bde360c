/** Names of what every object inherits, wherever there can be a name. */

import { Client } from '../../conformance/client.js'
import { broadcast, changeStatus, toOne, userInfo } from '../../conformance/frames.js'
import type { Attack, Ground } from '../ground.js'
import { refusedBy, rest } from '../rest.js'
import { allRefused, input, withClients } from '../stranger.js'

const NAMES = [
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', 'prototype', 'isPrototypeOf'],
  ...['__defineGetter__', '__lookupSetter__', 'then', 'toJSON', 'length', 'null', 'undefined', 'NaN'],
]

/** In places where they are unknown, whatever they are. */
const REFUSED: readonly ((odd: string, name: string) => string)[] = [
  (odd) => JSON.stringify({ type: odd, sender: 'x' }),
  (odd) => `{"${odd}":{"type":"broadcast","sender":"x","content":"x"}}`,
  (odd) => `{"${odd}":"broadcast","sender":"x","content":"x"}`,
  (odd) => `{"type":"broadcast","${odd}":"x","content":"x"}`,
  (odd, name) => `{"type":"broadcast","sender":"${name}","${odd}":{"content":"x"}}`,
  (odd, name) => `{"type":"broadcast","sender":"${name}","content":{"${odd}":"x"}}`,
  (odd, name) => JSON.stringify(changeStatus(name, odd)),
  (odd, name) => JSON.stringify(toOne(name, `${odd}-nadie`, 'x')),
  (odd) => JSON.stringify(broadcast(`${odd.toUpperCase()}-`, 'x')),
  (odd, name) => `{"type":"register","sender":"${name}","content":{"${odd}":{"password":"una-clave"}}}`,
]

export const pollute: Attack = async (ground, amount) => {
  let tried = 0
  for (; tried < amount; tried += 1 + REFUSED.length + QUERIES.length + BODIES.length) {
    await beCalled(ground.dice.pick(NAMES), ground)
    await ask(ground.dice.pick(NAMES), ground)
  }
  return tried
}

/** Such a name is a name like any other. */
function beCalled(odd: string, { nodes, dice }: Ground): Promise<void> {
  return withClients(async (keep) => {
    const node = dice.pick(nodes)
    const client = keep(await Client.join(node.url, odd))
    await allRefused(
      client,
      REFUSED.map((make) => input(make(dice.pick(NAMES), odd))),
    )
    client.send(`{"__proto__":{"content":"x"},${JSON.stringify(toOne(odd, odd, odd)).slice(1)}`)
    const { sender, target, content } = await client.next('private')
    if (sender !== odd || target !== odd || content !== odd) throw new Error(`${odd} was told ${content}`)
    const { status, body } = await rest(node, 'GET', `/users/${encodeURIComponent(odd)}`)
    const { name } = typeof body === 'object' && body !== null && 'name' in body ? body : { name: undefined }
    if (status !== 200 || name !== odd)
      throw new Error(`${odd} is there, and GET /users/${odd} says ${status}`)
    // Whoever asks for what is no user is told so, and not of what objects have.
    for (const other of NAMES.filter((other) => other !== odd)) {
      client.send(userInfo(odd, other))
      const { type } = await client.next(['error', 'user_info_response'])
      if (type !== 'error') throw new Error(`${other} is nobody, and was found`)
    }
  })
}

const QUERIES: readonly ((odd: string) => string)[] = [
  (odd) => `/users?status=${odd}`,
  (odd) => `/users?limit=${odd}`,
  (odd) => `/users?cursor=${odd}`,
  (odd) => `/accounts?cursor=${odd}`,
  (odd) => `/users?limit[${odd}]=1&limit=${odd}`,
]

const BODIES: readonly ((odd: string) => [path: string, body: string])[] = [
  (odd) => ['/bans', `{"kind":"name","value":"x","${odd}":{"x":1}}`],
  (odd) => ['/bans', `{"${odd}":{"kind":"name","value":"x"}}`],
  (odd) => ['/bans', `{"kind":"${odd}","value":"x"}`],
  (odd) => ['/announcements', `{"content":"x","${odd}":{"content":"y"}}`],
  (odd) => ['/announcements', `{"content":{"${odd}":"x"}}`],
  () => ['/announcements', '{"content":"x","__proto__":{"polluted":true}}'],
  () => ['/bans', '{"kind":"name","value":"x","constructor":{"prototype":{"polluted":true}}}'],
]

async function ask(odd: string, { nodes, dice }: Ground): Promise<void> {
  const node = dice.pick(nodes)
  for (const make of QUERIES) await refusedBy(node, 'GET', make(odd))
  for (const make of BODIES) await refusedBy(node, 'POST', ...make(odd))
  await refusedBy(node, 'DELETE', `/bans/${odd}`)
  await refusedBy(node, 'DELETE', `/accounts/${odd}`)
  // What is not known in a query is nobody's business.
  const { status } = await rest(node, 'GET', `/users?${odd}[x]=1&${odd}=2`)
  if (status !== 200) throw new Error(`an unknown query was answered ${status}`)
}
