/** How soon a signal that npm hands on follows the one that the terminal sent to everyone. */
const ECHO_MS = 300

export interface SignalActions {
  /** The first signal: leave in good order. */
  leave(): void
  /** The second: end at once. */
  end(): void
}

/**
 * Decides what a signal means. Ctrl-C under `npm start` arrives twice, from the terminal and from npm; that is one signal.
 * @param underNpm whether npm may hand on signals
 * @returns to be called at each signal, with the time in milliseconds
 */
export function onSignals({ leave, end }: SignalActions, underNpm: boolean): (now: number) => void {
  let first: number | undefined
  return (now) => {
    if (first === undefined) {
      first = now
      leave()
    } else if (!underNpm || now - first > ECHO_MS) {
      end()
    }
  }
}
