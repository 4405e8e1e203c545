// Runs the Autobahn WebSocket suite against the connection code of the tracker, which echoes messages
// (examples/echo.rs). Each case of the suite is one test; the full report is in target/autobahn/.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { root } from '../support/server.mjs'
import { within } from '../support/wait.mjs'

const START_MS = 20_000
const SUITE_MS = 300_000
const AGENT = 'swarmhub'

/** Cases of compression, which the tracker never negotiates. */
const EXCLUDED = ['12.*', '13.*']

/** Cases that may be non-strict, and the reason. */
const LENIENT = {
  '6.4.3': 'text is checked at the end of each frame, not while a frame arrives',
  '6.4.4': 'text is checked at the end of each frame, not while a frame arrives'
}

const wstest = process.env.WSTEST ?? ''
const echo = process.env.ECHO_BIN ?? ''
const folder = join(process.env.TESTS_TARGET ?? join(root, 'target'), 'autobahn')

/** Runs the suite and returns its cases: number, behaviour, behaviour at the close. */
async function runSuite () {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const server = spawn(echo, { stdio: ['ignore', 'pipe', 'inherit'] })
  const kill = () => server.kill('SIGKILL')
  process.once('exit', kill)
  try {
    const failed = new Promise((resolve, reject) => {
      server.once('error', reject)
      server.once('exit', code => reject(new Error(`the echo server ended with ${code}`)))
    })
    const port = new Promise(resolve => createInterface({ input: server.stdout }).once('line', resolve))
    const url = `ws://127.0.0.1:${await within(START_MS, Promise.race([port, failed]), 'the port of the echo server')}`
    const spec = join(folder, 'spec.json')
    const servers = [{ agent: AGENT, url }]
    await writeFile(spec, JSON.stringify({ outdir: folder, servers, cases: ['*'], 'exclude-cases': EXCLUDED, 'exclude-agent-cases': {} }))
    await Promise.race([runClient(spec), failed])
  } finally {
    server.removeAllListeners('exit')
    kill()
    process.off('exit', kill)
  }
  const report = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))
  return Object.entries(report[AGENT]).sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
}

async function runClient (spec) {
  const client = spawn(wstest, ['-m', 'fuzzingclient', '-s', spec], { cwd: folder, stdio: 'inherit' })
  const kill = () => client.kill('SIGKILL')
  process.once('exit', kill)
  const ended = new Promise((resolve, reject) => {
    client.once('error', reject)
    client.once('close', resolve)
  })
  try {
    assert.equal(await within(SUITE_MS, ended, 'the end of the suite'), 0, 'exit code of wstest')
  } finally {
    kill()
    process.off('exit', kill)
  }
}

if (!existsSync(wstest) || !existsSync(echo)) {
  test('the Autobahn suite', { skip: 'WSTEST and ECHO_BIN are not set; tests/run autobahn sets both' }, () => {})
} else {
  const cases = await runSuite()
  const remarkable = cases.filter(([, found]) => found.behavior !== 'OK' || found.behaviorClose !== 'OK')
  const counts = new Map()
  for (const [, { behavior }] of cases) counts.set(behavior, (counts.get(behavior) ?? 0) + 1)
  const lines = [
    ...remarkable.map(([id, found]) => `case ${id}: ${found.behavior}, close ${found.behaviorClose} (${found.remoteCloseCode})${id in LENIENT ? `: ${LENIENT[id]}` : ''}`),
    `${cases.length} cases: ${[...counts].map(([behavior, count]) => `${count} ${behavior}`).join(', ')}`
  ]
  await writeFile(join(folder, 'summary.txt'), lines.join('\n') + '\n')

  test('the suite ran completely', () => {
    const chapters = new Set(cases.map(([id]) => id.split('.')[0]))
    assert.deepEqual([...chapters], ['1', '2', '3', '4', '5', '6', '7', '9', '10'])
    assert.ok(cases.length >= 300, `${cases.length} cases`)
  })
  describe('case', () => {
    for (const [id, { behavior, behaviorClose }] of cases) {
      test(id, () => {
        const accepted = id in LENIENT ? ['OK', 'NON-STRICT', 'INFORMATIONAL'] : ['OK', 'INFORMATIONAL']
        assert.ok(accepted.includes(behavior), behavior)
        assert.ok(['OK', 'INFORMATIONAL'].includes(behaviorClose), `close ${behaviorClose}`)
      })
    }
  })
}
