import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

const STDOUT = 1

/**
 * The log: lines of JSON for programs, readable text for people at a terminal.
 * @param level the least that is logged
 * @param destination a file descriptor or a path
 */
export function createLog(level: string, terminal: boolean, destination: number | string = STDOUT): Logger {
  if (!terminal) return pino({ level }, pino.destination({ dest: destination, sync: true }))
  return pino({ level }, pretty({ sync: true, ignore: 'pid,hostname', colorize: true, destination }))
}
