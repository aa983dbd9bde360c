import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Inbox, Snapshot } from '../../../src/backplane/backplane.js'
import { MemoryBackplane, MemoryRoom } from '../../../src/backplane/memory.js'
import type { Answer } from '../../../src/backplane/redis/wire.js'
import type { Stored } from '../../../src/backplane/store.js'
import { ACCOUNTS } from '../../../src/room/accounts.js'
import type { Event, Presence, Proposal, SecretHash, SessionId } from '../../../src/room/events.js'
import { claim, frameOf, legible } from '../../contract/people.js'
import { callsOf, randomCalls } from '../../contract/random-calls.js'
import { isEvent } from '../../contract/recording-sink.js'
import { TestNode } from '../../contract/room.js'
import { type Ear, GRACE_MS, now, outcomesOf, roomChecks, type ScriptNode, ScriptRoom } from './kit.js'

const check = await roomChecks(t)

/** What is done with the node after one of its calls: nothing, the call is sent again, or it is swept (and claims its names). */
const accidents = fc.array(fc.constantFrom('none', 'none', 'none', 'again', 'swept', 'claims'), {
  minLength: 30,
  maxLength: 30,
})

/** A node, on both sides. */
class Pair {
  readonly memory: TestNode
  script: ScriptNode
  mail: Ear
  /** How many of the things that it was told have been looked at. */
  seen = 0
  readonly #label: string
  readonly #room: ScriptRoom
  #lives = 0

  private constructor(room: ScriptRoom, memory: TestNode, script: ScriptNode, mail: Ear) {
    this.#label = script.id
    this.#room = room
    this.memory = memory
    this.script = script
    this.mail = mail
  }

  static async open(room: ScriptRoom, memoryRoom: MemoryRoom, label: string): Promise<Pair> {
    const memory = new TestNode(
      { backplane: new MemoryBackplane(memoryRoom), store: memoryRoom.store },
      label,
    )
    await memory.start()
    return new Pair(room, memory, await room.node(label), await room.listen(room.keys.mail(label)))
  }

  /** It was swept, and begins under another identity. */
  async again(): Promise<void> {
    this.#lives += 1
    const id = `${this.#label}-${this.#lives}`
    this.script = await this.#room.node(id)
    this.mail = await this.#room.listen(this.#room.keys.mail(id))
  }
}

/** The same room in memory and in Redis. */
class Twins {
  readonly #room: ScriptRoom
  readonly #memory: MemoryRoom
  readonly pairs: readonly Pair[]
  /** Of extended sessions that entered, with what. */
  readonly #secrets = new Map<SessionId, SecretHash>()
  /** Names of all identities, the same on both sides. */
  readonly #names = new Map<string, string>()
  #read = 0

  private constructor(room: ScriptRoom, memory: MemoryRoom, pairs: readonly Pair[]) {
    this.#room = room
    this.#memory = memory
    this.pairs = pairs
    for (const pair of pairs) this.#name(pair)
  }

  static async open(room: ScriptRoom): Promise<Twins> {
    const memory = new MemoryRoom({ maxEvents: 100_000, resumeGraceMs: GRACE_MS })
    const pairs = []
    for (const label of ['a', 'b', 'c']) pairs.push(await Pair.open(room, memory, label))
    return new Twins(room, memory, pairs)
  }

  async commit(pair: Pair, proposals: readonly Proposal[]): Promise<readonly Answer[]> {
    const [expected, outcomes] = [
      await pair.memory.commit(...proposals),
      await pair.script.outcomes(...proposals),
    ]
    assert.deepEqual(outcomes.map(withoutEpoch), expected.map(withoutEpoch))
    for (const [index, proposal] of proposals.entries())
      if (proposal.kind === 'join' && proposal.secretHash !== undefined && expected[index]?.ok)
        this.#secrets.set(proposal.session, proposal.secretHash)
    await this.#compare((events) => events)
    return outcomes
  }

  async sweep(pair: Pair): Promise<Presence[]> {
    const by = this.pairs.find((other) => other !== pair)
    assert.ok(by !== undefined)
    const users = this.#memory.snapshot().users.filter(({ node }) => node === pair.memory.id)
    this.#memory.sweep(pair.memory.id, now())
    await this.#room.expire(pair.script.id)
    await this.#room.scripts.beat(by.script.caller)
    await this.#room.scripts.sweep(by.script.caller, now)
    await pair.again()
    this.#name(pair)
    await this.#compare((events) => events.toSorted((one, other) => textOf(one).localeCompare(textOf(other))))
    return users
  }

  /** What a session that was swept proposes. */
  claim(presence: Presence): Proposal {
    const secretHash = this.#secrets.get(presence.session)
    return { ...claim(presence), ...(secretHash !== undefined && { secretHash }) }
  }

