/** Part 2, 4: what carries a `ref` is acknowledged, and is not done twice. */
import t, { type Test } from 'tap'
import { Client, fieldsOf } from '../../conformance/client.js'
import type { RunningApp } from '../../support/app.js'
import { Extended, masked } from '../../support/extended.js'
import { type OpenPair, onEveryBackplane, type Pair } from '../../support/pairs.js'
import { until } from '../../support/until.js'

const FAST = { RATE_PER_SECOND: '0' }

async function isHeld({ one, two }: Pair, name: string): Promise<void> {
  const held = ({ node }: RunningApp) =>
    [...node.directory.users()].some((user) => user.name === name && user.held === true)
  await until(`${name} is held`, () => held(one) && held(two))
}

async function refs(t: Test, open: OpenPair): Promise<void> {
  /** Ana, extended, on the first node, and Beto and Eva, who are on the second. Eva is not extended. */
  const three = async (t: Test, env = {}) => {
    const pair = await open(t, { ...FAST, ...env })
    const ana = await Extended.enter(pair.one, 'Ana')
    await until('she is seen', () => pair.two.node.directory.size === 1)
    const beto = await Extended.enter(pair.two, 'Beto')
    const eva = await Client.join(pair.two.url, 'Eva')
    for (const name of ['Beto', 'Eva']) t.match(await ana.next('user_connected'), { content: { user: name } })
    await beto.next('user_connected')
    return { pair, ana, beto, eva }
  }

  await t.test('each of the four is acknowledged, behind what it shows', async (t) => {
    const { ana, beto, eva } = await three(t)
    const fields = ['type', 'sender', 'content', 'timestamp', 'position', 'ref']

    ana.say('hola', 'r1')
    const echo = await ana.next()
    t.match(echo, { type: 'broadcast', content: 'hola' })
    t.notOk('ref' in echo)
    const said = await ana.next()
    t.same(Object.keys(said), fields)
    t.match(said, { type: 'ack', sender: 'server', content: null, position: echo.position, ref: 'r1' })

    ana.tell('beto', 'psst', 'r2')
    const told = await ana.next()
    t.same(Object.keys(told), fields)
    t.match(told, { type: 'ack', content: { delivered: true }, ref: 'r2' })
    t.equal(told.position, echo.position, 'the position that it stands behind')
    ana.tell('Eva', 'psst', 'r3')
    t.match(
      await ana.next(),
      { type: 'ack', content: { delivered: true }, ref: 'r3' },
      'also to a base session',
    )

    ana.send({ type: 'change_status', content: 'OCUPADO', ref: 'r4' })
    const update = await ana.next()
    t.match(update, { type: 'status_update', content: { status: 'OCUPADO' } })
    const changed = await ana.next()
    t.same(Object.keys(changed), fields)
    t.match(changed, { type: 'ack', content: null, position: update.position, ref: 'r4' })

    ana.send({ type: 'disconnect', ref: 'r5' })
    const left = await ana.next()
    t.match(left, { type: 'user_disconnected', content: 'Ana ha salido' })
    const bye = await ana.next()
    t.same(Object.keys(bye), fields)
    t.match(bye, { type: 'ack', content: null, position: left.position, ref: 'r5' })
    t.match(await ana.client.closed(), { code: 1000 })

    t.same(
      (await beto.settle()).map(({ type }) => type),
      ['broadcast', 'private', 'status_update', 'user_disconnected'],
    )
    const heard = (await eva.settle()).map(({ raw }) => raw)
    t.equal(heard.length, 4)
    t.notOk(
      [...heard, ...beto.heard.map((frame) => JSON.stringify(frame))].some((raw) => raw.includes('"ref"')),
    )
  })

  await t.test('a status that does not change: answered to the asker alone, then acknowledged', async (t) => {
    const { ana, beto } = await three(t)
    ana.send({ type: 'change_status', content: 'ACTIVO', ref: 'r' })
    t.match(await ana.next(), { type: 'status_update', content: { user: 'Ana', status: 'ACTIVO' } })
    const ack = await ana.next()
    t.same(Object.keys(ack), ['type', 'sender', 'content', 'timestamp', 'ref'])
    t.match(ack, { type: 'ack', content: null, ref: 'r' })
    t.same(await beto.settle(), [])
  })

  await t.test('a message to somebody who is held waits: delivered false', async (t) => {
    const { pair, ana, beto } = await three(t)
    beto.break()
    await isHeld(pair, 'Beto')
    ana.tell('Beto', 'psst', 'r1')
    const ack = { type: 'ack', content: { delivered: false }, ref: 'r1' }
    t.match(await ana.next(), ack)
    const back = await beto.resume(pair.one)
    t.match(await back.next(), { type: 'private', content: 'psst', seq: 1 })
    ana.tell('Beto', 'psst', 'r1')
    t.match(await ana.next(), ack, 'sent again, it is acknowledged as before')
    ana.tell('Beto', 'otra', 'r2')
    t.match(await ana.next(), { type: 'ack', content: { delivered: true }, ref: 'r2' })
    t.match(await back.next(), { type: 'private', content: 'otra', seq: 2 })
    t.same(await back.settle(), [])
  })

  await t.test('answers carry it, and errors; what has none is answered without', async (t) => {
    const { ana } = await three(t)
    ana.send({ type: 'list_users', ref: 'l' })
    t.match(await ana.next(), { type: 'list_users_response', ref: 'l' })
    ana.send({ type: 'user_info', target: 'Beto', ref: 'i' })
    const info = await ana.next()
    t.match(info, { type: 'user_info_response', ref: 'i' })
    t.equal(Object.keys(info).at(-1), 'ref')
    ana.send({ type: 'history', ref: 'h' })
    t.match(await ana.next(), { type: 'history_response', ref: 'h' })
    const wrong: [frame: object, code: string][] = [
      [{ type: 'broadcast', content: '' }, 'INVALID_FIELD'],
      [{ type: 'broadcast', content: 'a\0b' }, 'INVALID_FIELD'],
      [{ type: 'broadcast', sender: 'Beto', content: 'hola' }, 'SENDER_MISMATCH'],
      [{ type: 'broadcast', sender: 5, content: 'hola' }, 'INVALID_FIELD'],
      [{ type: 'private', target: 'Nadie', content: 'hola' }, 'USER_NOT_FOUND'],
      [{ type: 'private', content: 'hola' }, 'USER_NOT_FOUND'],
      [{ type: 'user_info', target: 'Nadie' }, 'USER_NOT_FOUND'],
      [{ type: 'user_info' }, 'USER_NOT_FOUND'],
      [{ type: 'change_status', content: 'dormido' }, 'INVALID_FIELD'],
      [{ type: 'unknown' }, 'UNKNOWN_TYPE'],
      [{ type: 7 }, 'INVALID_FIELD'],
      [{ type: 'register' }, 'ALREADY_REGISTERED'],
      [{ type: 'history', content: { limit: 0 } }, 'INVALID_FIELD'],
    ]
    for (const [frame, code] of wrong) {
      ana.send({ ...frame, ref: 'e' })
      const error = await ana.next()
      t.same(
        Object.keys(error),
        ['type', 'sender', 'content', 'timestamp', 'ref', 'code'],
        JSON.stringify(frame),
      )
      t.match(error, { type: 'error', ref: 'e', code })
      ana.send(frame)
      t.match(Object.keys(await ana.next()), ['type', 'sender', 'content', 'timestamp', 'code'])
    }
    t.same(await ana.settle(), [])
  })

  await t.test(
    'a ref is a string of 1 to 64 code points; what has another is refused, without it',
    async (t) => {
      const { ana, beto } = await three(t)
      for (const ref of ['', 'x'.repeat(65), 5, null, {}, [], true, '🦊'.repeat(65)]) {
        ana.send({ type: 'broadcast', content: 'hola', ref }, { type: 'list_users', ref })
        for (let count = 0; count < 2; count += 1) {
          const error = await ana.next()
          t.match(error, { type: 'error', code: 'INVALID_FIELD', content: /"ref"/ })
          t.notOk('ref' in error)
        }
      }
      for (const ref of ['x', '🦊'.repeat(64), '"\\ \n\u0000', '\ud800', '\t', 'r:1', '@']) {
        ana.say('hola', ref)
        await ana.next('broadcast')
        t.same((await ana.next()).ref, ref)
        ana.say('hola', ref)
        t.match(await ana.next(), { type: 'ack', ref }, 'and is known')
      }
      t.equal((await beto.settle()).length, 7)
    },
  )

  await t.test('sent again in one connection: acknowledged again, and not repeated', async (t) => {
    const { pair, ana, beto, eva } = await three(t)
    const frames = [
      { type: 'broadcast', content: 'one', ref: 'b' },
      { type: 'private', target: 'Beto', content: 'two', ref: 'p' },
      { type: 'private', target: 'Eva', content: 'three', ref: 'e' },
      { type: 'change_status', content: 'OCUPADO', ref: 's' },
    ]
    ana.send(...frames)
    const acks: unknown[] = []
    while (acks.length < 4) acks.push(stripped(await ana.next('ack')))
    for (const round of ['in one go', 'later']) {
      ana.send(...frames)
      for (const ack of acks) t.same(stripped(await ana.next()), ack, round)
      t.same(await ana.settle(), [])
    }
    // Also with other words: the ref says which message it is.
    ana.say('something else', 'b')
    t.same(stripped(await ana.next()), acks[0])
    ana.tell('Nadie', 'nor to somebody else', 'p')
    t.same(stripped(await ana.next()), acks[1])
    t.same(
      (await beto.settle()).map(({ content }) => content),
      ['one', 'two', { user: 'Ana', status: 'OCUPADO' }],
    )
    t.equal((await eva.settle()).length, 3)
    const otra = await Extended.enter(pair.two, 'Otra', { history: 100 })
    t.match(otra.welcome.history, [{ content: 'one' }])
  })

  await t.test('twice in the same batch', async (t) => {
    const { ana, beto } = await three(t)
    const say = { type: 'broadcast', content: 'one', ref: 'b' }
    const tell = { type: 'private', target: 'Beto', content: 'two', ref: 'p' }
    ana.send(say, say, say, tell, tell)
    const answers = await ana.settle()
    t.same(
      answers.map(({ type, ref }) => ref ?? type),
      ['broadcast', 'b', 'b', 'b', 'p', 'p'],
    )
    t.equal(new Set(answers.filter(({ ref }) => ref === 'b').map(({ position }) => position)).size, 1)
    t.equal((await beto.settle()).length, 2)
  })

  await t.test('the last 256 refs are known, and what was refused is none of them', async (t) => {
    const { ana, beto } = await three(t)
    ana.send({ type: 'broadcast', content: '', ref: 'r0' })
    t.match(await ana.next(), { type: 'error', ref: 'r0' })
    ana.say('first', 'r0')
    t.match(await ana.next(), { type: 'broadcast' }, 'what was refused is tried again')
    ana.tell('Beto', 'second', 'r1')
    for (let count = 2; count < 256; count += 1) ana.say(`${count}`, `r${count}`)
    ana.tell('Nadie', 'refused', 'refused')
    await ana.settle()
    await beto.settle()
    ana.say('first', 'r0')
    ana.tell('Beto', 'second', 'r1')
    t.match(await ana.settle(), [
      { type: 'ack', ref: 'r0' },
      { type: 'ack', ref: 'r1' },
    ])
    t.same(await beto.settle(), [])
    ana.say('one more', 'r256')
    ana.tell('Beto', 'second', 'r1')
    t.match(await ana.settle(), [{ type: 'broadcast' }, { type: 'ack' }, { type: 'ack', ref: 'r1' }])
    ana.say('first', 'r0')
    t.match(
      (await ana.settle())[0],
      { type: 'broadcast', content: 'first' },
      'what was sent long ago is said again',
    )
  })

  for (const to of ['one', 'two'] as const) {
    await t.test(
      `sent again after a resume on node ${to}: what was done is acknowledged, what was not is done`,
      async (t) => {
        const { pair, ana, beto } = await three(t)
        const frames = Array.from({ length: 40 }, (_, index) =>
          index % 2
            ? { type: 'broadcast', content: `${index}`, ref: `r${index}` }
            : { type: 'private', target: 'Beto', content: `${index}`, ref: `r${index}` },
        )
        ana.send(...frames.slice(0, 20))
        await until('most of it', () => beto.heard.length >= 15)
        ana.break()
        const back = await ana.resume(pair[to])
        t.equal(back.welcome.resumed, true)
        back.send(...frames)
        const acks: Extended['welcome'][] = []
        while (acks.length < frames.length) acks.push(await back.next('ack'))
        t.same(
          acks.map(({ ref }) => ref),
          frames.map(({ ref }) => ref),
        )
        await until('all of it', () => beto.heard.length >= 40)
        await beto.settle()
        t.same(
          beto.heard.filter(({ sender }) => sender === 'Ana').map(({ content }) => Number(content)),
          Array.from({ length: 40 }, (_, index) => index),
          'each once, in order',
        )
        const mine = [...ana.heard, ...back.heard].filter(({ type }) => type === 'broadcast')
        t.equal(mine.length, 20)
        const positions = new Map(mine.map(({ content, position }) => [`r${content}`, position]))
        for (const { ref, position, content } of acks)
          if (content === null) t.equal(position, positions.get(String(ref)), 'where it was said')
      },
    )
  }

  await t.test('a message is acknowledged again although its target has gone meanwhile', async (t) => {
    const { pair, ana, beto, eva } = await three(t)
    ana.tell('Eva', 'psst', 'e')
    ana.tell('Beto', 'psst', 'b')
    await ana.next('ack')
    await ana.next('ack')
    beto.send({ type: 'disconnect' })
    eva.send({ type: 'disconnect', sender: 'Eva' })
    await ana.next('user_disconnected')
    await ana.next('user_disconnected')
    ana.break()
    const back = await ana.resume(pair.two)
    back.tell('Eva', 'psst', 'e')
    back.tell('Beto', 'psst', 'b')
    back.tell('Eva', 'otra', 'x')
    t.match(await back.settle(), [
      { type: 'ack', ref: 'e', content: { delivered: true } },
      { type: 'ack', ref: 'b', content: { delivered: true } },
      { type: 'error', ref: 'x', code: 'USER_NOT_FOUND' },
    ])
  })

  await t.test('a status that was changed back is not changed again', async (t) => {
    const { pair, ana, eva } = await three(t)
    ana.send({ type: 'change_status', content: 'OCUPADO', ref: 'r1' })
    ana.send({ type: 'change_status', content: 'INACTIVO', ref: 'r2' })
    await ana.next('ack')
    await ana.next('ack')
    ana.break()
    const back = await ana.resume(pair.two)
    back.send({ type: 'change_status', content: 'OCUPADO', ref: 'r1' })
    back.send({ type: 'change_status', content: 'INACTIVO', ref: 'r2' })
    await back.settle()
    t.same(
      (await eva.settle()).map(({ content }) => content),
      [
        { user: 'Ana', status: 'OCUPADO' },
        { user: 'Ana', status: 'INACTIVO' },
      ],
    )
  })

  await t.test('nor one that changed nothing at the time', async (t) => {
    const { pair, ana, eva } = await three(t)
    ana.send({ type: 'change_status', content: 'ACTIVO', ref: 'r1' })
    ana.send({ type: 'change_status', content: 'OCUPADO', ref: 'r2' })
    await ana.next('ack')
    await ana.next('ack')
    ana.break()
    const back = await ana.resume(pair.two)
    back.send({ type: 'change_status', content: 'ACTIVO', ref: 'r1' })
    back.send({ type: 'change_status', content: 'OCUPADO', ref: 'r2' })
    t.match(await back.next('ack'), { ref: 'r1' })
    t.match(await back.next('ack'), { ref: 'r2' })
    await back.settle()
    t.same(
      (await eva.settle()).map(({ content }) => content),
      [{ user: 'Ana', status: 'OCUPADO' }],
    )
  })

  await t.test('a new session knows none of the refs of the one before', async (t) => {
    const { ana, beto, pair } = await three(t)
    ana.say('one', 'r')
    await ana.next('ack')
    ana.send({ type: 'disconnect' })
    await ana.client.closed()
    const back = await ana.resume(pair.two)
    t.equal(back.welcome.resumed, false)
    back.say('two', 'r')
    t.match(await back.next(), { type: 'broadcast', content: 'two' })
    await beto.next('user_connected')
    t.match(await beto.next('broadcast'), { content: 'two' })
  })

  await t.test('the refs of one session are not those of another', async (t) => {
    const { ana, beto } = await three(t)
    ana.say('one', 'r')
    await ana.next('ack')
    await beto.next('broadcast')
    beto.say('two', 'r')
    t.match(await beto.next(), { type: 'broadcast', content: 'two' })
    t.match(await ana.next(), { type: 'broadcast', content: 'two' })
  })

  await t.test('base sessions have none: they are ignored, whatever they are', async (t) => {
    const { eva, ana } = await three(t)
    for (const ref of ['r', '', 5, null, 'x'.repeat(1000)]) {
      for (const times of [1, 2]) {
        eva.send({ type: 'broadcast', sender: 'Eva', content: 'hola', ref })
        const { raw } = await eva.next()
        t.equal(
          masked(raw),
          '{"type":"broadcast","sender":"Eva","content":"hola","timestamp":"…"}',
          `${ref} ${times}`,
        )
        await ana.next('broadcast')
      }
    }
    eva.send({ type: 'private', sender: 'Eva', target: 'Nadie', content: 'hola', ref: 'r' })
    const error = '{"type":"error","sender":"server","content":"Usuario no encontrado","timestamp":"…"}'
    t.equal(masked((await eva.next()).raw), error)
    eva.send({ type: 'list_users', sender: 'Eva', ref: 'r' })
    t.same(Object.keys(fieldsOf((await eva.next()).raw)), ['type', 'sender', 'content', 'timestamp'])
  })

  await t.test(
    'no more waits for somebody who is held than is kept: an error, and it can be tried again',
    async (t) => {
      const { pair, ana, beto } = await three(t)
      beto.break()
      await isHeld(pair, 'Beto')
      for (let count = 1; count <= 1024; count += 1) ana.tell('beto', `${count}`)
      t.same(await ana.settle(), [], 'as many as that wait')
      ana.tell('beto', 'one too many', 'r')
      const full = await ana.next()
      t.same(Object.keys(full), ['type', 'sender', 'content', 'timestamp', 'ref', 'code', 'retry'])
      t.match(full, {
        type: 'error',
        content: 'El buzón de "Beto" está lleno',
        ref: 'r',
        code: 'INBOX_FULL',
        retry: true,
      })
      const eva = await Client.join(pair.one.url, 'Eva 2')
      eva.send({ type: 'private', sender: 'Eva 2', target: 'Beto', content: 'hola' })
      const text =
        '{"type":"error","sender":"server","content":"El buzón de \\"Beto\\" está lleno","timestamp":"…"}'
      t.equal(masked((await eva.next()).raw), text, 'a base session is told so, too')
      ana.say('to all', 'all')
      await ana.next('ack')
      const back = await beto.resume(pair.one)
      t.equal(back.welcome.resumed, true)
      await until('all of it', () => back.point.seq === 1024)
      t.same(
        back.heard.filter(({ type }) => type === 'private').map(({ content }) => Number(content)),
        Array.from({ length: 1024 }, (_, index) => index + 1),
      )
      ana.tell('beto', 'one too many', 'r')
      t.match(await ana.next('ack'), { ref: 'r', content: { delivered: true } })
      await until('it comes', () => back.point.seq === 1025)
    },
  )

  await t.test('nor more bytes', async (t) => {
    const { pair, ana, beto } = await three(t)
    beto.break()
    await isHeld(pair, 'Beto')
    const text = 'x'.repeat(4000)
    let sent = 0
    for (;;) {
      ana.tell('Beto', text, `${sent}`)
      if ((await ana.next()).type === 'error') break
      sent += 1
    }
    t.ok(sent * 4000 <= 2 ** 20 && sent * 4200 >= 2 ** 20, `${sent} messages of 4000 bytes`)
    const back = await beto.resume(pair.two)
    t.equal(back.welcome.resumed, true)
    await until('all of it', () => back.point.seq === sent)
  })
}

/** A frame without the time. */
function stripped({ timestamp: _, ...rest }: Extended['welcome']): object {
  return rest
}

await onEveryBackplane(t, refs)
