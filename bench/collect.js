/** For a server that is started with --expose-gc: collects its garbage when it is told to, so that what is left is what it holds. */
process.on('SIGUSR2', () => {
  globalThis.gc()
})
