// Runs proxies with the files of deploy/, in each of their three variants: at the root of a name, under a path that the
// proxy strips, under a path that it keeps. Only ports and certificates are changed.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceOnce, root } from '../support/index.mjs'
import { CURRENT_NGINX, find, freePort, run, runNginx, makeFolder } from './proxy.mjs'

/** The path of the site in each variant, and the start of its heading in the file. */
export const PARTS = {
  root: { path: '/', heading: 'At the root' },
  'taken off': { path: '/hub/', heading: 'Under a path that \\w+ takes off' },
  kept: { path: '/hub/', heading: 'Under a path that \\w+ keeps' }
}
/** The base path of the server, which is harmless in the other variants. */
export const BASE_PATH = ['--base-path', '/hub']

/** Returns a file of deploy/ with one of its variants enabled. @param {string} name @param {keyof typeof PARTS} part */
function documented (name, part) {
  const text = readFileSync(join(root, 'deploy', name), 'utf8')
  const [before, ...parts] = text.split(/^\s*# --- /m)
  const after = parts.pop()?.replace(/^End\n/, '')
  assert.equal(parts.length, 3, `deploy/${name} has three parts`)
  const found = parts.find(text => new RegExp(`^${PARTS[part].heading}`).test(text))
  assert.ok(found, `deploy/${name} has a part "${part}"`)
  const lines = found.split('\n').slice(1)
  const isOpen = part === 'root'
  // In the other variants each line is commented out, with a `#` and no space.
  for (const line of lines) assert.ok(isOpen || /^\s*(#|$)/.test(line), `"${line}" is commented out`)
  return [before, ...isOpen ? lines : lines.map(line => line.replace('#', '')), after].join('\n')
}

/** Replaces all occurrences in a text; there must be at least one. */
const replaceAllOf = (text, from, to) => {
  assert.ok(text.includes(from), `"${from}" is in the file`)
  return text.replaceAll(from, to)
}

/** @typedef {(serverPort: number, part: keyof typeof PARTS) => Promise<{ port: number, stop: () => Promise<void> }>} Start in front of a server's port */

const nginx = program => /** @type {Start} */ async (serverPort, part) => {
  const { folder, certificate, key, release } = await makeFolder()
  const port = await freePort()
  const site = replaceOnce(documented('nginx.conf', part), [
    ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
    ['    listen [::]:443 ssl;\n', ''],
    ['server 127.0.0.1:8000;', `server 127.0.0.1:${serverPort};`],
    ['/etc/ssl/tracker.example.org.pem', certificate],
    ['/etc/ssl/tracker.example.org.key', key]
  ])
  return runNginx(folder, site, port, release, program)
}

export const startNginx = nginx('nginx')
export const startCurrentNginx = nginx(CURRENT_NGINX)

/** @type {Start} */
export async function startHaproxy (serverPort, part) {
  const { folder, certificate, key, release } = await makeFolder()
  const port = await freePort()
  const both = join(folder, 'both.pem')
  await writeFile(both, await readFile(certificate, 'utf8') + await readFile(key, 'utf8'))
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, replaceOnce(documented('haproxy.cfg', part), [
    ['bind :::443 v4v6 ssl', `bind 127.0.0.1:${port} ssl`],
    ['/etc/haproxy/tracker.example.org.pem', both],
    // The comment above the settings contains this address with other words before it.
    ['server hub 127.0.0.1:8000', `server hub 127.0.0.1:${serverPort}`],
    ['maxconn 40000', 'maxconn 400']
  ]))
  return run('haproxy', ['-db', '-f', file], port, release)
}

/** @type {Start} */
export async function startCaddy (serverPort, part) {
  const { folder, certificate, key, release } = await makeFolder()
  const port = await freePort()
  const site = replaceOnce(replaceAllOf(documented('Caddyfile', part), '127.0.0.1:8000\n', `127.0.0.1:${serverPort}\n`), [
    // Otherwise Caddy would order a certificate and open port 80 for redirects.
    ['\ntracker.example.org {\n', `\nhttps://127.0.0.1:${port} {\n\ttls ${certificate} ${key}\n\tbind 127.0.0.1\n`]
  ])
  const file = join(folder, 'Caddyfile')
  // Otherwise Caddy would create its own CA and add it to the trust store of this machine.
  await writeFile(file, `{\n\tadmin off\n\tauto_https off\n\tskip_install_trust\n\tstorage file_system ${folder}\n}\n${site}`)
  return run('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], port, release, { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder })
}

const MODULES = ['mpm_event', 'authz_core', 'alias', 'proxy', 'proxy_http', 'ssl', 'socache_shmcb']

/** @type {Start} */
export async function startApache (serverPort, part) {
  const { folder, certificate, key, release } = await makeFolder()
  const port = await freePort()
  const site = replaceOnce(replaceAllOf(documented('apache.conf', part), 'http://127.0.0.1:8000', `http://127.0.0.1:${serverPort}`), [
    ['<VirtualHost *:443>', `<VirtualHost 127.0.0.1:${port}>`],
    ['/etc/ssl/tracker.example.org.pem', certificate],
    ['/etc/ssl/tracker.example.org.key', key]
  ])
  const modules = join(dirname(find('apache2') ?? ''), '..', 'lib', 'apache2', 'modules')
  const file = join(folder, 'apache2.conf')
  // Debian compiles it with folders that exist only if it is installed.
  await writeFile(file, `
ServerRoot ${folder}
ServerName 127.0.0.1
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache2.pid
ErrorLog ${folder}/error.log
${process.getuid?.() === 0 ? 'User nobody\nGroup nogroup' : ''}
${MODULES.map(name => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
Listen 127.0.0.1:${port}
${site}`)
  return run('apache2', ['-D', 'FOREGROUND', '-d', folder, '-f', file], port, release)
}
