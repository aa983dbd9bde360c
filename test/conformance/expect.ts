/** The checks that cases share. Each says what it expected and what came. */
import assert from 'node:assert/strict'
import { type Client, DEADLINE_MS, type Frame } from './client.js'
import { userOf } from './context.js'
import { listUsers, nowHas, userInfo } from './frames.js'

/** What a frame must say; fields that are not named may be anything. */
export type Wanted = { type: string } & Partial<Omit<Frame, 'raw' | 'timestamp'>>

/** Checks the type of a frame and those fields that are given. */
export function assertFrame(frame: Frame, wanted: Wanted): void {
  const came = {
    type: frame.type,
    ...('sender' in wanted && { sender: frame.sender }),
    ...('target' in wanted && { target: frame.target }),
    ...('content' in wanted && { content: frame.content }),
    ...('userList' in wanted && { userList: frame.userList }),
  }
  assert.deepEqual(came, wanted, 'the frame is not the one that must come')
}

/** The next frame says this. */
export async function expectNext(client: Client, wanted: Wanted): Promise<Frame> {
  const frame = await client.next()
  assertFrame(frame, wanted)
  return frame
}

/**
 * The next frame of this type says this, and has a timestamp. For what the source document shows: it does not say
 * which frames may come in between, nor how a time is written. An `error` ends the waiting.
 */
export async function expectShown(client: Client, wanted: Wanted): Promise<Frame> {
  const frame = await client.next([wanted.type, 'error'])
  assertFrame(frame, wanted)
  assert.ok(frame.timestamp, `the frame must have a "timestamp", came ${frame.raw}`)
  return frame
}

/** All of them get this frame next. */
export async function expectAllNext(clients: readonly Client[], wanted: Wanted): Promise<void> {
  for (const client of clients) await expectNext(client, wanted)
}

/** The next frame is an `error` that says something, and `text` too where it is given. */
export async function expectError(client: Client, text = ''): Promise<string> {
  const frame = await client.next()
  assertFrame(frame, { type: 'error', sender: 'server' })
  const { content } = frame
  assert.ok(
    typeof content === 'string' && content !== '',
    `an error must say what is wrong, came ${frame.raw}`,
  )
  assert.ok(content.includes(text), `the error must say "${text}", came ${frame.raw}`)
  return content
}

/** Nothing is on its way to any of these, who are registered; they are all still connected. */
export async function expectQuiet(...clients: Client[]): Promise<void> {
  for (const client of clients) {
    const came = await client.settle()
    assert.deepEqual(
      came.map((frame) => frame.raw),
      [],
      `${client.name} must be sent nothing more`,
    )
  }
}

/** As {@link expectQuiet} for a connection that is not registered. */
export async function expectStranger(client: Client): Promise<void> {
  client.send(listUsers('nadie'))
  await expectError(client, 'Debes registrarte primero')
}

/** A frame of a registered session gets exactly one error, and the connection stays. */
export async function expectRefused(
  client: Client,
  frame: object | string | Uint8Array,
  text = '',
): Promise<string> {
  client.send(frame)
  const content = await expectError(client, text)
  await expectQuiet(client)
  return content
}

/** The server closes the connection with this code. */
export async function expectClosed(client: Client, code: number, withinMs = DEADLINE_MS): Promise<void> {
  const closed = await client.closed(withinMs)
  assert.equal(closed.code, code, 'the connection must be closed with this code')
}

/** `asker` is told that the user of this name has this status; skips what comes before the answer. */
export async function expectStatus(asker: Client, name: string, status: string): Promise<void> {
  asker.send(userInfo(asker.name, name))
  const { content, raw } = await asker.next('user_info_response')
  const came =
    typeof content === 'object' && content !== null && 'status' in content ? content.status : undefined
  assert.equal(came, status, `the status of ${name}, in ${raw}`)
}

/** The next `status_update` about this user says this; skips everything else. */
export async function expectUpdate(
  client: Client,
  name: string,
  status: string,
  withinMs = DEADLINE_MS,
): Promise<void> {
  const until = Date.now() + withinMs
  for (;;) {
    const frame = await client.next('status_update', Math.max(until - Date.now(), 1))
    if (userOf(frame.content) !== name) continue
    assertFrame(frame, nowHas(name, status))
    return
  }
}

/** The server sends a control frame of this kind. Returns its payload. */
export async function expectControl(
  client: Client,
  kind: 'ping' | 'pong',
  withinMs = DEADLINE_MS,
): Promise<string> {
  const { ws } = client
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer)
      ws.off(kind, came).off('close', closed)
      settle()
    }
    const came = (payload: Buffer) => end(() => resolve(String(payload)))
    const closed = () => end(() => reject(new Error(`the connection was closed before a ${kind} came`)))
    const late = () => end(() => reject(new Error(`a ${kind} did not come within ${withinMs} ms`)))
    // One that keeps the process: a server may close every connection, and nothing else would.
    const timer = setTimeout(late, withinMs)
    ws.on(kind, came).on('close', closed)
    if (ws.readyState === ws.CLOSED) closed()
  })
}
