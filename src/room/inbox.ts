/** How much is kept for an extended session, so that it misses nothing and says nothing twice. */

/**
 * Of its latest private messages while it is connected: what may still be on its way when its connection breaks. What had waited when it
 * was taken up is kept besides, until so many more have come.
 */
export const INBOX_SENT = { messages: 256, bytes: 256 * 1024 } as const

/** Of all that is kept while it is held: beyond that nothing more is taken for it. */
export const INBOX_HELD = { messages: 1024, bytes: 1024 * 1024 } as const

/** How many of the latest refs are known, with what became of their frames (part 2, 4). */
export const KNOWN_REFS = 256
