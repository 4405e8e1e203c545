// Reads the memory of browser processes from /proc.

import { readFile, readdir } from 'node:fs/promises'

/**
 * Returns the private bytes (anonymous memory) of the largest page of the browser with its profile in `folder`.
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

/** @param {string} pid @returns {Promise<{ pid: number, parent: number, command: string[], anonymous: number } | null>} null: ended meanwhile */
async function describe (pid) {
  try {
    const [status, command] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readFile(`/proc/${pid}/cmdline`, 'utf8')])
    const field = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
    // Chromium separates the arguments of its child processes with blanks.
    return { pid: Number(pid), parent: field('PPid'), command: command.split(/[\0 ]/), anonymous: field('RssAnon') * 1024 }
  } catch {
    return null
  }
}
