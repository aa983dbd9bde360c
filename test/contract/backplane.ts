import type { Test } from 'tap'
import { accounts } from './cases/accounts.js'
import { closing } from './cases/closing.js'
import { decrees } from './cases/decrees.js'
import { extended } from './cases/extended.js'
import { history } from './cases/history.js'
import { inboxes } from './cases/inboxes.js'
import { judging } from './cases/judging.js'
import { keeping } from './cases/keeping.js'
import { log } from './cases/log.js'
import { present } from './cases/present.js'
import { privateMessages } from './cases/private.js'
import { random } from './cases/random.js'
import { reacting } from './cases/reacting.js'
import { reading } from './cases/reading.js'
import { refs } from './cases/refs.js'
import { resuming } from './cases/resuming.js'
import { starting } from './cases/starting.js'
import { sweeping } from './cases/sweeping.js'
import { checkOn } from './check.js'
import type { Subject } from './harness.js'

/**
 * The contract of the port (src/backplane/backplane.ts and store.ts): what every implementation does. Only what the port
 * promises is asked for, and nothing about time. A bug that is found in one implementation becomes a case here.
 */
export async function backplaneContract(t: Test, subject: Subject): Promise<void> {
  const suites = {
    starting,
    log,
    judging,
    privateMessages,
    reading,
    present,
    sweeping,
    closing,
    reacting,
    random,
    keeping,
    accounts,
    decrees,
    extended,
    resuming,
    inboxes,
    refs,
    history,
  }
  for (const [title, suite] of Object.entries(suites))
    await t.test(`${subject.name}: ${title}`, (t) => suite(checkOn(t, subject)))
}
