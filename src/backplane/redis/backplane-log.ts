/** The part of a logger that a backplane needs. */
export interface BackplaneLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}
