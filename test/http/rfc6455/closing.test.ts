/** RFC 6455, 5.5.1 and 7: the closing handshake, and connections that end without one. */
import t, { type Test } from 'tap'
import { close, closeBody, frame, json, OPCODE, ping } from './frames.js'
import { Peer } from './peer.js'
import { type Row, Scene, tryAll } from './table.js'

/** What a client closes with, and what the server answers. */
interface AnswerRow extends Row {
  readonly send: Buffer
  readonly code: number | undefined
  readonly reason?: string
}

const LONG_REASON = 'ñ'.repeat(61).padEnd(62, 'x')
const ofBody = (payload: Uint8Array) => frame({ opcode: OPCODE.close, payload })

const ANSWERS: readonly AnswerRow[] = [
  {
    section: '5.5.1',
    title: 'code and reason are echoed',
    send: close(1000, 'adiós'),
    code: 1000,
    reason: 'adiós',
  },
  { section: '5.5.1', title: 'a code alone is echoed', send: close(1001), code: 1001, reason: '' },
  { section: '7.1.5', title: 'an empty body is answered by one', send: close(), code: undefined, reason: '' },
  {
    section: '5.5.1',
    title: 'a reason of 123 bytes',
    send: close(1000, LONG_REASON),
    code: 1000,
    reason: LONG_REASON,
  },
  { section: '5.5.1', title: 'a body of one byte', send: ofBody(Buffer.from([3])), code: 1002 },
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map(
    (code) => ({
      section: '7.4',
      title: `${code} may stand in a close frame`,
      send: close(code, 'x'),
      code,
      reason: 'x',
    }),
  ),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((code) => ({
    section: '7.4',
    title: `${code} may not stand in a close frame`,
    send: close(code, 'x'),
    code: 1002,
  })),
  ...[
    ['a byte that UTF-8 does not have', [0xff]],
    ['an overlong form', [0xc0, 0x80]],
    ['half of a character', [0x61, 0xc3]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['only behind a NUL', [0x61, 0, 0xff]],
  ].map(([what, bytes]) => ({
    section: '8.1',
    title: `a reason that is not UTF-8: ${what}`,
    send: ofBody(closeBody(1000, Buffer.from(bytes ?? []))),
    code: 1007,
  })),
  {
    section: '5.5.1',
    title: 'a long reason that is not UTF-8',
    send: ofBody(closeBody(4999, Buffer.alloc(123, 0xbf))),
    code: 1007,
  },
]

async function tryAnswer(t: Test, scene: Scene, { send, code, reason }: AnswerRow): Promise<void> {
  const { peer, name } = await scene.join(t)
  const late = json({ type: 'broadcast', sender: name, content: 'after the close frame' })
  peer.write(send, late, ping())
  const answer = await peer.closeFrame()
  t.equal(answer.code, code)
  if (reason !== undefined) t.equal(answer.reason, reason)
  peer.write(late)
  // The server ends the connection first (7.1.1).
  await peer.ended()
  peer.finish()
  await scene.seesLeave(t, name)
}

interface SceneRow extends Row {
  readonly run: (t: Test, scene: Scene, client: { peer: Peer; name: string }) => Promise<void>
}

const bye = (name: string) => json({ type: 'disconnect', sender: name, content: 'Cierre' })
const say = (name: string, content: string) => json({ type: 'broadcast', sender: name, content })

/** Checks that the server takes its leave, as it does after `disconnect`. */
async function takesLeave(t: Test, peer: Peer): Promise<void> {
  t.match(await peer.message(), { type: 'user_disconnected' })
  t.same(await peer.closeFrame(), { code: 1000, reason: 'Hasta luego' })
}

const SCENES: readonly SceneRow[] = [
  {
    section: '7.1.2',
    title: 'the server closes, the client answers: then the server ends the connection',
    run: async (t, scene, { peer, name }) => {
      peer.write(bye(name))
      await takesLeave(t, peer)
      peer.write(close(1000))
      await peer.ended()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.2',
    title: 'the server closes, the client answers with another code, or with none',
    run: async (t, scene, { peer, name }) => {
      peer.write(bye(name))
      await takesLeave(t, peer)
      peer.write(close())
      await peer.ended()
      await scene.seesLeave(t, name)
      const other = await scene.join(t)
      other.peer.write(bye(other.name))
      await takesLeave(t, other.peer)
      other.peer.write(close(4999, 'x'))
      await other.peer.ended()
      await scene.seesLeave(t, other.name)
    },
  },
  {
    section: '7.1.1',
    title: 'the server closes, the client does not answer: the connection is ended all the same',
    run: async (t, scene, { peer, name }) => {
      peer.write(bye(name))
      await takesLeave(t, peer)
      await peer.ended()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.1',
    title: 'the server closes, the client only ends the connection',
    run: async (t, scene, { peer, name }) => {
      peer.write(bye(name))
      await takesLeave(t, peer)
      peer.finish()
      await peer.ended()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '5.5.1',
    title: 'the server closes, the client goes on sending: nothing is heard, and nothing comes back',
    run: async (t, scene, { peer, name }) => {
      peer.write(bye(name))
      await takesLeave(t, peer)
      for (let count = 0; count < 100; count += 1) peer.write(say(name, 'late'), ping('late'))
      peer.write(close(1000))
      await peer.ended()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '5.5.1',
    title: 'the server closes, the client answers with what is no frame',
    run: async (t, scene, { peer, name }) => {
      peer.write(bye(name))
      await takesLeave(t, peer)
      peer.write(Buffer.alloc(100, 0xff))
      await peer.ended()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.3',
    title: 'both close at once: one close frame each',
    run: async (t, scene, { peer, name }) => {
      peer.pause()
      peer.write(bye(name))
      // By now the server has closed, and the client has not read it.
      await scene.seesLeave(t, name)
      peer.write(close(3000, 'adiós'))
      peer.resume()
      await takesLeave(t, peer)
      await peer.ended()
    },
  },
  {
    section: '7.1.3',
    title: 'a close frame right behind what has the server close: one close frame comes back',
    run: async (t, scene, { peer, name }) => {
      peer.write(bye(name), close(1000, 'adiós'))
      const frames = await peer.rest()
      t.same(frames.at(-1)?.payload.subarray(0, 2), Buffer.from([3, 0xe8]))
      t.equal(frames.filter(({ opcode }) => opcode === OPCODE.close).length, 1)
      peer.finish()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '5.5.1',
    title: 'the client closes right behind many messages: all are heard',
    run: async (t, scene, { peer, name }) => {
      const contents = Array.from({ length: 300 }, (_, number) => `mensaje ${number}`)
      peer.write(...contents.map((content) => say(name, content)), close(1000))
      await scene.hears(t, name, ...contents)
      peer.finish()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.1',
    title: 'the client sends a FIN behind many frames: all are heard, and the connection ends',
    run: async (t, scene, { peer, name }) => {
      const contents = Array.from({ length: 300 }, (_, number) => `mensaje ${number}`)
      peer.write(...contents.map((content) => say(name, content)))
      peer.finish()
      await scene.hears(t, name, ...contents)
      await scene.seesLeave(t, name)
      await peer.rest()
    },
  },
  {
    section: '7.1.1',
    title: 'the client sends a FIN behind its close frame: it is answered',
    run: async (t, scene, { peer, name }) => {
      peer.write(close(1001, 'x'))
      peer.finish()
      t.same(await peer.closeFrame(), { code: 1001, reason: 'x' })
      await peer.ended()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.7',
    title: 'the client sends a FIN in the middle of a frame: what is not whole is not heard',
    run: async (t, scene, { peer, name }) => {
      const unfinished = say(name, 'dos')
      peer.write(say(name, 'uno'), unfinished.subarray(0, unfinished.length - 1))
      peer.finish()
      await scene.hears(t, name, 'uno')
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.7',
    title: 'the client sends a FIN between the fragments of a message',
    run: async (t, scene, { peer, name }) => {
      peer.write(say(name, 'uno'), frame({ payload: '{"type":"broadcast","sender":', fin: false }))
      peer.finish()
      await scene.hears(t, name, 'uno')
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.7',
    title: 'the client resets the connection',
    run: async (t, scene, { peer, name }) => {
      peer.write(say(name, 'uno'))
      await scene.hears(t, name, 'uno')
      peer.reset()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.7',
    title: 'the client resets the connection behind a close frame',
    run: async (t, scene, { peer, name }) => {
      peer.write(close(1000))
      await peer.closeFrame()
      peer.reset()
      await scene.seesLeave(t, name)
    },
  },
  {
    section: '7.1.5',
    title: 'who has not registered may close, too, and be closed',
    run: async (t, scene, { peer, name }) => {
      const stranger = await Peer.open(t, scene.target)
      stranger.write(close(1000, 'x'))
      t.same(await stranger.closeFrame(), { code: 1000, reason: 'x' })
      await stranger.ended()
      const other = await Peer.open(t, scene.target)
      other.write(bye('x'))
      t.same(await other.closeFrame(), { code: 1000, reason: 'Hasta luego' })
      other.write(close(1000))
      await other.ended()
      peer.reset()
      await scene.seesLeave(t, name)
    },
  },
]

t.test('RFC 6455, 7: closing', async (t) => {
  for (const tls of [false, true])
    await t.test(tls ? 'over TLS' : 'over TCP', async (t) => {
      const scene = await Scene.begin(t, tls)
      await tryAll(t, ANSWERS, (t, row) => tryAnswer(t, scene, row))
      await tryAll(t, SCENES, async (t, row) => row.run(t, scene, await scene.join(t)))
    })
})
