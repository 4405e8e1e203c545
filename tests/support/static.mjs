// A static web server on 127.0.0.1 for pages and libraries that a test loads into the browser. It serves only the
// folders and texts that the test names.

import { createServer } from 'node:http'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of npm packages, served as `/nm/`. */
export const nodeModules = fileURLToPath(new URL('../node_modules/', import.meta.url))

/** This folder, for modules that also run in a page, served as `/support/`. */
export const support = fileURLToPath(new URL('.', import.meta.url))

const MOUNTS = { '/nm/': nodeModules, '/support/': support }

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.mp4': 'video/mp4',
  '.webm': 'video/webm'
}

/**
 * @param {{ pages?: Record<string, string>, mounts?: Record<string, string> }} [options] `pages`: path → HTML;
 *   `mounts`: path prefix with a slash at both ends → folder, besides `/nm/` and `/support/`
 */
export async function startStatic ({ pages = {}, mounts = {} } = {}) {
  const folders = { ...MOUNTS, ...mounts }
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname)
    if (path in pages) return send(response, 200, TYPES['.html'], pages[path])
    const prefix = Object.keys(folders).find(prefix => path.startsWith(prefix))
    const file = prefix && fileIn(folders[prefix], path.slice(prefix.length))
    const found = file && await stat(file).then(s => s.isFile(), () => false)
    // Browsers request an icon from every site; a 404 would count as a console error of the page under test.
    if (path === '/favicon.ico') return send(response, 204, 'image/x-icon', '')
    if (!found) return send(response, 404, 'text/plain', 'not found')
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'cache-control': 'no-store' })
    createReadStream(file).on('error', () => response.destroy()).pipe(response)
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    async close () {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
  }
}

function send (response, status, type, body) {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}

/** Returns the file under `folder`, or undefined for a path outside of it. */
function fileIn (folder, path) {
  const base = normalize(join(folder, sep))
  const file = normalize(join(base, path))
  return file.startsWith(base) ? file : undefined
}
