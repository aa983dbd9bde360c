/** `GET /chat`, upgraded to WebSocket (protocol 1.1). */
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Connection } from '../chat/connection.js'
import { ConnectionCounter, type ConnectionLimits } from '../chat/limits.js'
import type { ChatNode } from '../chat/node.js'
import { CLOSES } from '../protocol/codes.js'
import { Admission, type Turn } from './admission.js'
import { clientAddress } from './client-address.js'
import { errorBody } from './errors.js'
import { Pongs } from './pongs.js'

export const CHAT_PATH = '/chat'

/** Of the WebSocket protocol (RFC 6455, 4.1). */
const VERSION = '13'

/** How long a client may take to answer our close frame. */
const CLOSE_TIMEOUT_MS = 2000

/** In how many pieces one message may come. */
const MAX_FRAGMENTS = 4096

/** What whoever comes or waits is told while the node starts or ends. */
const CLOSED = 'No connections are taken now: come back'

export interface ChatRouteOptions {
  readonly node: ChatNode
  /** Pages that may connect; none: all. Who sends no origin is no page. */
  readonly allowedOrigins: readonly string[]
  readonly connections: ConnectionLimits
  /** So many are let in each second; others wait their turn. 0: no limit. */
  readonly upgradesPerSecond: number
  readonly maxFrameBytes: number
}

/** Serves the chat. Reading, control frames and the closing handshake are the library's; frames are written by the node. */
export async function chatRoute(
  app: FastifyInstance,
  { node, maxFrameBytes, allowedOrigins, connections: limits, upgradesPerSecond }: ChatRouteOptions,
): Promise<void> {
  const connections = new ConnectionCounter(limits)
  const admission = new Admission(upgradesPerSecond, () => node.accepting)
  // Not a literal in the call: the types do not know closeTimeout yet.
  const options = {
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    // Only what stands before the first NUL byte is judged, and that is the codec's business.
    skipUTF8Validation: true,
    closeTimeout: CLOSE_TIMEOUT_MS,
    maxFragments: MAX_FRAGMENTS,
    // By the library's own way whoever sends many at once is cut off.
    autoPong: false,
    clientTracking: false,
  }
  // Sessions are closed by the node, in good order, before the server is.
  await app.register(websocket, { options, preClose: (done) => done() })
  judgeReasons(app.websocketServer)
  refuseHasty(app)
  // Whoever waits keeps the server from closing.
  app.addHook('preClose', async () => admission.close())

  // The plugin would open a WebSocket on every route that there is, and close it without a word.
  app.addHook('onRequest', async (request, reply) => {
    if (!request.ws || request.routeOptions.url === CHAT_PATH) return undefined
    return reply.code(404).send(errorBody(404, `The chat is at ${CHAT_PATH}`))
  })

  app.route({
    method: 'GET',
    url: CHAT_PATH,
    schema: { hide: true },
    onRequest: async (request, reply) => {
      if (!request.ws) return undefined
      if (request.raw.socket.destroyed) {
        // Gone already: it has no address any more, and nothing would give its place back.
        reply.hijack()
        return undefined
      }
      if (!isHandshake(request.raw)) return upgradeRequired(reply)
      const { origin } = request.headers
      if (origin !== undefined && allowedOrigins.length > 0 && !allowedOrigins.includes(origin))
        return reply.code(403).send(errorBody(403, 'Pages of this origin may not connect'))
      const ip = clientAddress(request)
      if (node.isBanned(ip)) return banned(reply)
      if (!node.accepting) return refuse(reply, 503, CLOSED)
      const place = connections.enter(ip)
      if (place === 'full')
        return refuse(reply, 503, 'There are as many connections as there can be: come back')
      if (place === 'too-many') return refuse(reply, 429, 'There are too many connections from this address')
      // Whatever becomes of the upgrade.
      request.raw.socket.once('close', place)
      const turn = await admission.ask(request.raw.socket)
      // While it waited.
      if (turn === 'go' && node.isBanned(ip)) return banned(reply)
      return admit(turn, reply)
    },
    preHandler: async (request, reply) => {
      // From here on it is no request any more. The socket must not keep alive what there was of it.
      if (request.ws) reply.raw.detachSocket(request.raw.socket)
    },
    handler: (_request, reply) => upgradeRequired(reply),
    wsHandler: (socket, request) => {
      // Reset right after the handshake: there is nobody any more, and no address.
      if (request.raw.socket.remoteAddress === undefined) {
        socket.terminate()
        return
      }
      serve(node, socket, new WebSocketConnection(socket, request.raw.socket, clientAddress(request)))
    },
  })
}

