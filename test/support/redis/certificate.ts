import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const SUBJECT = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/**
 * Makes a certificate for 127.0.0.1 and localhost that signs itself, with the command openssl.
 * @param directory where its files go, such as `t.testdir()`
 * @returns the paths of the PEM files; who trusts `cert` as its CA trusts the server
 */
export async function selfSigned(directory: string): Promise<{ cert: string; key: string }> {
  const cert = join(directory, 'cert.pem')
  const key = join(directory, 'key.pem')
  const files = ['-keyout', key, '-out', cert]
  try {
    await promisify(execFile)('openssl', ['req', '-x509', '-days', '2', ...KEY, ...SUBJECT, ...files])
  } catch (error) {
    throw new Error('no certificate: is openssl installed?', { cause: error })
  }
  return { cert, key }
}
