/**
 * Two people chat on a server that somebody else started, and stay until it closes them.
 * Standard output: "chat works", later "closed CODE CODE".
 * Usage: node chat.mjs ws://HOST:PORT/chat
 */
import { deepEqual, equal } from 'node:assert/strict'
import { on, once } from 'node:events'
import WebSocket from 'ws'

const [url] = process.argv.slice(2)
const DEADLINE_MS = 15_000
const signal = AbortSignal.timeout(DEADLINE_MS)

const ana = await join('Ana')
const beto = await join('Beto')

ana.send({ type: 'broadcast', content: '¡Hola!' })
for (const person of [ana, beto]) equal((await person.next('broadcast')).content, '¡Hola!')

beto.send({ type: 'private', target: 'Ana', content: 'Entre tú y yo' })
equal((await ana.next('private')).content, 'Entre tú y yo')

ana.send({ type: 'list_users' })
deepEqual((await ana.next('list_users_response')).content, ['Ana', 'Beto'])

console.log('chat works')
const codes = await Promise.all([ana.closed, beto.closed])
console.log(`closed ${codes.join(' ')}`)

async function join(sender) {
  const socket = new WebSocket(url)
  const closed = once(socket, 'close').then(([code]) => code)
  const frames = on(socket, 'message', { signal })
  await once(socket, 'open', { signal })
  const send = (frame) => socket.send(JSON.stringify({ sender, ...frame }))
  /** The next frame, which must be of this type. */
  const next = async (type) => {
    const { value } = await frames.next()
    const frame = JSON.parse(String(value[0]))
    equal(frame.type, type, String(value[0]))
    return frame
  }
  send({ type: 'register', content: null })
  await next('register_success')
  return { send, next, closed }
}
