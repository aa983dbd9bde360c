/** People who chat, and remember what they saw. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
// Of the image, where it belongs to the server.
import WebSocket from 'ws'

const ANSWER_MS = 15_000
/** Longer than the proxy may try, so that its answer is what is seen. */
const OPEN_MS = 10_000
const COME_BACK = 1012
const NAME_TAKEN = 'El usuario ya existe'

/** Tries `test` until it gives something true, and gives that; throws `what` when the time is over. */
export async function until(what, seconds, test) {
  const end = performance.now() + seconds * 1000
  let last
  do {
    try {
      last = await test()
      if (last) return last
    } catch (error) {
      last = error
    }
    await sleep(100)
  } while (performance.now() < end)
  throw new Error(`not within ${seconds} s: ${what} (last: ${last instanceof Error ? last.message : last})`)
}

export class Person {
  /** Content of all broadcasts, in the order in which they came. */
  heard = []
  privates = []
  /** Who was said to have left, in that order. */
  gone = []
  /** Close codes of connections that this person did not end. */
  lost = []
  /** Why connections to come back did not open. */
  refused = []
  #url
  #headers
  #comesBack
  #socket
  #left = false
  #waiting = []

  /** @param comesBack whether to connect again after 1012, as the protocol says */
  constructor(name, url, { headers = {}, comesBack = false } = {}) {
    this.name = name
    this.#url = url
    this.#headers = headers
    this.#comesBack = comesBack
  }

  get connected() {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Connects. @returns the names of the headers that the server answers with, as they are written */
  async open() {
    const options = { headers: this.#headers, handshakeTimeout: OPEN_MS, perMessageDeflate: false }
    const socket = new WebSocket(this.#url, options)
    let headers = []
    socket.on('upgrade', ({ rawHeaders }) => {
      headers = rawHeaders.filter((_, index) => index % 2 === 0)
    })
    socket.on('message', (data) => this.#take(JSON.parse(String(data))))
    socket.on('close', (code) => this.#ended(socket, code))
    await once(socket, 'open')
    // From here on the reason is in the close event.
    socket.on('error', () => {})
    this.#socket = socket
    return headers
  }

  async register() {
    await this.ask({ type: 'register', content: null }, 'register_success')
  }

  /** Sends a frame and waits for its answer; rejects if that is an error. `matches` tells it from others of its type. */
  ask(frame, type, matches = () => true) {
    const { promise, resolve, reject } = Promise.withResolvers()
    const late = () => this.#settle(waiting, new Error(`${this.name}: no ${type} within ${ANSWER_MS} ms`))
    const waiting = {
      resolve,
      reject,
      fits: (got) => got.type === 'error' || (got.type === type && matches(got)),
      timer: setTimeout(late, ANSWER_MS),
    }
    this.#waiting.push(waiting)
    this.#send(frame)
    return promise
  }

  /** A broadcast, until it comes back: that is the receipt. */
  async say(content) {
    const own = (got) => got.sender === this.name && got.content === content
    await this.ask({ type: 'broadcast', content }, 'broadcast', own)
  }

  tell(target, content) {
    this.#send({ type: 'private', target, content })
  }

  async list() {
    return (await this.ask({ type: 'list_users' }, 'list_users_response')).content
  }

  async addressOf(target) {
    return (await this.ask({ type: 'user_info', target }, 'user_info_response')).content.ip
  }

  async leave() {
    this.#left = true
    if (!this.connected) return
    const closed = once(this.#socket, 'close')
    this.#send({ type: 'disconnect', content: null })
    await closed
  }

  #send(frame) {
    this.#socket.send(JSON.stringify({ sender: this.name, ...frame }))
  }

  #take(frame) {
    if (frame.type === 'broadcast') this.heard.push(frame.content)
    if (frame.type === 'private') this.privates.push(frame.content)
    if (frame.type === 'user_disconnected') this.gone.push(frame.content.replace(/ ha salido$/, ''))
    const [first] = this.#waiting
    if (first?.fits(frame)) this.#settle(first, frame.type === 'error' ? new Error(frame.content) : frame)
  }

  #settle(waiting, result) {
    clearTimeout(waiting.timer)
    this.#waiting = this.#waiting.filter((other) => other !== waiting)
    if (result instanceof Error) waiting.reject(result)
    else waiting.resolve(result)
  }

  #ended(socket, code) {
    // One that never opened is reported by open().
    if (socket !== this.#socket) return
    for (const waiting of this.#waiting) this.#settle(waiting, new Error(`${this.name}: closed ${code}`))
    if (this.#left) return
    this.lost.push(code)
    if (this.#comesBack && code === COME_BACK) void this.#comeBack()
  }

  async #comeBack() {
    while (!this.#left) {
      try {
        await this.open()
        break
      } catch (error) {
        this.refused.push(error.message)
        await sleep(200)
      }
    }
    // Whoever is closed meanwhile begins anew.
    while (this.connected) {
      try {
        return await this.register()
      } catch (error) {
        // The node that was left gives the name up a moment later.
        if (!error.message.includes(NAME_TAKEN)) throw error
        await sleep(50)
      }
    }
  }
}

/** Somebody who talks until told to stop, or until the connection ends. */
export class Talker {
  /** What came back: everyone must have heard it, once. */
  receipted = []
  /** What was answered with an error: nobody may have heard it. */
  refused = []
  #person
  #stopped = false
  #done

  constructor(person, pauseMs) {
    this.#person = person
    this.#done = this.#talk(pauseMs)
  }

  async #talk(pauseMs) {
    for (let number = 1; !this.#stopped && this.#person.connected; number += 1) {
      const content = `${this.#person.name} says ${number}`
      try {
        await this.#person.say(content)
        this.receipted.push(content)
      } catch {
        // What was under way when the connection ended may have been heard, or not.
        if (this.#person.connected) this.refused.push(content)
      }
      await sleep(pauseMs)
    }
  }

  stop() {
    this.#stopped = true
    return this.#done
  }
}

/** Opens connections all the time, each for somebody who comes, looks around and leaves. */
export class Knocker {
  visits = 0
  /** Why connections did not open. */
  refused = []
  /** How visits ended that were not over yet: a close code, or an error. */
  broken = []
  slowestMs = 0
  #url
  #stopped = false
  #done

  constructor(url, everyMs) {
    this.#url = url
    this.#done = this.#knock(everyMs)
  }

  async #knock(everyMs) {
    const visits = []
    while (!this.#stopped) {
      this.visits += 1
      visits.push(this.#visit(new Person(`visitor${this.visits}`, this.#url)))
      await sleep(everyMs)
    }
    await Promise.all(visits)
  }

  async #visit(visitor) {
    const start = performance.now()
    try {
      await visitor.open()
    } catch (error) {
      this.refused.push(`${error.message || error.code} after ${Math.round(performance.now() - start)} ms`)
      return
    }
    this.slowestMs = Math.max(this.slowestMs, Math.round(performance.now() - start))
    try {
      await visitor.register()
      await visitor.list()
    } catch (error) {
      this.broken.push(visitor.lost[0] ?? error.message)
    }
    await visitor.leave()
  }

  stop() {
    this.#stopped = true
    return this.#done
  }
}
