/**
 * The floor in Node: checks nothing, and copies every frame after a client's first to all, in one `socket.write` a client for what one
 * turn of the event loop brought. What is between this and native/floor.c is the price of Node's streams.
 */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const REGISTERED =
  '{"type":"register_success","sender":"server","content":"","userList":[],"timestamp":"2026-11-25T12:00:00.000Z"}'

const sockets = new Set()
let batch = []

/** One text frame of less than 64 KiB, header and payload. */
function framed(payload) {
  const header =
    payload.length < 126 ? [0x81, payload.length] : [0x81, 126, payload.length >> 8, payload.length & 255]
  return Buffer.concat([Buffer.from(header), payload])
}

function flush() {
  const bytes = Buffer.concat(batch)
  batch = []
  for (const socket of sockets) socket.write(bytes)
}

const chat = new WebSocketServer({ noServer: true, perMessageDeflate: false, skipUTF8Validation: true })
const http = createServer()
http.on('upgrade', (request, socket, head) => {
  chat.handleUpgrade(request, socket, head, (client) => {
    client.on('message', (payload) => {
      if (!sockets.has(socket)) {
        sockets.add(socket)
        socket.write(framed(Buffer.from(REGISTERED)))
      } else if (batch.push(framed(payload)) === 1) {
        setImmediate(flush)
      }
    })
    client.on('close', () => sockets.delete(socket))
    client.on('error', () => {})
  })
})
http.listen(Number(process.env.PORT), '127.0.0.1', 4096, () =>
  console.log(`listening: ${http.address().port}`),
)
