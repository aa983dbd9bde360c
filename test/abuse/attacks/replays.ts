/** Tokens that were good once, or are good for somebody else, or are used by many at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../conformance/client.js'
import { broadcast, register } from '../../conformance/frames.js'
import { type Attack, type Ground, PATIENCE_MS } from '../ground.js'
import { rest } from '../rest.js'
import { newName, withClients } from '../stranger.js'
import { good, isRefused, sign } from './tokens.js'

/** How often a token is used again, in each of the ways. */
const USES = 8

/** How long whoever is about to be taken over pauses between two messages. */
const TALK_MS = 2

/** A token gets its owner in, as often as he likes, until it has expired or he is banned; and nobody else. */
export const replayTokens: Attack = async (ground, amount) => {
  const dice = ground.dice.another()
  const expiry = expire({ ...ground, dice })
  // Whatever comes first: it is awaited below.
  expiry.catch(() => {})
  let tried = 0
  for (; tried < amount; tried += USES * 3 + 1) {
    await steal(ground)
    await succeed(ground)
    await compete(ground)
    await ban(ground)
  }
  await expiry
  return tried + 1
}

/** In the hands of somebody with another name it is nothing. */
function steal({ nodes, dice }: Ground): Promise<void> {
  return withClients(async (keep) => {
    const name = newName(dice)
    const token = good(name)
    const owner = keep(await Client.open(dice.pick(nodes).url))
    await owner.register(name, { token })
    const thief = keep(await Client.open(dice.pick(nodes).url))
    for (let uses = 0; uses < USES; uses += 1) await isRefused(thief, newName(dice), token)
    await owner.settle()
  })
}

/** The owner's next session takes the last one over: from then on nothing that the last one said is heard. */
function succeed({ nodes, dice }: Ground): Promise<void> {
  return withClients(async (keep) => {
    const name = newName(dice)
    const token = good(name)
    let last = keep(await Client.open(dice.pick(nodes).url))
    await last.register(name, { token })
    for (let uses = 0; uses < USES; uses += 1) {
      const next = keep(await Client.open(dice.pick(nodes).url))
      const talk = talkOn(last)
      await next.register(name, { token })
      await talk
      const { code } = await last.closed()
      if (code !== 4005) throw new Error(`whose session was taken over was closed ${code}`)
      await isAlone(next)
      last = next
    }
  })
}

/** Goes on talking until the connection is closed. */
async function talkOn(client: Client): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  for (; !client.ended && performance.now() < end; await sleep(TALK_MS))
    client.send(broadcast(client.name, 'de antes'))
}

/** Whoever has just come in hears nothing in his name but what he says himself, and not that he has left. */
async function isAlone(client: Client): Promise<void> {
  const { name } = client
  client.send(broadcast(name, 'de ahora'))
  for (;;) {
    const { type, sender, content, raw } = await client.next(['broadcast', 'user_disconnected', 'error'])
    if (type === 'broadcast' && sender === name && content === 'de ahora') return
    if (type === 'error' || sender === name || content === `${name} ha salido`)
      throw new Error(`${raw} came to a session after it had taken over`)
  }
}

/** Used by many at once, everywhere: all get in, one after the other, and one is left. */
function compete({ nodes, dice }: Ground): Promise<void> {
  return withClients(async (keep) => {
    const name = newName(dice)
    const content = { token: good(name) }
    const rivals = await Promise.all(
      Array.from({ length: USES }, async () => keep(await Client.open(dice.pick(nodes).url))),
    )
    for (const rival of rivals) rival.send({ ...register(name), content })
    for (const rival of rivals) await rival.next('register_success')
    const last = await Promise.any(rivals.map((rival) => surviving(rival, rivals)))
    last.name = name
    await isAlone(last)
  })
}

/** Resolves with a client once all the others have been taken over; rejects when it has been. */
async function surviving(client: Client, all: readonly Client[]): Promise<Client> {
  const codes = await Promise.all(
    all.filter((other) => other !== client).map(async (other) => (await other.closed()).code),
  )
  if (codes.some((code) => code !== 4005))
    throw new Error(`of rivals with one token some were closed ${codes}`)
  return client
}

/** A token does not outweigh a ban. */
function ban({ nodes, dice }: Ground): Promise<void> {
  return withClients(async (keep) => {
    const name = newName(dice)
    const token = good(name)
    const owner = keep(await Client.open(dice.pick(nodes).url))
    await owner.register(name, { token })
    const body = JSON.stringify({ kind: 'name', value: name, seconds: 60 })
    const { status } = await rest(dice.pick(nodes), 'POST', '/bans', body)
    if (status !== 201) throw new Error(`a ban was answered ${status}`)
    const { code } = await owner.closed()
    if (code !== 4004) throw new Error(`whoever was banned was closed ${code}`)
    // On whichever node: one that has not heard of it yet lets him in, and shows him out at once.
    const again = keep(await Client.open(dice.pick(nodes).url))
    again.send({ ...register(name), content: { token } })
    const { code: then } = await again.closed()
    if (then !== 4004) throw new Error(`a banned name with a token was closed ${then}`)
  })
}

/** Clocks may differ by 5 seconds: so long is a token good that expires now. Whoever is in by then stays. */
function expire({ nodes, dice }: Ground): Promise<void> {
  return withClients(async (keep) => {
    const name = newName(dice)
    const token = sign({ sub: name, exp: Math.floor(Date.now() / 1000) })
    const { url } = dice.pick(nodes)
    let owner = keep(await Client.open(url))
    await owner.register(name, { token })
    const end = performance.now() + PATIENCE_MS
    for (;;) {
      const replayer = keep(await Client.open(url))
      replayer.send({ ...register(name), content: { token } })
      const { type } = await replayer.next(['error', 'register_success'])
      if (type === 'error') {
        await owner.settle()
        return
      }
      replayer.name = name
      owner = replayer
      if (performance.now() > end) throw new Error('a token that has expired is still good')
      await sleep(500)
    }
  })
}
