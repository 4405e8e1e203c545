// Makes browsers trust the authority of the lab.

import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/** Creates the certificate store that Chromium reads under its home folder, and Firefox in its profile. */
export function createCertificateStore (folder, authority) {
  mkdirSync(folder, { recursive: true })
  const certutil = (...args) => execFileSync('certutil', ['-d', `sql:${folder}`, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  certutil('-N', '--empty-password')
  certutil('-A', '-t', 'C,,', '-n', 'natlab', '-i', authority)
}
