import { STATUS_CODES } from 'node:http'
import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import Type, { type Static } from 'typebox'

/** What every error of the REST API looks like: Fastify's own shape. */
export const ErrorBody = Type.Object(
  {
    statusCode: Type.Integer({ examples: [404] }),
    code: Type.Optional(Type.String({ description: 'Only of errors that the framework found' })),
    error: Type.String({ examples: ['Not Found'] }),
    message: Type.String({ examples: ['Nobody named "Ana" is present'] }),
  },
  { $id: 'Error', description: 'What is wrong' },
)

/** An error answer for the schema of a route. */
function answer(description: string) {
  return Type.Unsafe<Static<typeof ErrorBody>>({ ...Type.Ref('Error'), description })
}

/** The error answers of the routes, for their schemas. */
export const BAD_REQUEST = {
  400: answer('What was sent is not valid; the message says what'),
}
export const UNAUTHORIZED = {
  401: answer('The operator token is missing or wrong'),
  429: answer('More requests than `API_REQUESTS_PER_MINUTE`'),
}
export const TOO_LONG = { 414: answer('What stands in the path is longer than it can be') }
export const NOT_FOUND = { 404: answer('There is no such thing') }
export const CONFLICT = {
  409: answer('There is no room for another'),
}
export const NOT_JSON = { 415: answer('The body is not JSON') }
export const UNAVAILABLE = {
  503: answer('What the nodes share cannot be reached'),
}

/** What a 503 says. */
export const UNREACHABLE = 'What the nodes share cannot be reached: try again'

/** The answer of a route that has nothing to say, for its schema. */
export const REMOVED = Type.Null({ description: 'It is gone' })

/** The answers of a route that removes what its path names, for its schema. */
export const REMOVAL = {
  204: REMOVED,
  ...BAD_REQUEST,
  ...UNAUTHORIZED,
  ...NOT_FOUND,
  ...TOO_LONG,
  ...UNAVAILABLE,
}

/** An error answer. */
export function errorBody(statusCode: number, message: string): Static<typeof ErrorBody> {
  return { statusCode, error: String(STATUS_CODES[statusCode]), message }
}

/** Says what is wrong with a request, and where there is a choice, what there is to choose from. */
export function validationError(errors: FastifySchemaValidationError[], where: string): Error {
  const messages = errors.map(({ instancePath, message = 'is not valid', params }) => {
    if (message === 'schema is false') return `${where}${instancePath} is not known`
    const { allowedValues } = params
    const choice = Array.isArray(allowedValues) ? `: ${allowedValues.join(', ')}` : ''
    return `${where}${instancePath} ${message}${choice}`
  })
  return new Error(messages.join('; '))
}
