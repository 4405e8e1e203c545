// The memory of the processes of a browser, from /proc.

import { readFile, readdir } from 'node:fs/promises'

/**
 * Private bytes (anonymous memory) of the biggest page of the browser whose profile is in `folder`.
 * @param {string} folder @returns {Promise<number>}
 */
export async function rendererMemory (folder) {
  const processes = (await Promise.all((await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(describe))).filter(one => one !== null)
  const browser = processes.find(({ command }) => command.includes(`--user-data-dir=${folder}`) && !command.some(part => part.startsWith('--type=')))
  if (!browser) throw new Error(`no browser has the profile ${folder}`)
  const parents = new Map(processes.map(({ pid, parent }) => [pid, parent]))
  const isOurs = pid => pid === browser.pid || (parents.has(pid) && isOurs(parents.get(pid)))
  const pages = processes.filter(({ pid, command }) => command.includes('--type=renderer') && isOurs(pid))
  return Math.max(...pages.map(({ anonymous }) => anonymous))
}

/** @param {string} pid @returns {Promise<{ pid: number, parent: number, command: string[], anonymous: number } | null>} null: gone meanwhile */
async function describe (pid) {
  try {
    const [status, command] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readFile(`/proc/${pid}/cmdline`, 'utf8')])
    const field = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
    // Chromium writes the command lines of its children with blanks.
    return { pid: Number(pid), parent: field('PPid'), command: command.split(/[\0 ]/), anonymous: field('RssAnon') * 1024 }
  } catch {
    return null
  }
}
