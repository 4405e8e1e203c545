// Browsers in homes. They trust the authority of the lab, hide local addresses behind mDNS names as for real users, and have
// no microphone permission, which would show these addresses.

import { mkdirSync, writeFileSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { createCertificateStore } from '../support/certificate-store.mjs'
import { shellPath, launchFirefoxIn } from '../support/index.mjs'

const LAUNCH_MS = 60_000
const CHROMIUM_ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-breakpad'
]

/**
 * Starts a browser in the namespace of a home.
 * @param {'chromium' | 'firefox'} browser
 * @param {{ home: string, folder: string, authority: string }} where `folder`: for its profile and its start script
 */
export async function launch (browser, { home, folder, authority }) {
  const own = `${folder}/${browser}-${home}`
  mkdirSync(own)
  if (browser === 'firefox') return launchFirefoxIn({ folder: own, home, authority })
  const executablePath = `${own}/chromium`
  writeFileSync(executablePath, `#!/bin/sh\nexec nsenter --net=/run/netns/${home} "${shellPath()}" "$@"\n`, { mode: 0o755 })
  createCertificateStore(`${own}/.pki/nssdb`, authority)
  return chromium.launch({ executablePath, args: CHROMIUM_ARGS, env: { ...process.env, HOME: own }, timeout: LAUNCH_MS })
}

/** The only page of each browser. @type {WeakMap<import('playwright-core').Browser, Promise<import('playwright-core').Page>>} */
const pages = new WeakMap()

/**
 * Returns the page of a browser. The cases use the same one, because a second visit takes half the processor time of a first
 * one: its scripts are cached and compiled.
 */
export function pageOf (browser) {
  if (!pages.has(browser)) pages.set(browser, newPage(browser))
  return pages.get(browser)
}

async function newPage (browser) {
  const context = await browser.newContext({ acceptDownloads: true })
  await context.addInitScript(watchConnections)
  const page = await context.newPage()
  // Leaving a share is a question.
  page.on('dialog', dialog => dialog.accept().catch(() => {}))
  return page
}

/** Runs in each page first: records connections, all states of ICE, when the first one is established, and sent offers. */
function watchConnections () {
  const lab = window.__lab = { connections: [], states: new Set(), connectedAt: 0, hasOffered: false }
  const Native = window.RTCPeerConnection
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor (...args) {
      super(...args)
      lab.connections.push(this)
      this.addEventListener('iceconnectionstatechange', () => lab.states.add(this.iceConnectionState))
      this.addEventListener('connectionstatechange', () => {
        if (this.connectionState === 'connected') lab.connectedAt ||= Date.now()
      })
    }
  }
  const { send } = WebSocket.prototype
  WebSocket.prototype.send = function (data) {
    if (String(data).includes('"offers":[{')) lab.hasOffered = true
    send.call(this, data)
  }
}

/**
 * Returns what the page did so far. `answered`: connections with both descriptions, so that only the network can prevent
 * them; `states`: those that ICE has had, "new" if it had nothing to try; `path`: the candidate types of the first established one, its own first.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<{ connectedAt: number, hasOffered: boolean, answered: number, states: string, path: string }>}
 */
export const connectionReport = page => page.evaluate(async () => {
  const { connections, states, connectedAt, hasOffered } = window.__lab
  // A closed connection has no descriptions in Firefox: reading them throws.
  const open = connections.filter(one => one.signalingState !== 'closed')
  const answered = open.filter(one => one.localDescription && one.remoteDescription).length
  const established = connections.find(one => one.connectionState === 'connected')
  return { connectedAt, hasOffered, answered, states: [...states].join('/') || 'new', path: established ? await pathOf(established) : '' }

  async function pathOf (connection) {
    const reports = [...(await connection.getStats()).values()]
    const byId = id => reports.find(report => report.id === id)
    const selected = byId(reports.find(({ type }) => type === 'transport')?.selectedCandidatePairId) ??
      reports.find(({ type, selected, nominated, state }) => type === 'candidate-pair' && (selected || (nominated && state === 'succeeded')))
    if (!selected) return ''
    return [selected.localCandidateId, selected.remoteCandidateId].map(id => {
      const { candidateType, relayProtocol, address } = byId(id)
      return `${candidateType}${relayProtocol ? `:${relayProtocol}` : ''}${address?.includes(':') ? '/6' : ''}`
    }).join('>')
  }
})
