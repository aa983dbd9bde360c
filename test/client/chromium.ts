import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import type { Test } from 'tap'

/** As the package knows the machines that it brings libraries for; they do on others, too, so that nothing has to be installed. */
const LIKE = { AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' }

const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']

/** Starts a Chromium from npm, with its own libraries. It ends with the test. Rejects where there is none for this machine. */
export async function launchChromium(t: Test): Promise<Browser> {
  // It unpacks what it needs to wherever temporary files go: not twice to the same place at the same time.
  const folder = await mkdtemp(join(tmpdir(), 'tertulia-chromium-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const before = { ...process.env }
  Object.assign(process.env, LIKE, { TMPDIR: folder })
  try {
    const { default: packed } = await import('@sparticuz/chromium')
    packed.setGraphicsMode = false
    const executablePath = await packed.executablePath()
    const env: Record<string, string> = {}
    for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value
    const browser = await chromium.launch({ executablePath, args: ARGUMENTS, env, headless: true })
    t.teardown(() => browser.close())
    return browser
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  }
}
