// Reads the memory of browser processes from /proc.

import { readFile, readdir } from 'node:fs/promises'

/** Private bytes (anonymous memory) of the largest page of the Chromium with its profile in `folder`. @param {string} folder */
export const chromiumMemory = folder => pageMemory({
  isBrowser: ({ command }) => command.includes(`--user-data-dir=${folder}`) && !command.some(part => part.startsWith('--type=')),
  isPage: ({ command }) => command.includes('--type=renderer')
}, folder)

/** The same of the Firefox that `launchFirefoxIn` started in `folder`. @param {string} folder */
export const firefoxMemory = folder => pageMemory({
  isBrowser: ({ home, command }) => home === folder && /firefox/.test(command[0]) && !command.includes('-contentproc'),
  isPage: ({ command }) => command.includes('-contentproc') && command.includes('tab')
}, folder)

/** @typedef {{ pid: number, parent: number, command: string[], home: string | undefined, anonymous: number }} Process */

/** @param {{ isBrowser: (one: Process) => boolean, isPage: (one: Process) => boolean }} is @param {string} folder @returns {Promise<number>} */
async function pageMemory ({ isBrowser, isPage }, folder) {
  const processes = (await Promise.all((await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(describe))).filter(one => one !== null)
  const browser = processes.find(isBrowser)
  if (!browser) throw new Error(`no browser runs in ${folder}`)
  const parents = new Map(processes.map(({ pid, parent }) => [pid, parent]))
  const isOurs = pid => pid === browser.pid || (parents.has(pid) && isOurs(parents.get(pid)))
  const pages = processes.filter(one => isPage(one) && isOurs(one.pid))
  if (pages.length === 0) throw new Error(`the browser in ${folder} has no page`)
  return Math.max(...pages.map(({ anonymous }) => anonymous))
}

/** @param {string} pid @returns {Promise<Process | null>} null: ended meanwhile */
async function describe (pid) {
  try {
    const [status, command, environment] = await Promise.all(['status', 'cmdline', 'environ'].map(name => readFile(`/proc/${pid}/${name}`, 'utf8')))
    const field = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
    // Chromium separates the arguments of its child processes with blanks.
    return { pid: Number(pid), parent: field('PPid'), command: command.split(/[\0 ]/), home: /(?:^|\0)HOME=([^\0]*)/.exec(environment)?.[1], anonymous: field('RssAnon') * 1024 }
  } catch {
    return null
  }
}
