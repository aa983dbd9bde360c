/** Everything that strangers try, by name. */
import type { Attack } from '../ground.js'
import { flood } from './floods.js'
import { forgeSenders } from './forgery.js'
import { fuzzFrames } from './fuzz.js'
import { fuzzHandshakes } from './handshakes.js'
import { inject, injectKeys } from './injection.js'
import { bigJson } from './json.js'
import { pollute } from './pollution.js'
import { replayTokens } from './replays.js'
import { deafAskers, slowReaders, slowWriters, tricklers } from './slow.js'
import { connectStorm, fleetingConnections, passwordStorm, registerStorm } from './storms.js'
import { junkTokens } from './tokens.js'

export const ATTACKS = {
  'frames fuzzed': fuzzFrames,
  'handshakes fuzzed': fuzzHandshakes,
  'frames flooded': flood,
  'slow readers': slowReaders,
  'questions without reading': deafAskers,
  'bytes one at a time': slowWriters,
  'bytes a second apart': tricklers,
  'connections at once': connectStorm,
  'connections that vanish': fleetingConnections,
  'registrations for one name': registerStorm,
  'registrations with passwords': passwordStorm,
  'deep or huge JSON': bigJson,
  'forged senders': forgeSenders,
  'junk tokens': junkTokens,
  'tokens replayed': replayTokens,
  'strings injected': inject,
  'keys injected': injectKeys,
  'prototypes polluted': pollute,
} as const satisfies Readonly<Record<string, Attack>>

export type AttackName = keyof typeof ATTACKS
