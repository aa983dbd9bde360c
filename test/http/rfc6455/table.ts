/** The table of cases: what all rows have, and what they are tried in. */
import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { Client } from '../../conformance/client.js'
import { startApp } from '../../support/app.js'
import { selfSigned } from '../../support/redis/certificate.js'
import { Peer, type Target } from './peer.js'

export interface Row {
  /** Of RFC 6455. */
  readonly section: string
  readonly title: string
  /** How what is expected differs from what the RFC asks for, and whose doing that is. */
  readonly differs?: string
}

/** Tries every row in a test of its own. */
export async function tryAll<R extends Row>(
  t: Test,
  rows: readonly R[],
  run: (t: Test, row: R) => Promise<void>,
): Promise<void> {
  for (const row of rows) {
    const note = row.differs === undefined ? '' : ` (differs: ${row.differs})`
    await t.test(`${row.section} ${row.title}${note}`, (t) => run(t, row))
  }
}

/** No limits that get in the way of what is tried here. */
const OPEN = { RATE_PER_SECOND: '0', REGISTRATIONS_PER_MINUTE: '0' }

/** Has the server listen. */
export async function serve(t: Test, tls: boolean, env: Record<string, string> = {}): Promise<Target> {
  if (!tls) {
    const { port } = await startApp(t, { ...OPEN, ...env })
    return { port }
  }
  const { cert, key } = await selfSigned(t.testdir())
  const { port } = await startApp(t, { ...OPEN, ...env, TLS_CERT: cert, TLS_KEY: key })
  return { port, ca: readFileSync(cert) }
}

/** A server, and somebody there who sees what others do, and whether they are disturbed. */
export class Scene {
  readonly target: Target
  readonly #witness: Client
  #peers = 0

  private constructor(target: Target, witness: Client) {
    this.target = target
    this.#witness = witness
  }

  static async begin(t: Test, tls = false, env: Record<string, string> = {}): Promise<Scene> {
    const target = await serve(t, tls, env)
    const url = `${tls ? 'wss' : 'ws'}://127.0.0.1:${target.port}/chat`
    const witness = await Client.join(url, 'Testigo', target.ca ? { ca: target.ca } : {})
    return new Scene(target, witness)
  }

  /** Somebody who has registered. All their names are equally long. */
  async join(t: Test): Promise<{ peer: Peer; name: string }> {
    this.#peers += 1
    const name = `Ana ${String(this.#peers).padStart(3, '0')}`
    return { peer: await Peer.join(t, this.target, name), name }
  }

  /** Checks what the witness sees next: these messages of somebody. */
  async hears(t: Test, name: string, ...contents: readonly string[]): Promise<void> {
    for (const content of contents)
      t.match(await this.#witness.next(), { type: 'broadcast', sender: name, content })
  }

  /** Checks that the next and last thing which the witness sees is that somebody has gone. */
  async seesLeave(t: Test, name: string): Promise<void> {
    t.match(await this.#witness.next(), { type: 'user_disconnected', content: `${name} ha salido` })
    t.same(await this.#witness.settle(), [], 'and nothing else')
  }

  /** Checks that the witness sees nothing more. */
  async seesNothing(t: Test): Promise<void> {
    t.same(await this.#witness.settle(), [], 'the others see nothing')
  }
}
