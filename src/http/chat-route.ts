/** `GET /chat`, upgraded to WebSocket (protocol 1.1). */
import type { Socket } from 'node:net'
import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import type { Connection } from '../chat/connection.js'
import type { ChatNode } from '../chat/node.js'
import { errorBody } from './errors.js'

export const CHAT_PATH = '/chat'

/** How long a client may take to answer our close frame. */
const CLOSE_TIMEOUT_MS = 2000

export interface ChatRouteOptions {
  readonly node: ChatNode
  readonly maxFrameBytes: number
}

/** Serves the chat. Reading, control frames and the closing handshake are the library's; frames are written by the node. */
export async function chatRoute(
  app: FastifyInstance,
  { node, maxFrameBytes }: ChatRouteOptions,
): Promise<void> {
  // Not a literal in the call: the types do not know closeTimeout yet.
  const options = {
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    // Only what stands before the first NUL byte is judged, and that is the codec's business.
    skipUTF8Validation: true,
    closeTimeout: CLOSE_TIMEOUT_MS,
    clientTracking: false,
  }
  // Sessions are closed by the node, in good order, before the server is.
  await app.register(websocket, { options, preClose: (done) => done() })

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
      if (node.isBanned(request.ip)) return reply.code(403).send(errorBody(403, 'This address is banned'))
      if (node.accepting) return undefined
      reply.code(503).header('retry-after', '1')
      return reply.send(errorBody(503, 'No connections are taken now: come back'))
    },
    preHandler: async (request, reply) => {
      // From here on it is no request any more. The socket must not keep alive what there was of it.
      if (request.ws) reply.raw.detachSocket(request.raw.socket)
    },
    handler: async (_request, reply) => {
      reply.code(426).headers({ upgrade: 'websocket', connection: 'Upgrade' })
      return errorBody(426, 'Connect with a WebSocket client')
    },
    wsHandler: (socket, request) => {
      // Reset right after the handshake: there is nobody any more, and no address.
      if (request.raw.socket.remoteAddress === undefined) {
        socket.terminate()
        return
      }
      serve(node, socket, new WebSocketConnection(socket, request.raw.socket, request.ip))
    },
  })
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
  socket.on('close', (code) => node.ended(session, code))
}

class WebSocketConnection implements Connection {
  readonly ip: string
  readonly socket: Socket
  readonly #ws: WebSocket

  constructor(ws: WebSocket, socket: Socket, ip: string) {
    this.#ws = ws
    this.socket = socket
    this.ip = ip.replace(/^::ffff:(?=\d+\.)/i, '')
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
