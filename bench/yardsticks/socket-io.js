/**
 * The same room as a Socket.IO application would have it: whatever one says goes to all, with who and when. With REDIS_URL, through
 * its Redis adapter. WebSocket alone, as nobody who counts would begin with polling.
 */
import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'

const { REDIS_URL } = process.env
const http = createServer()
const publisher = REDIS_URL && new Redis(REDIS_URL)
const io = new Server(http, {
  transports: ['websocket'],
  serveClient: false,
  ...(publisher && { adapter: createAdapter(publisher, publisher.duplicate()) }),
})
io.on('connection', (socket) => {
  socket.on('broadcast', ({ sender, content }) => {
    io.emit('broadcast', { sender, content, timestamp: new Date().toISOString() })
  })
})
http.listen(Number(process.env.PORT), '127.0.0.1', 4096, () =>
  console.log(`listening: ${http.address().port}`),
)
