/** RFC 6455, 5: what the server writes past the library, straight to the socket. */
import t, { type Test } from 'tap'
import { close, json, OPCODE, ping } from './frames.js'
import { Peer, type ServerFrame, type Target } from './peer.js'
import { type Row, Scene, serve, tryAll } from './table.js'

/** Lengths on both sides of where the header changes (5.2). */
const LENGTHS = [125, 126, 65_535, 65_536]

const ENV = {
  MAX_FRAME_BYTES: '1048576',
  MAX_CONTENT_CHARS: '200000',
  OUTBOX_MAX_BYTES: '268435456',
}

/** Pings of the server are to come among what it writes. */
const PINGING = { ...ENV, PING_INTERVAL_MS: '2000' }

interface LengthRow extends Row {
  readonly run: (t: Test, target: Target, length: number) => Promise<void>
}

const isControl = ({ opcode }: ServerFrame) => opcode >= OPCODE.close

/** The next message, and how long its payload is. */
async function nextMessage(peer: Peer): Promise<{ text: string; length: number }> {
  for (;;) {
    const frame = await peer.frame()
    if (!isControl(frame)) return { text: frame.payload.toString(), length: frame.payload.length }
  }
}

/** Sends messages of one frame type, whose payload comes back exactly as long as it should. */
async function echoes(t: Test, target: Target, length: number, type: 'broadcast' | 'private'): Promise<void> {
  const ana = await Peer.join(t, target, 'Ana')
  const send = async (content: string) => {
    ana.write(json({ type, sender: 'Ana', target: 'Ana', content }))
    return nextMessage(ana)
  }
  const { length: bare } = await send('x')
  const content = 'x'.repeat(length - bare + 1)
  const message = await send(content)
  t.equal(message.length, length)
  t.match(JSON.parse(message.text), { type, sender: 'Ana', content })
}

/** A name of this many bytes, with 64 characters at most. */
function nameOf(bytes: number, number: number): string {
  const digits = String(number).padStart(3, '0')
  const wide = Math.floor((bytes - digits.length) / 4)
  return `${digits}${'𐌰'.repeat(wide)}${'x'.repeat(bytes - digits.length - wide * 4)}`
}

const WIDE_NAME = 247
/** Quotes and comma of a name in a list. */
const AROUND = 3

/** Has the list of users grow until its frame is exactly as long as it should be. */
async function lists(t: Test, target: Target, length: number): Promise<void> {
  const ana = await Peer.join(t, target, 'Ana')
  const ask = () => {
    ana.write(json({ type: 'list_users', sender: 'Ana' }))
    return nextMessage(ana)
  }
  const names = ['Ana']
  let missing = length - (await ask()).length
  while (missing > 0) {
    const longest =
      missing <= WIDE_NAME + AROUND ? missing - AROUND : Math.min(WIDE_NAME, missing - 2 * AROUND - 3)
    const name = nameOf(longest, names.length)
    await Peer.join(t, target, name)
    names.push(name)
    missing -= longest + AROUND
  }
  const list = await ask()
  t.equal(list.length, length)
  t.match(JSON.parse(list.text), { type: 'list_users_response', content: names })
}

const BY_LENGTH: readonly LengthRow[] = [
  {
    section: '5.2',
    title: 'a broadcast',
    run: (t, target, length) => echoes(t, target, length, 'broadcast'),
  },
  {
    section: '5.2',
    title: 'a private message',
    run: (t, target, length) => echoes(t, target, length, 'private'),
  },
  { section: '5.2', title: 'a list of users', run: lists },
]

/** Sizes of what is written at once: small ones together, some on both sides of what is copied, some that fill a write. */
const SIZES = [1, 40, 100, 4000, 5000, 1, 16_300, 17_000, 65_400, 70_000]
const MESSAGES = 100
/** At a time; the library takes 60. */
const PINGS = 50
const ALL_PINGS = 600
const LISTS = 200

const contentOf = (number: number) => `${number}:${'x'.repeat(SIZES[number % SIZES.length] ?? 0)}`

