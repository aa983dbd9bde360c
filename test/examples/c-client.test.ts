import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { Client, DEADLINE_MS, type Frame } from '../conformance/client.js'
import { startServer } from '../support/server-process.js'

const SOURCE = fileURLToPath(new URL('../../examples/c', import.meta.url))
const BUILD = t.testdir()
const BINARY = join(BUILD, 'client')

/** What must be here to compile the client, and how to get it. */
const NEEDS = [
  { name: 'a C compiler', command: ['cc', '--version'], install: 'build-essential' },
  { name: 'make', command: ['make', '--version'], install: 'build-essential' },
  { name: 'pkg-config', command: ['pkg-config', '--version'], install: 'pkg-config' },
  {
    name: 'libwebsockets-dev',
    command: ['pkg-config', '--exists', 'libwebsockets'],
    install: 'libwebsockets-dev',
  },
]

function findMissing(): string | undefined {
  const missing = NEEDS.find(({ command: [program = '', ...args] }) => spawnSync(program, args).status !== 0)
  return missing && `${missing.name} is missing: apt-get install ${missing.install}`
}

async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${DEADLINE_MS} ms`)), DEADLINE_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** The client in C as a process: what it prints is read frame by frame. */
class Program {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<number | null>
  /** What it has told the user so far. */
  said = ''

  constructor(t: Test, name: string, port: number) {
    this.#child = spawn(BINARY, [name, '127.0.0.1', String(port)])
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.said += text
    })
    this.#child.stdin.on('error', () => {}) // it may end before it has read everything
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', resolve)
    })
    t.teardown(() => this.#child.kill('SIGKILL'))
  }

  type(...lines: string[]): void {
    this.#child.stdin.write(lines.map((line) => `${line}\n`).join(''))
  }

  endInput(): void {
    this.#child.stdin.end()
  }

  /** The next frame it has printed; of `type`, skipping others, when it is given. */
  async next(type?: string): Promise<Frame> {
    for (;;) {
      const line = await inTime(this.#lines.next(), `a frame ${type ?? ''} from the C client`)
      if (line.done) throw new Error(`the C client ended without a frame ${type ?? ''}: ${this.said}`)
      const frame: Frame = { ...JSON.parse(line.value), raw: line.value }
      if (type === undefined || frame.type === type) return frame
    }
  }

  /** Resolves once it has told the user `text`: standard error may come later than the next frame. */
  async hasSaid(text: string): Promise<void> {
    while (!this.said.includes(text)) await inTime(once(this.#child.stderr, 'data'), `"${text}"`)
  }

  /** Its exit code, once it has ended. */
  exitCode(): Promise<number | null> {
    return inTime(this.#ended, 'the end of the C client')
  }
}

/** The port that `server` was given, as soon as it listens. */
async function portOf(server: Server | WebSocketServer): Promise<number> {
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

/** The client in C at a server of the test's own, and the server's end of the connection. */
async function connect(t: Test): Promise<{ ana: Program; socket: WebSocket }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/chat' })
  t.teardown(() => server.close())
  const connected = new Promise<WebSocket>((resolve) => server.once('connection', resolve))
  const ana = new Program(t, 'ana', await portOf(server))
  return { ana, socket: await inTime(connected, 'the C client') }
}

/** Runs the client in C to its end, without input. */
function run(...args: string[]) {
  return spawnSync(BINARY, args, { encoding: 'utf8', input: '', timeout: DEADLINE_MS })
}

const missing = findMissing()
if (missing !== undefined) {
  t.comment(missing)
  if (process.env.CI === 'true') t.fail(missing)
}
const options = { skip: missing ?? false }

t.test('compiles without a warning', options, async (t) => {
  const make = spawnSync('make', ['-C', SOURCE, `BUILD=${BUILD}`], { encoding: 'utf8' })
  t.equal(make.status, 0, make.stderr)
})

t.test('the shortest client registers, says hello, lists, prints and leaves', options, async (t) => {
  const server = await startServer(t)
  const beto = await Client.join(server.url, 'beto')
  const hello = spawn(join(BUILD, 'hello'), ['ana', String(server.port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => hello.kill('SIGKILL'))
  let printed = ''
  hello.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const [code] = await inTime(once(hello, 'close'), 'its end')
  t.equal(code, 0)
  t.match(
    printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { type: 'register_success', userList: ['beto', 'ana'] },
      { type: 'broadcast', sender: 'ana', content: 'Hola a todos' },
      { type: 'list_users_response', content: ['beto', 'ana'] },
      { type: 'user_disconnected', content: 'ana ha salido' },
    ],
  )
  t.match(await beto.next(), { type: 'broadcast', sender: 'ana', content: 'Hola a todos' })
})

t.test(
  'the shortest client fails when its name is refused, and when it does not know what is asked',
  options,
  async (t) => {
    const server = await startServer(t)
    await Client.join(server.url, 'ana')
    const run = (...args: string[]) => {
      const child = spawn(join(BUILD, 'hello'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
      t.teardown(() => child.kill('SIGKILL'))
      return inTime(once(child, 'close'), 'its end')
    }
    t.same(await run('Ana', String(server.port)), [1, null])
    t.same(await run('--help'), [1, null])
  },
)

t.test('the shortest client says why there is no connection', options, async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  const nobody = await portOf(server)
  await new Promise((resolve) => server.close(resolve))
  const { status, stderr } = spawnSync(join(BUILD, 'hello'), ['ana', String(nobody)], {
    encoding: 'utf8',
    timeout: DEADLINE_MS,
  })
  t.equal(status, 1)
  t.match(stderr, /^no hay conexión: ./)
})

t.test('talks with another client, does what each command says, and leaves', options, async (t) => {
  const server = await startServer(t)
  const beto = await Client.join(server.url, 'beto')
  const ana = new Program(t, 'ana', server.port)
  t.same((await ana.next()).userList, ['beto', 'ana'], 'registers before anything else')

  ana.type('hola a todos')
  t.match(await ana.next(), { type: 'broadcast', sender: 'ana', content: 'hola a todos' })
  t.match(await beto.next(), { type: 'broadcast', sender: 'ana', content: 'hola a todos' })

  ana.type('/privado beto entre los dos')
  t.match(await beto.next(), { type: 'private', sender: 'ana', target: 'beto', content: 'entre los dos' })
  beto.send({ type: 'private', sender: 'beto', target: 'ana', content: 'de acuerdo' })
  t.match(await ana.next(), { type: 'private', sender: 'beto', target: 'ana', content: 'de acuerdo' })

  ana.type('/lista')
  t.match(await ana.next(), { type: 'list_users_response', content: ['beto', 'ana'] })

  ana.type('/info beto')
  const info = { type: 'user_info_response', target: 'beto', content: { ip: '127.0.0.1', status: 'ACTIVO' } }
  t.match(await ana.next(), info)

  ana.type('/estado OCUPADO')
  const status = { type: 'status_update', content: { user: 'ana', status: 'OCUPADO' } }
  t.match(await ana.next(), status)
  t.match(await beto.next(), status)

  ana.type('', '/nada')
  ana.type('/info')
  t.match(await ana.next(), { type: 'error' }, 'an empty line sends nothing; the server judges arguments')
  await ana.hasSaid('/privado NOMBRE TEXTO') // the answer to /nada

  ana.type('/salir', 'demasiado tarde')
  t.match(await ana.next(), { type: 'user_disconnected', content: 'ana ha salido' })
  t.equal(await ana.exitCode(), 0)
  t.match(ana.said, 'el servidor cerró la conexión: 1000 Hasta luego\n')
  t.match(await beto.next(), { type: 'user_disconnected', content: 'ana ha salido' })
  t.same(await beto.settle(), [], 'nothing is sent after /salir')
  await beto.close()
})

t.test('sends and prints every character as it is, in frames of any length', options, async (t) => {
  const server = await startServer(t)
  const beto = await Client.join(server.url, 'beto')
  const ana = new Program(t, 'a"n\\a', server.port)
  t.same((await ana.next()).userList, ['beto', 'a"n\\a'])

  const awkward = 'dijo "ñandú" \\ en C:\\n\t\u0001\u001b\u007f {"type":"x"} 😀'
  ana.type(awkward)
  t.match(await beto.next(), { type: 'broadcast', sender: 'a"n\\a', content: awkward })
  t.equal((await ana.next()).content, awkward)

  const longest = '😀'.repeat(4096)
  ana.type(longest)
  t.equal((await beto.next()).content, longest)
  t.equal((await ana.next()).content, longest)

  ana.type('x'.repeat(100_000), 'sigo aquí')
  t.match(await beto.next(), { type: 'broadcast', content: 'sigo aquí' }, 'a line too long is not sent')
  await ana.hasSaid('demasiado largo')

  ana.endInput()
  t.equal(await ana.exitCode(), 0)
  await beto.close()
})

t.test('sends all lines of an input that has already ended, in order', options, async (t) => {
  const server = await startServer(t)
  const lines = Array.from({ length: 60 }, (_, index) => `línea ${index}`)
  const ana = new Program(t, 'ana', server.port)
  ana.type(...lines)
  ana.endInput()
  for (const line of lines) t.equal((await ana.next('broadcast')).content, line)
  t.match(await ana.next(), { type: 'user_disconnected', content: 'ana ha salido' })
  t.equal(await ana.exitCode(), 0)
})

t.test('ends with 1 when the name is in use', options, async (t) => {
  const server = await startServer(t)
  const beto = await Client.join(server.url, 'beto')
  const other = new Program(t, 'Beto', server.port)
  other.type('hola', '/salir')
  t.match(await other.next(), { type: 'error', content: /El usuario ya existe/ })
  t.equal(await other.exitCode(), 1)
  t.match(other.said, 'no se pudo entrar al chat')
  t.same(await beto.settle(), [])
  await beto.close()
})

t.test('says where nobody listens and what libwebsockets says of it, and ends with 1', options, async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  const port = await portOf(server)
  await once(server.close(), 'close')
  const ana = new Program(t, 'ana', port)
  t.equal(await ana.exitCode(), 1)
  t.match(ana.said, new RegExp(`^client: no hay conexión con 127\\.0\\.0\\.1, puerto ${port}: \\w.+\n`))
  t.match(ana.said, 'no se pudo entrar al chat')
})

t.test('says that the server refused the upgrade, and ends with 1', options, async (t) => {
  const server = createServer((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'))
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  const port = await portOf(server)
  const ana = new Program(t, 'ana', port)
  t.equal(await ana.exitCode(), 1)
  t.match(ana.said, `no hay conexión con 127.0.0.1, puerto ${port}: HS: ws upgrade response not 101`)
})

t.test(
  'does not wait for ever for a server that takes the connection and says nothing',
  options,
  async (t) => {
    const server = createServer((socket) => {
      socket.resume()
      t.teardown(() => socket.destroy())
    }).listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    const port = await portOf(server)
    const ana = new Program(t, 'ana', port)
    t.equal(await ana.exitCode(), 1)
    t.match(ana.said, `no hay conexión con 127.0.0.1, puerto ${port}: el servidor no contesta\n`)
  },
)

t.test(
  'says that there is no connection to a name that leads nowhere, and ends with 1',
  options,
  async (t) => {
    // RFC 6761, 6.4: this name is nobody's.
    const { status, stderr } = run('ana', 'chat.invalid', '3000')
    t.equal(status, 1)
    t.match(stderr, /^client: no hay conexión con chat\.invalid, puerto 3000: .+\n/)
  },
)

t.test(
  'prints the close code and the reason of the server, and ends with 1 unless it is 1000',
  options,
  async (t) => {
    for (const [code, reason, shown] of [
      [4001, 'No te registraste a tiempo', /: 4001 No te registraste a tiempo\n/],
      [1009, '', /: 1009\n/],
      [1005, '', /: 1005\n/], // a close frame without a code
      [1012, 'El servidor se reinicia', /: 10[01]2 El servidor se reinicia\n/], // libwebsockets 4.1 makes it 1002
    ] as const) {
      const { ana, socket } = await connect(t)
      if (code === 1005) socket.close()
      else socket.close(code, reason)
      t.equal(await ana.exitCode(), 1)
      t.match(ana.said, shown, String(code))
      t.match(ana.said, 'client: el servidor cerró la conexión: ')
    }
    const { ana, socket } = await connect(t)
    socket.close(1000, 'Hasta luego')
    t.equal(await ana.exitCode(), 1, '1000 before register_success is no success')
  },
)

t.test('prints how to use it for --help, and for every other word that begins with -', options, async (t) => {
  const help = run('--help')
  t.equal(help.status, 0)
  t.match(help.stdout, /^uso: client NOMBRE \[SERVIDOR\] \[PUERTO\]\n\/privado /)
  t.equal(help.stderr, '')
  for (const args of [['-h'], ['-x', '127.0.0.1'], ['ana', '-v'], ['ana', '127.0.0.1', '-1'], ['-'], []]) {
    const { status, stdout, stderr } = run(...args)
    t.equal(status, 1, args.join(' '))
    t.equal(stdout, '')
    t.equal(stderr, 'client: uso: client NOMBRE [SERVIDOR] [PUERTO]\n')
  }
})

t.test('joins the pieces of a frame, and ends with 1 when the connection is lost', options, async (t) => {
  const { ana, socket } = await connect(t)
  t.equal(socket.protocol, 'chat-protocol')
  const [register] = await once(socket, 'message')
  t.same(JSON.parse(String(register)), { type: 'register', sender: 'ana' })

  const pieces = ['{"ty', 'pe":"register_', 'success","userList":["', 'ana"]}']
  for (const [index, piece] of pieces.entries()) socket.send(piece, { fin: index === pieces.length - 1 })
  t.equal((await ana.next()).raw, pieces.join(''))

  socket.terminate()
  t.equal(await ana.exitCode(), 1)
  t.match(ana.said, 'se perdió la conexión')
  t.notMatch(ana.said, 'el servidor cerró la conexión')
})