/**
 * Whoever asks for an upgrade has had the answers to what he asked before (RFC 9110, 7.8; RFC 9112, 9.3.2). If not, the connection ends:
 * the plugin could not answer, and would leave it open for ever.
 */
function refuseHasty({ server }: FastifyInstance): void {
  /** The last of its answers that are under way. */
  const answering = new WeakMap<object, object>()
  server.on('request', ({ socket }, response) => {
    answering.set(socket, response)
    response.once('close', () => {
      if (answering.get(socket) === response) answering.delete(socket)
    })
  })
  const upgrades = server.listeners('upgrade')
  server.removeAllListeners('upgrade')
  server.on('upgrade', (request, socket, head) => {
    if (answering.has(socket)) socket.destroy()
    else for (const upgrade of upgrades) upgrade.call(server, request, socket, head)
  })
}

/**
 * The library echoes the reason of a close frame. As it validates nothing here, it must be kept from sending what is not UTF-8
 * (RFC 6455, 5.5.1).
 */
function judgeReasons({ options }: FastifyInstance['websocketServer']): void {
  const { WebSocket: Base } = options
  if (Base === undefined) throw new Error('the library does not say what its sockets are')
  options.WebSocket = class extends Base {
    override close(code?: number, reason?: string | Buffer): void {
      if (Buffer.isBuffer(reason) && !isUtf8(reason)) super.close(CLOSES.INVALID_UTF8.code)
      else super.close(code, reason)
    }
  }
}

/**
 * What of RFC 6455, 4.2.1, nobody else asks for: the library takes an older version of the protocol and any of HTTP, and HEAD would
 * go the way of GET, with nobody at its end to answer.
 */
function isHandshake({ method, httpVersion, headers }: IncomingMessage): boolean {
  return method === 'GET' && httpVersion !== '1.0' && headers['sec-websocket-version'] === VERSION
}

/** Says what the chat is asked for with (RFC 6455, 4.2.2). */
function upgradeRequired(reply: FastifyReply): FastifyReply {
  reply.code(426).headers({ upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': VERSION })
  return reply.send(errorBody(426, 'Connect with a WebSocket client'))
}

function banned(reply: FastifyReply): FastifyReply {
  return reply.code(403).send(errorBody(403, 'This address is banned'))
}

/** Goes on with an upgrade whose turn it is, or ends it. */
function admit(turn: Turn, reply: FastifyReply): FastifyReply | undefined {
  if (turn === 'closed') return refuse(reply, 503, CLOSED)
  if (turn === 'full') return refuse(reply, 503, 'Too many wait to be let in: come back')
  // Nobody is there to be answered.
  if (turn === 'gone') reply.hijack()
  return undefined
}

/** Says no to an upgrade for now. */
function refuse(reply: FastifyReply, status: 429 | 503, message: string): FastifyReply {
  return reply.code(status).header('retry-after', '1').send(errorBody(status, message))
}

/**
 * Ties a WebSocket to a session. A function of its own, so that what the listeners keep alive is the session and not the
 * request; for the same reason the plugin's own error listener goes.
 */
function serve(node: ChatNode, socket: WebSocket, connection: Connection): void {
  const session = node.connect(connection)
  socket.removeAllListeners('error')
  // The reason follows in the close event.
  socket.on('error', () => {})
  socket.on('message', (data: Buffer) => node.receive(session, data))
  // Most clients never send any.
  let pongs: Pongs | undefined
  socket.on('ping', (data: Buffer) => {
    pongs ??= new Pongs(socket, connection)
    pongs.answer(data)
    node.receiveControl(session)
  })
  socket.on('pong', () => node.receiveControl(session))
  socket.on('close', (code) => node.ended(session, code))
}

class WebSocketConnection implements Connection {
  readonly ip: string
  readonly socket: Socket
  readonly #ws: WebSocket

  constructor(ws: WebSocket, socket: Socket, ip: string) {
    this.#ws = ws
    this.socket = socket
    this.ip = ip
  }

  get open(): boolean {
    return this.#ws.readyState === this.#ws.OPEN
  }

  ping(): void {
    if (this.open) this.#ws.ping()
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason)
  }

  terminate(): void {
    this.#ws.terminate()
  }

  pause(): void {
    this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }
}
