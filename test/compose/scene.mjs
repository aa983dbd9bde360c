/**
 * One scene: people chat in the cluster while somebody else does something to it. Runs in a container of the cluster's image,
 * on the network of the proxy, so that nothing but Docker is needed.
 * Standard output: "ready" when it is the other's turn, who then writes a line to the standard input; "ok WHAT"; "FAILED WHAT"
 * and, indented, why.
 * Usage: TOKEN=… node scene.mjs NAME
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { resolve4 } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Knocker, Person, Talker, until } from './people.mjs'

const PROXY = 'proxy:8080'
const CHAT = `ws://${PROXY}/chat`
const NODES = 3
const PEOPLE = 12
const KNOCK_EVERY_MS = 50
const TALK_EVERY_MS = 50
const ASK_EVERY_MS = 50
/** A node that dies is swept after LEASE_MS + BEAT_MS = 8 s. */
const SWEPT_SECONDS = 15
const SOON_SECONDS = 20

const turns = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const scenes = { chat, kill, scale, redis, roll, stop }
await scenes[process.argv[2]]()
process.exit(0)

async function chat() {
  const people = await join(PEOPLE)
  const names = people.map(({ name }) => name)
  await check('the proxy spreads twelve people evenly over three nodes', async () => {
    deepEqual(await spread(), [4, 4, 4])
  })
  await check('everyone sees the same list', async () => {
    for (const person of people) deepEqual(await person.list(), names)
  })
  await check('everyone hears everyone, in one order', async () => {
    await Promise.all(people.map((person) => person.say(`Hello from ${person.name}`)))
    await until('all is heard', SOON_SECONDS, () => people.every(({ heard }) => heard.length === PEOPLE))
    for (const { heard } of people) deepEqual(heard, people[0].heard)
  })
  await check('a private message reaches one, whatever node that is on', async () => {
    for (const [index, person] of people.entries())
      person.tell(next(people, index).name, `from ${person.name}`)
    await until('all have arrived', SOON_SECONDS, () => people.every(({ privates }) => privates.length > 0))
    for (const [index, person] of people.entries())
      deepEqual(next(people, index).privates, [`from ${person.name}`])
  })
  await check("the client's own address is seen", async () => {
    equal(await people[0].addressOf(people[1].name), ownAddress())
  })
  const headers = {
    'X-Forwarded-For': '203.0.113.7',
    Forwarded: 'for=203.0.113.7',
    'X-Real-IP': '203.0.113.7',
  }
  await check('a client that forges where it comes from is not believed', async () => {
    const liar = new Person('liar', CHAT, { headers })
    await liar.open()
    await liar.register()
    equal(await liar.addressOf('liar'), ownAddress())
    await liar.leave()
  })
  await check('nor is one that passes by the proxy, on any node', async () => {
    const nodes = await resolve4('chat')
    equal(nodes.length, 3)
    for (const [index, node] of nodes.entries()) {
      const liar = new Person(`liar${index}`, `ws://${node}:8080/chat`, { headers })
      await liar.open()
      await liar.register()
      equal(await liar.addressOf(liar.name), ownAddress())
      await liar.leave()
    }
  })
  await check('headers of the handshake are written as the RFC has them', async () => {
    const names = await new Person('reader', CHAT).open()
    for (const name of ['Upgrade', 'Connection', 'Sec-WebSocket-Accept'])
      ok(names.includes(name), `${name}: ${names}`)
  })
}

