/**
 * What the client must do on every platform, and on every server with the extensions: named cases that run as they are in
 * Node and in a browser. So nothing of either is used here, and the client comes from outside: only its types are imported.
 */
import type { Client, ClientOptions, Lost, SocketClass } from '../../src/client/index.js'

/** What fails on demand. */
export interface Control {
  /** The network between: breaks all connections through it, and refuses new ones until `restore`. */
  drop(): Promise<void>
  /** Breaks all connections through it. */
  cut(): Promise<void>
  /** Nothing passes through it any more, and nobody is told. */
  blackhole(): Promise<void>
  restore(): Promise<void>
  /** The server: whoever has this name and is away has left. */
  forget(name: string): Promise<void>
}

export interface Context {
  readonly Client: typeof Client
  readonly WebSocket: SocketClass
  /** Through the network that `control` is about. */
  readonly url: string
  /** Past that network. */
  readonly directUrl: string
  readonly control: Control
}

const DEADLINE_MS = 20_000

/** Somebody in a case, with what was heard. */
interface Person {
  readonly client: Client
  readonly name: string
  readonly said: string[]
  readonly whispered: string[]
  readonly joined: string[]
  readonly left: string[]
  readonly statuses: string[]
  readonly lost: Lost[]
  /** How often it came back. */
  readonly resumed: boolean[]
}

type Enter = (who: string, options?: Partial<ClientOptions> & { url?: string }) => Promise<Person>

/** One case: gets the context, and a way to bring people in who leave with the case. */
type Case = (context: Context, enter: Enter) => Promise<void>

let people = 0

