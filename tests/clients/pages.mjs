// The pages in which browser tests run third-party libraries, and users that open them.

import { fileURLToPath } from 'node:url'
import { newUser, startStatic, within } from '../support/index.mjs'

const IMPORTS = {
  imports: {
    'p2p-media-loader-core': '/nm/p2p-media-loader-core/dist/p2p-media-loader-core.es.js',
    '@trystero-p2p/core': '/nm/@trystero-p2p/core/dist/index.mjs',
    '@trystero-p2p/torrent': '/nm/@trystero-p2p/torrent/dist/index.mjs'
  }
}

const page = script => `<!doctype html><html lang="en"><title>${script}</title>
<script type="importmap">${JSON.stringify(IMPORTS)}</script><script type="module" src="/clients/${script}"></script>`

const LIBRARIES = ['webtorrent', 'trystero', 'p2p-media-loader']

/**
 * Starts a web server with one page for each library: `/webtorrent` and so on.
 * @param {Record<string, string>} [mounts] further folders
 */
export const startSite = mounts => startStatic({
  pages: Object.fromEntries(LIBRARIES.map(name => [`/${name}`, page(`${name}-page.mjs`)])),
  mounts: { '/clients/': fileURLToPath(new URL('.', import.meta.url)), ...mounts }
})

/**
 * Opens `url` as a new user and waits for its module. At the end of the test the page must have no errors and no
 * requests to other hosts.
 * @param {import('node:test').TestContext} t
 */
export async function openPage (t, browser, url, options) {
  const user = await newUser(browser, options)
  t.after(async () => {
    await user.close()
    user.assertClean()
  })
  await user.page.goto(url)
  await user.page.waitForFunction(() => window.ready)
  return {
    ...user,
    /** Calls the global function `name` of the page and returns its result within `ms`. */
    call: (name, argument, ms = 30_000) =>
      within(ms, user.page.evaluate(([name, argument]) => window[name](argument), [name, argument]), `${name}() in the page`),
    seen: () => within(10_000, user.page.evaluate(() => window.seen), 'what the page has seen')
  }
}
