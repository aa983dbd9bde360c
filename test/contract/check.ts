import type { Test } from 'tap'
import type { RoomOptions, Subject } from './harness.js'
import { TestRoom } from './room.js'

const PLENTY: RoomOptions = { keptEvents: 100_000 }

/** States one thing that every backplane does, and checks it in a new room. */
export type Check = (
  title: string,
  body: (t: Test, room: TestRoom) => Promise<void>,
  options?: RoomOptions,
) => Promise<void>

/** In whatever case: what a node is told comes in the order of the log, without gaps and repeats. */
export function checkOn(t: Test, subject: Subject): Check {
  return async (title, body, options = PLENTY) => {
    await t.test(title, async (t) => {
      const room = await TestRoom.open(subject, options)
      t.teardown(() => room.close())
      await body(t, room)
      t.strictSame(room.faults(), [], 'in the order of the log, no gaps, no repeats, and nothing to repair')
    })
  }
}
