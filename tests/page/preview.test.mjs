// Previews of files in the page while they load; no file can run code there.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { eventually, pattern } from '../support/index.mjs'
import { STEP_MS, download, downloadButton, inMemory, inspect, open, picture, row, share, slowDown, stage } from './support.mjs'

// The headless shell shows no PDF.
const { here, withUsers } = stage({ isWhole: true })
const clip = await readFile(new URL('./fixtures/clip.webm', import.meta.url))

test('a video plays and seeks in the page without a download first', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, [inMemory('film.webm', clip), inMemory('other.bin', pattern(3_000_000, 11))])
  await open(bob.page, link)
  await bob.page.getByRole('button', { name: 'Open film.webm' }).click()
  const video = bob.page.locator('video')
  await video.evaluate(video => { video.muted = true; return video.play() })
  await eventually(STEP_MS, () => video.evaluate(video => video.currentTime > 0.3), 'the video to play')
  assert.equal(await bob.page.locator('[data-action=download]:visible').count(), 1, 'the download was not started')
  assert.deepEqual(await video.evaluate(video => [video.videoWidth, video.videoHeight, Math.round(video.duration)]), [128, 72, 3])
  for (const time of [2.5, 0.2]) {
    await video.evaluate((video, time) => { video.currentTime = time }, time)
    await eventually(STEP_MS, () => video.evaluate((video, time) => !video.seeking && Math.abs(video.currentTime - time) < 1, time), `a jump to ${time} s`)
  }
  await inspect(bob.page, 'preview-video')
  await bob.page.getByRole('button', { name: 'Close preview' }).click()
  assert.equal(await bob.page.locator('video').count(), 0)
  assert.equal(await bob.page.evaluate(() => document.querySelector('swarm-share').shadowRoot.activeElement.getAttribute('aria-label')), 'Open film.webm')
}))

test('a loading file plays from its first pieces, and seeking loads its target first', withUsers(2, async (alice, bob) => {
  const path = join(here.folder, 'concert.wav')
  await writeFile(path, wav(44_100, 400))
  const link = await share(alice.page, here.server.page, path)
  await open(bob.page, link)
  await slowDown(alice.page)
  await downloadButton(bob.page).click()
  await bob.page.getByRole('button', { name: 'Open concert.wav' }).click()
  const audio = bob.page.locator('audio')
  const received = () => bob.page.evaluate(() => window.__dataChannels.bytesReceived)
  await audio.evaluate(audio => { audio.muted = true; return audio.play() })
  await eventually(STEP_MS, () => audio.evaluate(audio => audio.currentTime > 0.3), 'the sound to play')
  const atStart = await received()
  await audio.evaluate(audio => { audio.currentTime = 320 })
  await eventually(STEP_MS, () => audio.evaluate(audio => audio.currentTime > 320.3), 'the sound to go on after the jump')
  const afterJump = await received()
  // 320 of 400 s is four fifths of the file.
  assert.ok(atStart < 7_000_000 && afterJump < 13_000_000, `${atStart} and ${afterJump} of 17640044 bytes received`)
}))

test('pictures, sound, text and PDF open in the page', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, [
    inMemory('dot.png', png(40, 30)), inMemory('tone.wav', wav(8000)), inMemory('notes.md', '# Über\n<b>bold</b>'), inMemory('paper.pdf', PDF), inMemory('data.bin', pattern(1000))
  ])
  await open(bob.page, link)
  await download(bob.page)
  assert.equal(await bob.page.getByRole('button', { name: 'Open data.bin' }).count(), 0)

  await bob.page.getByRole('button', { name: 'Open dot.png' }).click()
  const image = bob.page.locator('.preview-stage img')
  await eventually(STEP_MS, () => image.evaluate(image => image.complete && image.naturalWidth === 40), 'the picture')

  await bob.page.getByRole('button', { name: 'Open tone.wav' }).click()
  await eventually(STEP_MS, () => bob.page.locator('audio').evaluate(audio => audio.readyState >= 1 && Math.round(audio.duration) === 1), 'the sound')

  await bob.page.getByRole('button', { name: 'Open notes.md' }).click()
  await bob.page.getByLabel('Text of the file').getByText('# Über').waitFor()
  assert.equal(await bob.page.getByLabel('Text of the file').textContent(), '# Über\n<b>bold</b>')
  await inspect(bob.page, 'preview-text')

  await bob.page.getByRole('button', { name: 'Open paper.pdf' }).click()
  const frame = bob.page.locator('iframe.preview-pdf')
  await frame.waitFor()
  await eventually(STEP_MS, () => bob.page.frames().some(frame => frame.url().startsWith('chrome-extension:')), 'the PDF viewer of the browser')
  await picture(bob.page, 'preview-pdf')
  const answer = await bob.page.evaluate(async url => {
    const response = await fetch(url, { headers: { range: 'bytes=0-3' } })
    return [response.status, response.headers.get('content-type'), response.headers.get('content-range'), await response.text()]
  }, await frame.getAttribute('src'))
  assert.deepEqual(answer, [206, 'application/pdf', `bytes 0-3/${PDF.length}`, '%PDF'])
}))

