import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

const STDOUT = 1

/**
 * The log: lines of JSON for programs, readable text for people at a terminal.
 * @param level the least that is logged
 * @param destination a file descriptor or a path
 */
export function createLog(level: string, terminal: boolean, destination: number | string = STDOUT): Logger {
  const options = { level, serializers: { err: withoutCommand } }
  if (!terminal) return pino(options, pino.destination({ dest: destination, sync: true }))
  return pino(options, pretty({ sync: true, ignore: 'pid,hostname', colorize: true, destination }))
}

/** An error of Redis carries the command that failed, and with it what people said. */
function withoutCommand(error: Error): object {
  const { command: _, ...rest } = pino.stdSerializers.err(error)
  return rest
}