export const CASES: Readonly<Record<string, Case>> = {
  'knows who is present, and what the session keeps': async (_, enter) => {
    const ana = await enter('Ana')
    const beto = await enter('Beto')
    const { users } = await beto.client.connect()
    same(
      users.filter(({ name }) => name === ana.name || name === beto.name),
      [
        { name: ana.name, status: 'ACTIVO' },
        { name: beto.name, status: 'ACTIVO' },
      ],
    )
    same(Object.values(beto.client.guarantees ?? {}), [true, true, true, true, true])
  },

  'a broadcast comes back to its sender, and stands where the receipt says': async (_, enter) => {
    const ana = await enter('Ana')
    const beto = await enter('Beto')
    const places: (string | undefined)[] = []
    ana.client.on('message', ({ position }) => places.push(position))
    const receipts = await Promise.all(['uno', 'dos 💬'].map((text) => ana.client.send(text)))
    same(
      receipts.map(({ position }) => position),
      places,
    )
    await until('Beto hears it', () => beto.said.length === 2)
    same(
      [ana.said, beto.said],
      [
        ['uno', 'dos 💬'],
        ['uno', 'dos 💬'],
      ],
    )
  },

  'a private message is for one alone': async (_, enter) => {
    const ana = await enter('Ana')
    const beto = await enter('Beto')
    const receipt = await ana.client.sendTo(beto.name, 'hola')
    same([receipt.confirmed, receipt.confirmed && receipt.delivered], [true, true])
    await until('it comes', () => beto.whispered.length === 1)
    same([ana.whispered, beto.whispered, beto.said], [[], ['hola'], []])
  },

  'refusals have codes': async ({ Client, WebSocket, directUrl }, enter) => {
    const ana = await enter('Ana')
    await refused('USER_NOT_FOUND', ana.client.sendTo('Nadie', 'hola'))
    await refused('USER_NOT_FOUND', ana.client.userInfo('Nadie'))
    await refused('INVALID_FIELD', ana.client.send(''))
    const other = new Client(directUrl, { name: ana.name, WebSocket })
    await refused('NAME_TAKEN', other.connect())
    same(other.state, 'closed')
  },

  'others are seen to join, to change, and to leave': async (_, enter) => {
    const ana = await enter('Ana')
    const beto = await enter('Beto')
    await beto.client.setStatus('OCUPADO')
    await beto.client.setStatus('OCUPADO')
    await beto.client.close()
    await until('it is seen', () => ana.left.length === 1)
    same([ana.joined, ana.statuses, ana.left], [[beto.name], [`${beto.name} OCUPADO`], [beto.name]])
  },

  'questions are answered': async (_, enter) => {
    const ana = await enter('Ana')
    const beto = await enter('Beto')
    const names = await ana.client.listUsers()
    same(
      names.filter((name) => name === ana.name || name === beto.name),
      [ana.name, beto.name],
    )
    const { name, status, ip } = await ana.client.userInfo(beto.name)
    same([name, status, ip], [beto.name, 'ACTIVO', '127.0.0.1'])
  },

  'the history is read page by page, backwards': async (_, enter) => {
    const ana = await enter('Ana')
    const texts = ['a', 'b', 'c', 'd', 'e'].map((text) => `${ana.name} ${text}`)
    for (const text of texts) await ana.client.send(text)
    const latest = await ana.client.history({ limit: 2 })
    const before = latest.messages[0]?.position ?? ''
    const earlier = await ana.client.history({ before, limit: 3 })
    same(
      [...earlier.messages, ...latest.messages].map(({ content }) => content),
      texts,
    )
    same(latest.more, true)
    const beto = await enter('Beto', { history: 3 })
    const { history } = await beto.client.connect()
    same(
      history.map(({ content }) => content),
      texts.slice(2),
    )
  },

  'what was missed comes once the connection is back, and others notice nothing': async (context, enter) => {
    const { control, directUrl } = context
    const ana = await enter('Ana')
    const beto = await enter('Beto', { url: directUrl })
    await beto.client.send('antes')
    await control.drop()
    await until('Ana is away', () => ana.client.state === 'waiting')
    await beto.client.send('uno')
    const receipt = await beto.client.sendTo(ana.name, 'dos')
    same([receipt.confirmed, receipt.confirmed && receipt.delivered], [true, false])
    await beto.client.send('tres')
    await control.restore()
    await ana.client.connect()
    await beto.client.send('cuatro')
    await until('Ana has all', () => ana.said.length + ana.whispered.length === 5)
    same([ana.said, ana.whispered], [['antes', 'uno', 'tres', 'cuatro'], ['dos']])
    same([ana.resumed, ana.lost], [[false, true], []])
    same([beto.joined, beto.left], [[], []])
  },

  'what is given while away is sent once, in order': async ({ control, directUrl }, enter) => {
    const ana = await enter('Ana')
    const beto = await enter('Beto', { url: directUrl })
    await control.drop()
    await until('Ana is away', () => ana.client.state === 'waiting')
    const texts = Array.from({ length: 64 }, (_, index) => String(index))
    const sent = texts.map((text) => ana.client.send(text))
    await refused('QUEUE_FULL', ana.client.send('one too many'))
    await control.restore()
    await Promise.all(sent)
    await until('Beto has all', () => beto.said.length === 64)
    same([beto.said, ana.said], [texts, texts])
  },

  'connections that break while both talk lose nothing, and repeat nothing': async (context, enter) => {
    const { control, directUrl } = context
    const ana = await enter('Ana')
    const beto = await enter('Beto')
    const carla = await enter('Carla', { url: directUrl })
    const sent: Promise<unknown>[] = []
    const texts: string[] = []
    const secrets: string[] = []
    for (let turn = 0; turn < 12; turn += 1) {
      for (let word = 0; word < 3; word += 1) {
        const text = `${turn} ${word}`
        texts.push(text)
        secrets.push(`secret ${text}`)
        sent.push(ana.client.send(text), beto.client.sendTo(ana.name, `secret ${text}`))
      }
      // Now in the middle of it, now when some of it has been answered.
      if (turn % 3 === 1) await sent.at(-4)
      if (turn % 2 === 1) await control.cut()
      if (turn % 4 === 3) await Promise.all(sent)
    }
    await Promise.all(sent)
    await until(
      'all have all',
      () =>
        [ana, beto, carla].every(({ said }) => said.length >= texts.length) &&
        ana.whispered.length >= secrets.length,
    )
    same([ana.said, beto.said, carla.said], [texts, texts, texts])
    same(ana.whispered, secrets)
    same([ana.lost, beto.lost, carla.left], [[], [], []])
    if (ana.resumed.length < 2) throw new Error('no connection broke')
  },

  'a connection that is dead without a sign is replaced, and nothing is lost': async (context, enter) => {
    const { control, directUrl } = context
    const beto = await enter('Beto', { url: directUrl })
    const ana = await enter('Ana', { answerTimeoutMs: 150, attemptTimeoutMs: 300 })
    await control.blackhole()
    const sent = ana.client.send('uno')
    await beto.client.send('dos')
    await until('Ana has noticed', () => ana.client.state !== 'online')
    await control.restore()
    await sent
    await until('both have both', () => ana.said.length === 2 && beto.said.length === 2)
    same(ana.said, beto.said)
    same(ana.lost, [])
  },

  'what is undecided when a session is lost is said, and not sent again': async (context, enter) => {
    const { control, directUrl } = context
    const beto = await enter('Beto', { url: directUrl })
    const ana = await enter('Ana')
    await control.blackhole()
    const sent = refused('UNDECIDED', ana.client.send('uno'))
    await control.drop()
    await until('Ana is away', () => ana.client.state === 'waiting')
    const later = ana.client.send('dos')
    await control.forget(ana.name)
    await control.restore()
    await sent
    await later
    await until('Beto has it', () => beto.said.length === 1)
    same([beto.said, ana.said], [['dos'], ['dos']])
    same(ana.lost, [{ reason: 'session', undecided: [{ type: 'broadcast', content: 'uno' }] }])
    same(ana.resumed, [false, false])
  },
}

