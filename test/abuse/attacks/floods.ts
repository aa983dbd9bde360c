/** Floods of every frame: whoever floods gets an answer to each, in order, and nobody else is kept waiting for ever. */
import type { Client, Frame } from '../../conformance/client.js'
import {
  broadcast,
  changeStatus,
  disconnect,
  listUsers,
  register,
  toOne,
  userInfo,
} from '../../conformance/frames.js'
import { until } from '../../support/until.js'
import { type Attack, type Ground, PATIENCE_MS } from '../ground.js'
import { join, withClients } from '../stranger.js'

interface Flood {
  /** The frame with this number. */
  readonly frame: (name: string, number: number) => object | string
  /** Whether a frame that came is the answer to it. */
  readonly isAnswer: (came: Frame, name: string, number: number) => boolean
}

const isError = ({ type }: Frame) => type === 'error'
const STATUSES = ['OCUPADO', 'INACTIVO', 'ACTIVO']
const statusOf = (number: number) => STATUSES[number % STATUSES.length] ?? ''

const FLOODS: readonly Flood[] = [
  {
    frame: (name, number) => broadcast(name, `${number}`),
    isAnswer: ({ type, sender, content }, name, number) =>
      type === 'broadcast' && sender === name && content === `${number}`,
  },
  {
    frame: (name, number) => toOne(name, name, `${number}`),
    isAnswer: ({ type, content }, _name, number) => type === 'private' && content === `${number}`,
  },
  { frame: (name) => toOne(name, 'Nadie', 'x'), isAnswer: isError },
  { frame: (name) => listUsers(name), isAnswer: ({ type }) => type === 'list_users_response' },
  { frame: (name) => userInfo(name, name), isAnswer: ({ type }) => type === 'user_info_response' },
  {
    frame: (name, number) => changeStatus(name, statusOf(number)),
    isAnswer: ({ type, content }, name, number) =>
      type === 'status_update' &&
      JSON.stringify(content) === JSON.stringify({ user: name, status: statusOf(number) }),
  },
  { frame: (name) => register(name), isAnswer: isError },
  { frame: () => '{"type":', isAnswer: isError },
  { frame: () => ({ type: 'nada', sender: '' }), isAnswer: isError },
]

/** Farewells, which are answered once, and what is below the frames of the protocol (RFC 6455, 5.4 and 5.5). */
const OTHERS = [floodWithFarewells, floodWithPings, floodWithPongs, floodWithFragments]

/** Connections that send `disconnect` over and over: only the first is heard. */
const FAREWELLS = 20

export const flood: Attack = async (ground, amount) => {
  const kinds = FLOODS.length + OTHERS.length
  const each = Math.ceil(amount / kinds)
  await Promise.all([
    ...FLOODS.map((kind) => floodWith(kind, ground, each)),
    ...OTHERS.map((others) => others(ground, each)),
  ])
  return each * kinds
}

function floodWith({ frame, isAnswer }: Flood, { nodes, dice }: Ground, count: number): Promise<void> {
  return withClients(async (keep) => {
    const client = keep(await join(dice.pick(nodes).url, dice))
    client.sendAll(Array.from({ length: count }, (_, number) => frame(client.name, number)))
    for (let number = 0; number < count; ) {
      const came = await client.next()
      if (isAnswer(came, client.name, number)) number += 1
      else if (isOwn(came, client)) throw new Error(`${came.raw} came, and not the answer to ${number}`)
    }
  })
}

/** What can only have come because of what it sent itself. */
function isOwn({ type, sender }: Frame, { name }: Client): boolean {
  return !['broadcast', 'status_update', 'user_disconnected'].includes(type) || sender === name
}

async function floodWithFarewells({ nodes, dice }: Ground, count: number): Promise<void> {
  const times = Math.ceil(count / FAREWELLS)
  await Promise.all(
    Array.from({ length: FAREWELLS }, () =>
      withClients(async (keep) => {
        const client = keep(await join(dice.pick(nodes).url, dice))
        client.sendAll(Array.from({ length: times }, () => disconnect(client.name)))
        const { code } = await client.closed()
        if (code !== 1000) throw new Error(`${client.name} left, and was closed ${code}`)
        const own = client.unread.filter(({ type, content }) => {
          return type === 'user_disconnected' && content === `${client.name} ha salido`
        })
        if (own.length !== 1) throw new Error(`${client.name} was seen to leave ${own.length} times`)
      }),
    ),
  )
}

/** So many pings may be unanswered: the library ends whoever sends more than 60 and does not wait. */
const PINGS = 50

function floodWithPings({ nodes, dice }: Ground, count: number): Promise<void> {
  return withClients(async (keep) => {
    const { ws } = keep(await join(dice.pick(nodes).url, dice))
    let pongs = 0
    ws.on('pong', () => {
      pongs += 1
    })
    for (let sent = 0; sent < count; ) {
      const most = Math.min(count, sent + PINGS)
      for (; sent < most; sent += 1) ws.ping()
      await until(`${sent} pongs`, () => pongs === sent, PATIENCE_MS)
    }
  })
}

/** Answers to no question: they are not heeded. */
function floodWithPongs({ nodes, dice }: Ground, count: number): Promise<void> {
  return withClients(async (keep) => {
    const client = keep(await join(dice.pick(nodes).url, dice))
    for (let sent = 0; sent < count; sent += 1) client.ws.pong(`${sent}`)
    await client.settle()
  })
}

/** So many fragments are a message. */
const FRAGMENTS = 100

/** Messages in pieces of a byte, with empty ones between: each is heard as one. */
function floodWithFragments({ nodes, dice }: Ground, count: number): Promise<void> {
  return withClients(async (keep) => {
    const client = keep(await join(dice.pick(nodes).url, dice))
    const messages = Math.ceil(count / FRAGMENTS)
    for (let message = 0; message < messages; message += 1) {
      const [head = '', ...rest] = JSON.stringify(toOne(client.name, client.name, `${message}`))
      const pieces = [head, ...rest.flatMap((byte) => ['', byte]), '']
      for (const [index, piece] of pieces.entries()) client.send(piece, { fin: index === pieces.length - 1 })
    }
    for (let message = 0; message < messages; message += 1) {
      const { content } = await client.next('private')
      if (content !== `${message}`) throw new Error(`message ${message} in pieces was heard as ${content}`)
    }
  })
}
