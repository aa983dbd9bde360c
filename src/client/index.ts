/** A client for Tertulia, and for every other server of the chat protocol: `tertulia/client`. */
export { Client } from './client.js'
export { ChatError, type ClientErrorCode } from './errors.js'
export type {
  ClientOptions,
  Draft,
  Events,
  Guarantees,
  HistoryPage,
  HistoryQuery,
  Lost,
  Message,
  PrivateMessage,
  PrivateReceipt,
  Receipt,
  SocketClass,
  State,
  StateChange,
  Status,
  User,
  UserInfo,
  Welcome,
} from './types.js'
