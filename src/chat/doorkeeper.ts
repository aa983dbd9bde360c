/** Who may enter under which name: what chat/ needs of accounts/. */
import type { Refusal } from '../protocol/codes.js'
import type { NameKey } from '../protocol/names.js'
import type { Credential } from '../protocol/registration.js'
import type { Join } from '../room/events.js'

/** Somebody who wants to register. */
export interface Applicant {
  readonly name: string
  readonly key: NameKey
  readonly ip: string
  /** None: a guest. */
  readonly credential: Credential | undefined
  /** Whether somebody has the name at the moment. */
  readonly held: boolean
  /** Whether there is still somebody who waits for the answer. */
  isThere(): boolean
}

/** What goes into the join of somebody who may enter. */
export type Admission = Pick<Join, 'name' | 'account' | 'claim'>

export type Verdict = Admission | { readonly refused: Refusal }

export interface Doorkeeper {
  /**
   * Says at once what it knows at once. Rejects when what the nodes share cannot be reached. What it says is checked again in the
   * step that lets him in.
   */
  admit(applicant: Applicant): Verdict | Promise<Verdict>
}
