// Starts a real Alertmanager that notifies one webhook of every alert at once.

import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, within } from '../support/index.mjs'

const START_MS = 20_000
const program = process.env.ALERTMANAGER || 'prometheus-alertmanager'

/** Returns why Alertmanager cannot be run here, or nothing. */
export function skipReason () {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
  } catch (error) {
    return `${program} cannot be run: ${error.code ?? error.message}`
  }
}

/** Starts a webhook receiver that stores all notifications. */
export async function startReceiver () {
  const requests = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', part => { text += part }).on('end', () => {
      requests.push({ headers: request.headers, text, body: JSON.parse(text) })
      response.end()
    })
  }).listen(0, '127.0.0.1')
  await within(START_MS, new Promise(resolve => server.once('listening', resolve)), 'a receiver')
  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    requests,
    stop: () => new Promise(resolve => { server.close(resolve); server.closeAllConnections() })
  }
}

async function freePort () {
  const probe = createTcpServer().listen(0, '127.0.0.1')
  await within(START_MS, new Promise(resolve => probe.once('listening', resolve)), 'a free port')
  const { port } = probe.address()
  await new Promise(resolve => probe.close(resolve))
  return port
}

/** @param {string} webhook URL of the receiver */
export async function startAlertmanager (webhook) {
  const folder = await mkdtemp(join(tmpdir(), 'alertmanager-'))
  const config = join(folder, 'config.yml')
  const route = 'route: { receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }\n'
  await writeFile(config, `${route}receivers: [{ name: hook, webhook_configs: [{ url: '${webhook}', send_resolved: true }] }]\n`)
  const port = await freePort()
  const args = [`--config.file=${config}`, `--storage.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address=']
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { log += text })
  const ended = new Promise(resolve => child.once('close', resolve))
  const url = `http://127.0.0.1:${port}`
  const ready = async () => (await fetch(`${url}/-/ready`)).ok
  await eventually(START_MS, ready, () => `Alertmanager\n${log}`)
  return {
    url,
    /** Returns one alert, if Alertmanager has it. */
    alert: async name => {
      const reply = await fetch(`${url}/api/v2/alerts?filter=${encodeURIComponent(`alertname="${name}"`)}`)
      return (await reply.json())[0]
    },
    log: () => log,
    async stop () {
      process.off('exit', kill)
      kill()
      await within(START_MS, ended, 'the end of Alertmanager')
      await rm(folder, { recursive: true })
    }
  }
}