interface Crowd {
  readonly scene: Scene
  /** Who does not read until told so. */
  readonly ana: Peer
  readonly name: string
  readonly beto: Peer
}

/** So many people that their list is sent in parts; one of them has much to read, and does not. */
async function gather(t: Test, tls: boolean): Promise<Crowd> {
  const scene = await Scene.begin(t, tls, PINGING)
  for (let number = 0; number < 20; number += 1) await Peer.join(t, scene.target, nameOf(WIDE_NAME, number))
  const beto = await Peer.join(t, scene.target, 'Beto')
  const { peer: ana, name } = await scene.join(t)
  ana.pause()
  const crowd = { scene, ana, name, beto }
  await flood(crowd)
  return crowd
}

/** What is sent to Ana alone, so that what follows waits with the server: more than all that the kernel takes. */
const FLOOD = { count: 60, chars: 190_000 }

/** Has Beto flood Ana, who does not read. */
async function flood({ beto, name }: Crowd): Promise<void> {
  const content = 'x'.repeat(FLOOD.chars)
  for (let count = 0; count < FLOOD.count; count += 1)
    beto.write(json({ type: 'private', sender: 'Beto', target: name, content }))
  beto.write(json({ type: 'list_users', sender: 'Beto' }))
  await nextMessage(beto)
}

/** Has Beto talk to all, and waits until the server has heard him. */
async function talk({ beto }: Crowd, from = 0, until = MESSAGES): Promise<void> {
  for (let number = from; number < until; number += 1)
    beto.write(json({ type: 'broadcast', sender: 'Beto', content: contentOf(number) }))
  for (let number = from; number < until; number += 1) await nextMessage(beto)
}

/** The contents of the broadcasts among frames, in their order. */
function broadcasts(frames: readonly ServerFrame[]): string[] {
  return frames
    .filter(({ opcode }) => opcode === OPCODE.text)
    .map(({ payload }) => JSON.parse(payload.toString()))
    .filter(({ type }) => type === 'broadcast')
    .map(({ content }) => String(content))
}

const CONTENTS = Array.from({ length: MESSAGES }, (_, number) => contentOf(number))

/** Reads until it has what it waits for. */
async function readUntil(
  peer: Peer,
  frames: ServerFrame[],
  enough: (frame: ServerFrame) => boolean,
): Promise<void> {
  for (;;) {
    const frame = await peer.frame()
    frames.push(frame)
    if (enough(frame)) return
  }
}

interface LoadRow extends Row {
  readonly run: (t: Test, crowd: Crowd) => Promise<void>
}

