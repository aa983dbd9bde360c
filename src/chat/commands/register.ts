import type { Outcome } from '../../backplane/backplane.js'
import type { Refusal } from '../../protocol/codes.js'
import { parseName } from '../../protocol/names.js'
import { type Registration, type ResumePoint, readRegistration } from '../../protocol/registration.js'
import type { Join } from '../../room/events.js'
import type { Admission } from '../doorkeeper.js'
import { Extension, hashOf } from '../extension.js'
import type { Identity, Session } from '../session.js'
import { type Command, type CommandNode, refusalOf } from './command.js'

/** How often a credential is checked again, because the account became another meanwhile. */
const TRIES = 3

/** Somebody on his way in. His session is held until that has come to an end. */
interface Entrant {
  readonly session: Session
  readonly identity: Identity
  readonly registration: Registration
  readonly node: CommandNode
  readonly ref: string | undefined
}

/** `register` (protocol 1.4 and part 2). Success is answered when the session's own `joined` event is applied. */
export const register: Command<'register'> = {
  beforeRegister: true,
  asSelf: false,
  afterEarlier: true,
  run(session, { sender, content }, node, ref) {
    if (session.isNamed()) return { code: 'ALREADY_REGISTERED' }
    if (!node.mayRegister(session)) return 'later'
    const registration = readRegistration(content)
    if ('code' in registration) return registration
    const parsed = parseName(sender)
    if ('code' in parsed) return parsed
    if (node.directory.bans.forbidsName(parsed.key, node.now())) {
      node.expel(session, ref)
      return undefined
    }
    const identity = { ...parsed, connectedAt: session.connectedAt, status: 'ACTIVO' } as const
    session.state = 'joining'
    session.identity = identity
    session.hold()
    const { extensions } = registration
    if (extensions) session.extension = new Extension({ history: extensions.history, ref })
    const entrant = { session, identity, registration, node, ref }
    if (extensions?.resume) resume(entrant, extensions.resume)
    else enter(entrant, TRIES)
    return undefined
  },
}

/**
 * Takes up the session that broke off. Where not all is kept that it has missed, a new session takes its place; where it is not there
 * any more, or the secret is not its own, this is a `register` like any other.
 */
function resume(entrant: Entrant, point: ResumePoint): void {
  const { session, identity, registration, node, ref } = entrant
  const go = (kept: boolean) => {
    if (!isThere(entrant)) {
      stayOutside(entrant, { code: 'UNAVAILABLE' })
      return
    }
    const fresh = session.extension
    if (kept) session.extension = new Extension({ history: registration.extensions?.history, ref }, point)
    // As it was registered: it may be written in another way now.
    const name = node.directory.get(identity.key)?.name ?? identity.name
    propose(entrant, { name, resumes: hashOf(point.secret) }, (outcome) => {
      if (outcome.ok || outcome.reason !== 'SESSION_LOST') {
        end(entrant, outcome)
        return
      }
      session.extension = fresh
      enter(entrant, TRIES)
    })
  }
  node.keeps(point).then(go, () => stayOutside(entrant, { code: 'UNAVAILABLE' }))
}

/** Has the credential checked, and proposes to enter. */
function enter(entrant: Entrant, tries: number): void {
  const { session, identity, registration, node } = entrant
  const { name, key } = identity
  const { credential } = registration
  const { ip } = session.connection
  const held = node.directory.get(key) !== undefined
  node.admit({ name, key, ip, credential, held, isThere: () => isThere(entrant) }, (verdict) => {
    if ('refused' in verdict || !isThere(entrant)) {
      stayOutside(entrant, 'refused' in verdict ? verdict.refused : { code: 'UNAVAILABLE' })
      return
    }
    propose(entrant, verdict, (outcome) => {
      const changed = !outcome.ok && outcome.reason === 'ACCOUNT_CHANGED'
      if (changed && tries > 1 && isThere(entrant)) enter(entrant, tries - 1)
      else end(entrant, outcome)
    })
  })
}

/** Whoever closes before he has his answer proves nothing any more, and takes up nothing. */
function isThere({ session, registration: { credential, extensions } }: Entrant): boolean {
  const proves = credential !== undefined || extensions?.resume !== undefined
  return session.state === 'joining' && (!proves || session.connection.open)
}

function propose(
  { session, identity, node }: Entrant,
  admission: Admission & Pick<Join, 'resumes'>,
  then: (outcome: Outcome) => void,
): void {
  const { name, account, claim, resumes } = admission
  session.identity = { ...identity, name }
  const join = {
    kind: 'join',
    session: session.id,
    ip: session.connection.ip,
    ...identity,
    name,
    at: node.now(),
    ...(account !== undefined && { account }),
    ...(claim !== undefined && { claim }),
    ...(session.extension !== undefined && { secretHash: session.extension.hash }),
    ...(resumes !== undefined && { resumes }),
  } as const
  node.propose(session, join, then)
}

function end(entrant: Entrant, outcome: Outcome): void {
  // Passed, and yet it was not seen to enter: what was committed has been lost since.
  stayOutside(entrant, outcome.ok ? { code: 'UNAVAILABLE' } : refusalOf(outcome.reason))
}

/** Where somebody has not entered, he may try again, under another name perhaps. */
function stayOutside({ session, node, ref }: Entrant, refusal: Refusal): void {
  if (session.state === 'joining') {
    session.state = 'new'
    session.identity = undefined
    session.extension = undefined
    node.refuse(session, refusal, ref)
  }
  session.release()
}
