import type { Outcome } from '../../backplane/backplane.js'
import { type Credential, readCredential } from '../../protocol/credential.js'
import { parseName } from '../../protocol/names.js'
import type { Admission } from '../doorkeeper.js'
import type { Identity, Session } from '../session.js'
import { type Command, type CommandNode, refusalOf } from './command.js'

/** How often a credential is checked again, because the account became another meanwhile. */
const TRIES = 3

/** `register` (protocol 1.4 and part 2). Success is answered when the session's own `joined` event is applied. */
export const register: Command<'register'> = {
  beforeRegister: true,
  asSelf: false,
  afterEarlier: true,
  run(session, { sender, content }, node) {
    if (session.isNamed()) return { code: 'ALREADY_REGISTERED' }
    if (!node.mayRegister(session)) return 'later'
    const credential = readCredential(content)
    if (credential !== undefined && 'code' in credential) return credential
    const parsed = parseName(sender)
    if ('code' in parsed) return parsed
    if (node.directory.bans.forbidsName(parsed.key, node.now())) {
      node.expel(session)
      return undefined
    }
    const identity = { ...parsed, connectedAt: session.connectedAt, status: 'ACTIVO' } as const
    session.state = 'joining'
    session.identity = identity
    session.hold()
    enter(session, identity, credential, node, TRIES)
    return undefined
  },
}

/** Has the credential checked, and proposes to enter. The session is held until that has come to an end. */
function enter(
  session: Session,
  identity: Identity,
  credential: Credential | undefined,
  node: CommandNode,
  tries: number,
): void {
  const { name, key } = identity
  const { ip } = session.connection
  // Whoever closes before he has his answer proves nothing any more.
  const isThere = () => session.state === 'joining' && (credential === undefined || session.connection.open)
  const held = node.directory.get(key) !== undefined
  node.admit({ name, key, ip, credential, held, isThere }, (verdict) => {
    if ('refused' in verdict || !isThere()) {
      stayOutside(session, node, 'refused' in verdict ? verdict.refused : { code: 'UNAVAILABLE' })
      session.release()
      return
    }
    propose(session, identity, verdict, node, (outcome) => {
      if (!outcome.ok && outcome.reason === 'ACCOUNT_CHANGED' && tries > 1 && isThere()) {
        enter(session, identity, credential, node, tries - 1)
        return
      }
      // Passed, and yet it was not seen to enter: what was committed has been lost since.
      stayOutside(session, node, outcome.ok ? { code: 'UNAVAILABLE' } : refusalOf(outcome.reason))
      session.release()
    })
  })
}

function propose(
  session: Session,
  identity: Identity,
  { name, account, claim }: Admission,
  node: CommandNode,
  then: (outcome: Outcome) => void,
): void {
  session.identity = { ...identity, name }
  const join = {
    kind: 'join',
    session: session.id,
    ip: session.connection.ip,
    ...identity,
    name,
    ...(account !== undefined && { account }),
    ...(claim !== undefined && { claim }),
  } as const
  node.propose(session, join, then)
}

/** Where somebody has not entered, he may try again, under another name perhaps. */
function stayOutside(
  session: Session,
  node: CommandNode,
  refusal: Parameters<CommandNode['refuse']>[1],
): void {
  if (session.state !== 'joining') return
  session.state = 'new'
  session.identity = undefined
  node.refuse(session, refusal)
}