const UNDER_LOAD: readonly LoadRow[] = [
  {
    section: '5.5',
    title: 'pings while the server has much to write: every pong comes, in order, and none within a message',
    run: async (t, crowd) => {
      const { ana, beto, name } = crowd
      for (let number = 0; number < LISTS; number += 1) ana.write(json({ type: 'list_users', sender: name }))
      for (let number = 0; number < PINGS / 2; number += 1) ana.write(ping(`${number}`))
      await talk(crowd, 0, MESSAGES / 2)
      for (let number = PINGS / 2; number < PINGS; number += 1) ana.write(ping(`${number}`))
      await talk(crowd, MESSAGES / 2)
      ana.resume()
      const frames: ServerFrame[] = []
      let [asked, pinged, listed, ponged] = [LISTS, PINGS, 0, 0]
      await readUntil(ana, frames, ({ opcode, payload }) => {
        if (opcode === OPCODE.pong) ponged += 1
        if (payload.includes('"list_users_response"')) listed += 1
        // More come while it reads, never so many at a time that the library loses patience.
        if (opcode === OPCODE.text && pinged < ALL_PINGS && pinged - ponged < PINGS) {
          ana.write(ping(`${pinged}`), json({ type: 'list_users', sender: name }))
          pinged += 1
          asked += 1
        }
        return listed === asked && ponged === ALL_PINGS
      })
      // What is left, up to a ping of the server's own, behind which something is said.
      while (!frames.some(({ opcode }) => opcode === OPCODE.ping)) {
        beto.write(json({ type: 'broadcast', sender: 'Beto', content: 'más' }))
        frames.push(await ana.frame())
      }
      beto.write(json({ type: 'broadcast', sender: 'Beto', content: 'fin' }))
      await readUntil(ana, frames, ({ payload }) => payload.includes('"content":"fin"'))
      t.same(
        frames.filter(({ opcode }) => opcode === OPCODE.pong).map(({ payload }) => payload.toString()),
        Array.from({ length: ALL_PINGS }, (_, number) => `${number}`),
      )
      t.same(
        broadcasts(frames).filter((content) => content !== 'más'),
        [...CONTENTS, 'fin'],
      )
    },
  },
  {
    section: '5.5.1',
    title:
      'disconnect while the server has much to write: all of it comes, then the close frame, then nothing',
    run: async (t, crowd) => {
      const { ana, name } = crowd
      await talk(crowd)
      ana.write(json({ type: 'disconnect', sender: name }), ping('late'))
      await crowd.scene.hears(t, 'Beto', ...CONTENTS)
      await crowd.scene.seesLeave(t, name)
      // More is said to all others.
      await talk(crowd, 0, 10)
      ana.resume()
      const frames: ServerFrame[] = []
      await readUntil(ana, frames, ({ opcode }) => opcode === OPCODE.close)
      t.same(broadcasts(frames), CONTENTS)
      t.match(frames.at(-2)?.payload.toString(), /"user_disconnected"/)
      t.same(frames.at(-1)?.payload.subarray(0, 2), Buffer.from([3, 0xe8]))
      ana.write(close(1000))
      await ana.ended()
    },
  },
  {
    section: '5.5.1',
    title:
      'the client closes while the server has much to write: whole messages, the close frame, then nothing',
    run: async (t, crowd) => {
      const { ana, name, scene } = crowd
      for (let number = 0; number < LISTS; number += 1) ana.write(json({ type: 'list_users', sender: name }))
      await talk(crowd)
      ana.write(close(3001, 'adiós'), ping('late'))
      await talk(crowd, 0, 10)
      ana.resume()
      const frames = await ana.rest()
      t.same(
        frames.at(-1)?.payload,
        Buffer.concat([Buffer.from([3001 >> 8, 3001 & 0xff]), Buffer.from('adiós')]),
      )
      const heard = broadcasts(frames)
      t.same(
        heard,
        [...CONTENTS, ...CONTENTS.slice(0, 10)].slice(0, heard.length),
        'a beginning of what was said',
      )
      ana.finish()
      await scene.hears(t, 'Beto', ...CONTENTS, ...CONTENTS.slice(0, 10))
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.7',
    title: 'the client breaks a rule while the server has much to write: whole messages, 1002, then nothing',
    run: async (t, crowd) => {
      const { ana, name, scene } = crowd
      await talk(crowd)
      ana.write(Buffer.from([0xff, 0xff]))
      ana.resume()
      const frames = await ana.rest()
      t.same(frames.at(-1)?.payload, Buffer.from([1002 >> 8, 1002 & 0xff]))
      const heard = broadcasts(frames)
      t.same(heard, CONTENTS.slice(0, heard.length), 'a beginning of what was said')
      ana.finish()
      await scene.hears(t, 'Beto', ...CONTENTS)
      await scene.seesLeave(t, name)
    },
  },
]

t.test('RFC 6455, 5: what the server writes', async (t) => {
  for (const tls of [false, true])
    await t.test(tls ? 'over TLS' : 'over TCP', async (t) => {
      for (const length of LENGTHS)
        await t.test(`${length} bytes`, async (t) => {
          await tryAll(t, BY_LENGTH, async (t, { run }) => run(t, await serve(t, tls, ENV), length))
        })
      await tryAll(t, UNDER_LOAD, async (t, { run }) => run(t, await gather(t, tls)))
    })
})
