/** Which frames answer what was sent, and what they say. Pure. */
import type { HistoryPage, PrivateReceipt, Receipt, ServerFrame, Status, UserInfo } from './types.js'

/** Reads the answer to one frame; undefined: this is not it. */
export type ReadAnswer<T> = (frame: ServerFrame) => T | undefined

/** The acknowledgement; on a base session what everyone gets. */
const toDeed =
  (isSeen: ReadAnswer<boolean>): ReadAnswer<Receipt> =>
  (frame) => {
    if (frame.type === 'ack') return { position: frame.position }
    return isSeen(frame) ? { position: undefined } : undefined
  }

export const toBroadcast = (self: string, text: string): ReadAnswer<Receipt> =>
  toDeed((frame) => frame.type === 'broadcast' && frame.sender === self && frame.content === text)

export const toStatus = (self: string, status: Status): ReadAnswer<Receipt> =>
  toDeed((frame) => {
    return frame.type === 'status_update' && frame.content.user === self && frame.content.status === status
  })

export const toPrivate: ReadAnswer<PrivateReceipt> = (frame) =>
  frame.type === 'ack'
    ? { confirmed: true, delivered: frame.content?.delivered === true, position: frame.position }
    : undefined

export const toListUsers: ReadAnswer<readonly string[]> = (frame) =>
  frame.type === 'list_users_response' ? frame.content : undefined

export const toUserInfo =
  (target: string): ReadAnswer<UserInfo> =>
  (frame) =>
    frame.type === 'user_info_response' && keyOf(frame.target) === keyOf(target)
      ? { name: frame.target, ...frame.content }
      : undefined

export const toHistory: ReadAnswer<HistoryPage> = (frame) =>
  frame.type === 'history_response' ? frame.content : undefined

/** Two names are the same if their keys are (protocol 1.3). */
function keyOf(name: string): string {
  return name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}