  #name({ memory, script }: Pair): void {
    this.#names.set(memory.id, script.id)
  }

  /** Compares what nodes were told since the last time, and the room. */
  async #compare(sort: (events: Event[]) => Event[]): Promise<void> {
    const { epoch } = this.pairs[0]?.script ?? { epoch: '' }
    const log = await this.#room.log({ epoch, offset: this.#read })
    assert.ok(log !== 'lost')
    this.#read += log.length
    assert.deepEqual(
      log.map(({ position }) => position),
      log.map((_, index) => ({ epoch, offset: this.#read - log.length + index + 1 })),
    )
    for (const pair of this.pairs) {
      const told = pair.memory.sink.told.slice(pair.seen)
      pair.seen += told.length
      const expected = told.filter(isEvent)
      assert.deepEqual(
        sort(log).map(withoutPlace),
        sort(expected).map((event) => withoutPlace(this.#translate(event))),
      )
      const mail = (await pair.mail.messages()).flatMap((message) =>
        message.kind === 'mail' ? message.mail : [],
      )
      const messages = told.filter((one) => one.kind === 'private')
      assert.deepEqual(
        mail.map(({ message }) => legible(message)),
        messages.map(legible),
      )
      // Each stands behind the event behind which it was told.
      assert.deepEqual(
        mail.map(({ after }) => after.offset),
        messages.map((message) => this.#read - eventsFrom(told, message).length),
      )
    }
    const snapshot = await this.#room.scripts.snapshot({ node: '', epoch: '' })
    assert.deepEqual(
      usersOf(snapshot),
      usersOf(this.#memory.snapshot()).map((user) => this.#own(user)),
    )
    assert.equal(snapshot.position.offset, this.#memory.snapshot().position.offset)
    const queries = [...new Set(this.#secrets.values())].map((secretHash) => ({ secretHash, after: 0 }))
    const inboxes = await this.#room.scripts.inboxes({ node: '', epoch: '' }, queries)
    assert.deepEqual(
      inboxes.map(legibleInbox),
      queries.map((query) => legibleInbox(this.#memory.inbox(query))),
    )
    const said = await this.#room.scripts.history({ node: '', epoch: '' }, undefined, 50)
    assert.deepEqual(said.map(withoutPlace), this.#memory.history(undefined, 50).map(withoutPlace))
    const accounts = await this.#room.scripts.list({ node: '', epoch: '' }, ACCOUNTS, '', 100)
    assert.deepEqual(
      accounts.map(withoutEnd),
      (await this.#memory.store.list(ACCOUNTS, '', 100)).map(withoutEnd),
    )
  }

  #translate(event: Event): Event {
    return event.kind === 'joined' ? { ...event, presence: this.#own(event.presence) } : event
  }

  #own(presence: Presence): Presence {
    // Whoever is held is of no node.
    if (presence.node === '') return presence
    return { ...presence, node: this.#names.get(presence.node) ?? 'unknown' }
  }
}

function usersOf({ users }: Snapshot): Presence[] {
  return [...users]
}

/** The events from a place on. */
function eventsFrom<T extends { readonly kind: string }>(told: readonly T[], place: T): T[] {
  return told.slice(told.indexOf(place)).filter(({ kind }) => kind !== 'private')
}

/** Only whether it has an end: the two have not the same clock. */
function withoutEnd({ key, value, expiresAt }: Stored): unknown {
  return { key, value, ends: expiresAt !== undefined }
}

function withoutEpoch(answer: Answer): unknown {
  return answer !== 'wait' && answer.ok ? { ...answer, position: answer.position.offset } : answer
}

function legibleInbox(inbox: Inbox): unknown {
  if (inbox === 'lost') return inbox
  return inbox.map(({ seq, after, frame }) => [seq, after.offset, Buffer.from(frame).toString()])
}

function withoutPlace(event: Event): object {
  const { position: _, ...rest } = { ...event, ...legible(event) }
  return rest
}

/** A sweep shows out, and holds, in any order. */
const textOf = (event: Event) => {
  const swept = event.kind === 'left' || event.kind === 'held'
  return `${swept ? event.key : ''} ${frameOf(event)}`
}

check('the scripts do with any proposals what memory does', async (t, { server }) => {
  const property = fc.asyncProperty(randomCalls, accidents, async (random, accidents) => {
    const room = new ScriptRoom(t, server)
    const twins = await Twins.open(room)
    const calls = callsOf(
      random,
      twins.pairs.map(({ memory }) => memory),
      { refs: true },
    )
    for (const [index, { node, proposals }] of calls.entries()) {
      const pair = twins.pairs.find(({ memory }) => memory === node)
      assert.ok(pair !== undefined)
      const outcomes = await twins.commit(pair, proposals)
      if (accidents[index] === 'again') {
        const { script } = pair
        assert.deepEqual(outcomesOf(await script.send(script.number, ...proposals)), outcomes)
      } else if (accidents[index] !== 'none') {
        const swept = await twins.sweep(pair)
        if (accidents[index] === 'claims' && swept.length > 0)
          await twins.commit(
            pair,
            swept.map((who) => twins.claim(who)),
          )
      }
    }
  })
  await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 30_000 })
})
