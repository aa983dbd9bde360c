/** The operator API of a node, with the token. */
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { ADMIN_TOKEN } from '../support/cluster.js'
import type { Target } from './ground.js'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/**
 * Asks for a path exactly as it is written.
 * @param body text that is sent as JSON, whatever it is
 */
export function rest({ port }: Target, method: string, path: string, body?: string): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${ADMIN_TOKEN}`,
    connection: 'close',
    ...(body !== undefined && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }),
  }
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      text(response).then((answer) => {
        const { statusCode: status = 0 } = response
        resolve({ status, body: answer === '' ? undefined : JSON.parse(answer) })
      }, reject)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** What is behind the server is not for strangers. */
export const INSIDE = /node_modules|\.js:\d|\n +at /

/** Asks for what the server must refuse, or not know: never its own mistake, and nothing of what is inside. */
export async function refusedBy(node: Target, method: string, path: string, body?: string): Promise<void> {
  const answer = await rest(node, method, path, body)
  const said = JSON.stringify(answer.body) ?? ''
  if (answer.status < 400 || answer.status >= 500 || INSIDE.test(said.replaceAll('\\n', '\n')))
    throw new Error(
      `${method} ${path.slice(0, 200)} ${body?.slice(0, 200) ?? ''} was answered ${answer.status} ${said.slice(0, 500)}`,
    )
}
