/** Has upgrades wait for their turn: a thousand at once are served one after the other, and not all too late. */
import type { Socket } from 'node:net'
import { SLICE_MS, WaitingLine } from '../chat/waiting-line.js'

/** It goes on; too many wait already; nobody is let in any more; or the client did not wait for it. */
export type Turn = 'go' | 'full' | 'closed' | 'gone'

/** Ends somebody's waiting. */
type Call = (turn: Turn) => void

export class Admission {
  readonly #line: WaitingLine<Call>
  readonly #isOpen: () => boolean
  /** One for all who wait, and none while nobody does. */
  #timer: NodeJS.Timeout | undefined

  /**
   * @param perSecond 0: no limit
   * @param isOpen whether anybody is let in: where not, all who wait are sent away
   */
  constructor(perSecond: number, isOpen: () => boolean) {
    this.#line = new WaitingLine(perSecond, performance.now())
    this.#isOpen = isOpen
  }

  /** Resolves when it is the turn of the client at the other end of a socket, which nobody else may read meanwhile. */
  ask(socket: Socket): Promise<Turn> {
    return new Promise((resolve) => {
      const call = (turn: Turn) => {
        unwatch()
        this.#leave(call)
        resolve(turn)
      }
      const entrance = this.#line.enter(call, performance.now())
      if (entrance !== 'wait') {
        resolve(entrance)
        return
      }
      const unwatch = watch(socket, () => call('gone'))
      this.#timer ??= setInterval(() => this.#look(), SLICE_MS)
    })
  }

  /** Sends away all who wait. */
  close(): void {
    for (const call of this.#line.clear()) call('closed')
  }

  #look(): void {
    if (!this.#isOpen()) this.close()
    for (const call of this.#line.next(performance.now())) call('go')
  }

  #leave(call: Call): void {
    this.#line.leave(call)
    if (this.#line.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/**
 * Finds out when a client goes that nobody listens to yet. The stream sees its end by itself, unless something stands before it: what the
 * client says too early (RFC 6455, 4.1) stays for whoever reads its frames.
 * @returns what ends the watching
 */
function watch(socket: Socket, onGone: () => void): () => void {
  const onEnd = () => socket.destroy()
  socket.on('end', onEnd).on('close', onGone)
  return () => {
    socket.off('end', onEnd).off('close', onGone)
  }
}
