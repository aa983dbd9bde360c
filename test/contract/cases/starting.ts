import { setImmediate as turn } from 'node:timers/promises'
import type { Check } from '../check.js'
import { changeStatus, join, leave, legible, person, say } from '../people.js'
import { last, positions } from '../room.js'

export async function starting(check: Check): Promise<void> {
  await check('a new room is empty, and its first event has offset 1', async (t, room) => {
    const node = await room.node()
    t.strictSame(node.snapshot.users, [])
    t.equal(node.snapshot.position.offset, 0)
    const [first] = await node.done(join(person('Ana')))
    t.strictSame(first, { epoch: node.snapshot.position.epoch, offset: 1 })
  })

  await check('every node has an identity of its own', async (t, room) => {
    const [a, b] = await room.two()
    t.ok(a.id.length > 0 && b.id.length > 0)
    t.not(a.id, b.id)
  })

  await check('a node begins with everyone present, in the order of joining', async (t, room) => {
    const [a, b] = await room.two()
    const ana = await a.enter('Ana')
    const beto = await b.enter('Beto', { ip: '2001:db8::1', connectedAt: 77, status: 'OCUPADO' })
    const carla = await a.enter('Carla')
    await a.done(changeStatus(ana, 'INACTIVO'), say(ana), leave(carla))
    const late = await room.node()
    t.match(late.snapshot.users, [
      { ...ana, node: a.id, status: 'INACTIVO' },
      { ...beto, node: b.id, status: 'OCUPADO', ip: '2001:db8::1', connectedAt: 77 },
    ])
    t.equal(late.snapshot.users.length, 2)
    t.strictSame(late.snapshot, await a.backplane.snapshot())
    t.strictSame(late.log, [], 'and is not told what was before')
  })

  await check(
    'nothing after its snapshot is missed by a node that starts while much happens',
    async (t, room) => {
      const writer = await room.node()
      const ana = await writer.enter('Ana')
      let writing = true
      const write = async () => {
        for (let count = 0; writing; count += 1) {
          const guest = person(`guest ${count}`)
          positions(await writer.commit(join(guest), say(ana, `${count}`), say(guest)))
          if (count % 2 === 0) await writer.done(leave(guest))
          await turn()
        }
      }
      const written = write()
      const starters = [await room.node(), ...(await Promise.all([room.node(), room.node(), room.node()]))]
      writing = false
      await written
      const end = last(await writer.done(say(ana, 'the end')))
      await writer.sink.reach(end)
      for (const node of starters) {
        await node.sink.reach(end)
        const began = node.snapshot.position.offset
        const followed = writer.log.filter(({ position }) => position.offset > began)
        t.strictSame(node.log.map(legible), followed.map(legible), `from ${began} on`)
        t.strictSame(node.present(), writer.present())
      }
    },
  )
}