test('received files cannot run code in the page', withUsers(2, async (alice, bob) => {
  const attack = '<script>parent.hacked = top.hacked = self.hacked = true</script><svg xmlns="http://www.w3.org/2000/svg" onload="self.hacked=true"/>'
  const names = ['evil.html', 'evil.svg', 'evil.xml', '"><img src=x onerror=hacked=true>.txt']
  const link = await share(alice.page, here.server.page, names.map(name => inMemory(name, attack)))
  await open(bob.page, link)
  await download(bob.page)
  for (const name of names) {
    await row(bob.page, name).getByRole('button', { name: 'Open' }).click()
    const text = bob.page.getByLabel('Text of the file')
    await eventually(STEP_MS, async () => await text.textContent() === attack, `${name} as text`)
  }
  assert.equal(await bob.page.evaluate(() => window.hacked), undefined)
}))

test('service worker URLs give no script, no style and no data of other pages', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, [inMemory('dot.png', png(4, 4)), inMemory('code.js', 'self.hacked = true')])
  await open(bob.page, link)
  await download(bob.page)
  await bob.page.getByRole('button', { name: 'Open dot.png' }).click()
  const url = await bob.page.locator('.preview-stage img').getAttribute('src')
  const seen = await bob.page.evaluate(async url => {
    const outcome = (element, attributes) => new Promise(resolve => {
      Object.assign(element, attributes, { onload: () => resolve('loaded'), onerror: () => resolve('refused') })
      document.head.append(element)
    })
    const status = async address => (await fetch(address)).status
    const [, client] = /stream\/([^/]+)/.exec(url)
    return {
      // Trusted Types allow no script element here; an import makes the same request.
      script: await import(url).then(() => 'loaded', () => 'refused'),
      style: await outcome(document.createElement('link'), { rel: 'stylesheet', href: url }),
      post: (await fetch(url, { method: 'POST' })).status,
      otherToken: await status(url.replace(/[^/-]+$/, '000000000000')),
      otherClient: await status('/stream/no-such-client/x/x'),
      nosniff: (await fetch(url)).headers.get('x-content-type-options')
    }
  }, url)
  assert.deepEqual(seen, { script: 'refused', style: 'refused', post: 405, otherToken: 404, otherClient: 410, nosniff: 'nosniff' })
}, { allow: [/the server responded with a status of (403|404|405|410)/, /Refused to (execute script|apply style) from/] }))

/** @param {number} width @param {number} height */
function png (width, height) {
  const crcTable = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0 })
  const crc = bytes => { let c = 0xffffffff; for (const byte of bytes) c = crcTable[(c ^ byte) & 255] ^ (c >>> 8); return (c ^ 0xffffffff) >>> 0 }
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length)
    body.copy(out, 4)
    out.writeUInt32BE(crc(body), body.length + 4)
    return out
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width)
  head.writeUInt32BE(height, 4)
  head.set([8, 2, 0, 0, 0], 8)
  const pixels = Buffer.alloc(height * (1 + 3 * width), 0x7f)
  for (let y = 0; y < height; y++) pixels[y * (1 + 3 * width)] = 0
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(pixels)), chunk('IEND', Buffer.alloc(0))])
}

/** A silent WAV file with one byte per sample, so that byte positions match times. @param {number} rate @param {number} [seconds] */
function wav (rate, seconds = 1) {
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + rate * seconds, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(rate, 28)
  head.writeUInt16LE(1, 32)
  head.writeUInt16LE(8, 34)
  head.write('data', 36)
  head.writeUInt32LE(rate * seconds, 40)
  return Buffer.concat([head, Buffer.alloc(rate * seconds, 128)])
}

const PDF = Buffer.from(`%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj
4 0 obj<</Length 44>>stream
BT /F1 24 Tf 40 100 Td (Hello from PDF) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
`)