/** Runs one case; rejects with what was not as it must be. */
export async function runCase(name: string, context: Context): Promise<void> {
  const entered: Client[] = []
  const enter: Enter = async (who, { url = context.url, ...options } = {}) => {
    people += 1
    const person = meet(context, `${who} ${people}`, url, options)
    entered.push(person.client)
    await person.client.connect()
    return person
  }
  const found = CASES[name]
  if (found === undefined) throw new Error(`there is no case "${name}"`)
  try {
    await found(context, enter)
  } finally {
    await context.control.restore()
    await Promise.all(entered.map((client) => client.close()))
  }
}

function meet(
  { Client, WebSocket }: Context,
  name: string,
  url: string,
  options: Partial<ClientOptions>,
): Person {
  const client = new Client(url, { WebSocket, backoffBaseMs: 20, backoffCapMs: 200, ...options, name })
  const person: Person = {
    client,
    name,
    said: [],
    whispered: [],
    joined: [],
    left: [],
    statuses: [],
    lost: [],
    resumed: [],
  }
  client.on('message', ({ content }) => person.said.push(content))
  client.on('private', ({ content }) => person.whispered.push(content))
  client.on('joined', ({ user }) => person.joined.push(user))
  client.on('left', ({ user }) => person.left.push(user))
  client.on('status', ({ user, status }) => person.statuses.push(`${user} ${status}`))
  client.on('lost', (lost) => person.lost.push(lost))
  client.on('online', ({ resumed }) => person.resumed.push(resumed))
  return person
}

function same(found: unknown, wanted: unknown): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (one !== other) throw new Error(`found ${one}, not ${other}`)
}

async function refused(code: string, promise: Promise<unknown>): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const found = typeof error === 'object' && error !== null && 'code' in error ? error.code : error
  if (found !== code) throw new Error(`found ${String(found)}, not ${code}`)
}

async function until(what: string, probe: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS
  while (!probe()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${DEADLINE_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
