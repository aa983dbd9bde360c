import type { Case } from '../case.js'
import { away } from './away.js'
import { broadcasting } from './broadcast.js'
import { statuses } from './change-status.js'
import { deadline } from './deadline.js'
import { fields } from './fields.js'
import { keepalive } from './keepalive.js'
import { leaving } from './leaving.js'
import { listing } from './list-users.js'
import { names } from './names.js'
import { order } from './order.js'
import { payload } from './payload.js'
import { privately } from './private.js'
import { reading } from './reading.js'
import { registering } from './register.js'
import { sameName } from './same-name.js'
import { sender } from './sender.js'
import { slowReader } from './slow-reader.js'
import { transport } from './transport.js'
import { userInfos } from './user-info.js'

/** All of part 1 of the protocol that can be seen from outside. */
export const cases: readonly Case[] = [
  ...transport,
  ...payload,
  ...keepalive,
  ...reading,
  ...sender,
  ...order,
  ...deadline,
  ...names,
  ...sameName,
  ...registering,
  ...broadcasting,
  ...privately,
  ...listing,
  ...userInfos,
  ...statuses,
  ...away,
  ...leaving,
  ...fields,
  ...slowReader,
]