async function kill() {
  const people = await join(PEOPLE)
  const talkers = people.map((person) => new Talker(person, TALK_EVERY_MS))
  const knocker = new Knocker(CHAT, KNOCK_EVERY_MS)
  const before = await nodeIds()
  await turn()

  const isLost = ({ lost }) => lost.length > 0
  const names = new Set(people.map(({ name }) => name))
  const goneFor = ({ gone }) => gone.filter((name) => names.has(name)).sort()
  await check('when a node is killed, those on it are cut off, and nobody else', async () => {
    await until('four are cut off', SOON_SECONDS, () => people.filter(isLost).length >= 4)
    await until('it is swept', SWEPT_SECONDS, () => people.some((person) => goneFor(person).length >= 4))
    equal(people.filter(isLost).length, 4)
  })
  const stayed = people.filter((person) => !isLost(person))
  await check('everyone else is told of them, once', async () => {
    const victims = people.filter(isLost).map(({ name }) => name)
    await until('all are told', SOON_SECONDS, () =>
      stayed.every((person) => goneFor(person).length >= victims.length),
    )
    for (const person of stayed) deepEqual(goneFor(person), victims.sort())
  })
  await Promise.all(talkers.map((talker) => talker.stop()))
  await check('everyone else went on hearing the same, and all that was receipted', () =>
    agreed(stayed, talkers),
  )
  await check('the node comes back by itself', async () => {
    await until('three nodes, one of them new', SOON_SECONDS, async () => {
      const now = await nodeIds()
      return now.length === 3 && now.filter((id) => before.includes(id)).length === 2
    })
  })
  await knocker.stop()
  await check('whoever knocked was let in', () => none(knocker.refused))
  await check('whoever comes next is sent to the new node', async () => {
    await join(4, 'next')
    deepEqual(await spread(), [4, 4, 4])
  })
  note(knocker)
}

async function scale() {
  const people = await join(PEOPLE, 'person', { comesBack: true })
  const whileMore = new Knocker(CHAT, KNOCK_EVERY_MS)
  await turn()

  // Those who knock would be counted too.
  await whileMore.stop()
  await check('new nodes are found, and take those who come', async () => {
    people.push(...(await join(8, 'late', { comesBack: true })))
    deepEqual(await spread(), [4, 4, 4, 4, 4])
  })
  await check('nobody was cut off by that, and nobody who knocked was refused', () => {
    none([...people.flatMap(({ lost }) => lost), ...whileMore.broken, ...whileMore.refused])
  })
  note(whileMore)
  const whileFewer = new Knocker(CHAT, KNOCK_EVERY_MS)
  await turn()

  await check('those on the nodes that went are closed 1012, once, and nobody else', () => {
    deepEqual(
      people.flatMap(({ lost }) => lost),
      Array(8).fill(1012),
    )
  })
  await check('they came back, and nobody was refused', () => cameBack(people))
  await whileFewer.stop()
  await check('nor was anybody who knocked', () => none(whileFewer.refused))
  await check('who was closed while knocking was closed 1012', () => onlyRestarts(whileFewer.broken))
  await check('three nodes are left', async () => equal((await nodeIds()).length, 3))
  note(whileFewer)
}

async function redis() {
  const people = await join(PEOPLE)
  const talkers = people.map((person) => new Talker(person, TALK_EVERY_MS))
  await until('all talk', SOON_SECONDS, () => talkers.every(({ receipted }) => receipted.length > 0))
  await turn()

  const then = talkers.map(({ receipted }) => receipted.length)
  await check('after a restart of Redis everyone can talk again', async () => {
    await until('each was heard again', SOON_SECONDS, () =>
      talkers.every(({ receipted }, index) => receipted.length > then[index]),
    )
  })
  await Promise.all(talkers.map((talker) => talker.stop()))
  await check('nobody was cut off', () => none(people.flatMap(({ lost }) => lost)))
  await check('nobody was said to have left', () => none(people.flatMap(({ gone }) => gone)))
  await check('all heard the same, and all that was receipted, and nothing that was refused', () =>
    agreed(people, talkers),
  )
  await check('the list is right', async () => {
    for (const person of people)
      deepEqual(
        await person.list(),
        people.map(({ name }) => name),
      )
  })
}

async function roll() {
  const people = await join(PEOPLE, 'person', { comesBack: true })
  const knocker = new Knocker(CHAT, KNOCK_EVERY_MS)
  const stopAsking = keepAsking('/nodes')
  const before = await nodeIds()
  await turn()

  await check('every node is a new one', async () => {
    const now = await nodeIds()
    deepEqual([now.length, now.filter((id) => before.includes(id))], [NODES, []])
  })
  await check('they came back, and nobody was refused', () => cameBack(people))
  await check('everyone was closed, and with nothing but 1012', () => {
    for (const { lost } of people) ok(lost.length > 0)
    onlyRestarts(people.flatMap(({ lost }) => lost))
  })
  await knocker.stop()
  await check(`of ${knocker.visits} who knocked meanwhile nobody was refused`, () => none(knocker.refused))
  await check('who was closed while knocking was closed 1012', () => onlyRestarts(knocker.broken))
  await check('nor was any operator', async () => none(await stopAsking()))
  await check('everyone hears everyone', async () => {
    for (const person of people) person.heard.length = 0
    await Promise.all(people.map((person) => person.say(`Back: ${person.name}`)))
    await until('all is heard', SOON_SECONDS, () => people.every(({ heard }) => heard.length === PEOPLE))
    for (const { heard } of people) deepEqual(heard, people[0].heard)
  })
  note(knocker)
}

