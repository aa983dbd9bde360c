/** What the room knows of accounts: whose a name is. What proves it is not the room's business. */
import type { AccountId } from './events.js'

/** Under which kind accounts are kept in the store; by the key of the name. */
export const ACCOUNTS = 'account'

/** An account as it is kept: its id, a space, and what those know who check credentials. */
export function writeAccount(id: AccountId, rest: string): string {
  return `${id} ${rest}`
}

/** The parts of what {@link writeAccount} wrote. */
export function readAccount(kept: string): { readonly id: AccountId; readonly rest: string } {
  const end = kept.indexOf(' ')
  return { id: kept.slice(0, end), rest: kept.slice(end + 1) }
}
