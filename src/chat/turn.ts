/** The turns of the event loop, counted as far as somebody asks. One immediate for all who do. */

let turn = 0
let scheduled = false
let waiting: (() => void)[] = []

/** A number that is the same as long as the current turn lasts. */
export function currentTurn(): number {
  schedule()
  return turn
}

/** Calls back in the next turn, after whatever came in before it has been read. */
export function inNextTurn(callback: () => void): void {
  waiting.push(callback)
  schedule()
}

function schedule(): void {
  if (scheduled) return
  scheduled = true
  setImmediate(() => {
    scheduled = false
    turn += 1
    const callbacks = waiting
    waiting = []
    for (const callback of callbacks) callback()
  })
}