async function stop() {
  const people = await join(PEOPLE)
  await turn()

  await check('everyone was closed 1012', () => {
    deepEqual(
      people.map(({ lost }) => lost),
      people.map(() => [1012]),
    )
  })
}

/** New people, who come one after the other. */
async function join(count, prefix = 'person', options = {}) {
  const people = []
  for (let number = 1; number <= count; number += 1) {
    const person = new Person(`${prefix}${number}`, CHAT, options)
    await person.open()
    await person.register()
    people.push(person)
  }
  return people
}

/** Says that it is the other's turn, and waits until that is over. */
async function turn() {
  console.log('ready')
  await turns.next()
}

async function check(what, test) {
  try {
    await test()
    console.log(`ok      ${what}`)
  } catch (error) {
    console.log(`FAILED  ${what}`)
    console.log(String(error.message).replace(/^/gm, '        '))
  }
}

function note({ visits, slowestMs, broken }) {
  const closed = `${broken.length} were closed while inside`
  console.log(`        (${visits} knocked; ${closed}; the slowest was let in after ${slowestMs} ms)`)
}

/** Those who are there heard the same, in the same order; among it what was receipted, once; and nothing that was refused. */
async function agreed(people, talkers) {
  const [{ heard }] = people
  const isHeardByAll = () => people.every((person) => person.heard.length === heard.length)
  await until('all have heard equally much', SOON_SECONDS, isHeardByAll)
  for (const person of people) deepEqual(person.heard, heard)
  const all = new Set(heard)
  equal(all.size, heard.length, 'something was heard twice')
  const receipted = talkers.flatMap((talker) => talker.receipted)
  const refused = talkers.flatMap((talker) => talker.refused)
  ok(receipted.length > 0)
  none(receipted.filter((content) => !all.has(content)))
  none(refused.filter((content) => all.has(content)))
}

async function cameBack(people) {
  const names = people.map(({ name }) => name).sort()
  await until('all are there again', SOON_SECONDS, async () => {
    const list = await people[0].list()
    return people.every(({ connected }) => connected) && names.every((name) => list.includes(name))
  })
  none(people.flatMap(({ refused }) => refused))
}

function onlyRestarts(codes) {
  none(codes.filter((code) => code !== 1012))
}

function none(found) {
  deepEqual(found, [])
}

/** How many people each node holds, by what operators can see. */
async function spread() {
  const present = await api('/users?limit=1000')
  const ids = await nodeIds()
  return ids.map((id) => present.filter(({ node }) => node === id).length).sort()
}

async function nodeIds() {
  return (await api('/nodes')).map(({ id }) => id)
}

async function api(path) {
  const headers = { Authorization: `Bearer ${process.env.TOKEN}` }
  const answer = await fetch(`http://${PROXY}${path}`, { headers })
  equal(answer.status, 200, `${path}: ${answer.status}`)
  const body = await answer.json()
  return body.users ?? body.nodes
}

/** Asks as operators do, all the time. @returns what ends that, and gives what was refused */
function keepAsking(path) {
  const refused = []
  let stopped = false
  const ask = async () => {
    while (!stopped) {
      await api(path).catch((error) => refused.push(error.message))
      await sleep(ASK_EVERY_MS)
    }
  }
  const done = ask()
  return async () => {
    stopped = true
    await done
    return refused
  }
}

/** The address of this container, which is on one network. */
function ownAddress() {
  const all = Object.values(networkInterfaces()).flat()
  return all.find(({ family, internal }) => family === 'IPv4' && !internal).address
}

function next(people, index) {
  return people[(index + 1) % people.length]
}
