/** The same protocol as it is usually written: one `send` for each client and message, nothing shared, little checked. */
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.env.PORT),
  backlog: 4096,
  perMessageDeflate: false,
})
server.on('listening', () => console.log(`listening: ${server.address().port}`))
server.on('connection', (socket) => {
  socket.on('message', (data) => {
    const { type, sender, content } = JSON.parse(data)
    const timestamp = new Date().toISOString()
    if (type === 'register') {
      socket.send(
        JSON.stringify({ type: 'register_success', sender: 'server', content: '', userList: [], timestamp }),
      )
    } else if (type === 'broadcast') {
      const frame = JSON.stringify({ type, sender, content, timestamp })
      for (const client of server.clients) client.send(frame)
    }
  })
})
