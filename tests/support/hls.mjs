// An HLS stream of silence, whose frames need no encoder.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from './wait.mjs'

export const SEGMENTS = 20
export const SEGMENT_SECONDS = 4
const SAMPLE_RATE = 44_100
const FORMATS = {
  // An ADTS header (ISO/IEC 13818-7, 6.2) for 44.1 kHz and one channel, and a silent frame.
  aac: { frame: Buffer.from('fff1504001bffc' + '00c800802380', 'hex'), samples: 1024 },
  // MPEG-1 layer III (ISO/IEC 11172-3, 2.4.1) with 128 kbit/s, 44.1 kHz and one channel: all values are zero.
  mp3: { frame: Buffer.concat([Buffer.from('fffb90c4', 'hex'), Buffer.alloc(413)]), samples: 1152 }
}

/** Writes stream.m3u8 and its segments. @param {string} folder @param {keyof typeof FORMATS} [format] Firefox has no decoder of its own for AAC */
export async function writeStream (folder, format = 'aac') {
  const { frame, samples } = FORMATS[format]
  const frames = Math.ceil(SEGMENT_SECONDS * SAMPLE_RATE / samples)
  const segment = Buffer.concat(Array(frames).fill(frame))
  const seconds = frames * samples / SAMPLE_RATE
  const names = Array.from({ length: SEGMENTS }, (_, i) => `${i}.${format}`)
  await Promise.all(names.map(name => writeFile(join(folder, name), segment)))
  const lines = ['#EXTM3U', '#EXT-X-VERSION:3', `#EXT-X-TARGETDURATION:${SEGMENT_SECONDS + 1}`, '#EXT-X-PLAYLIST-TYPE:VOD']
  for (const name of names) lines.push(`#EXTINF:${seconds.toFixed(3)},`, name)
  await writeFile(join(folder, 'stream.m3u8'), [...lines, '#EXT-X-ENDLIST', ''].join('\n'))
}

/**
 * Lets pages of docs/own-client.md watch the stream, one after another: the first loads it from the server, the others get
 * most segments from those before them.
 * @param {import('playwright-core').Page[]} pages @param {string} url @param {number} ms for each step
 */
export async function watchInTurn ([first, ...others], url, ms) {
  const counts = async page => (await page.locator('#state').textContent()).match(/\d+/g)?.map(Number) ?? [0, 0]
  await first.goto(url)
  for (let part = 0; part < SEGMENTS; part += 4) {
    await first.locator('#video').evaluate((video, seconds) => { video.currentTime = seconds }, part * SEGMENT_SECONDS)
    await eventually(ms, async () => (await counts(first))[1] >= Math.min(part + 3, SEGMENTS - 2), `segments from ${part}`)
  }
  for (const page of others) {
    await page.goto(url)
    await eventually(ms, async () => {
      const [fromPeers, fromServer] = await counts(page)
      return fromPeers > fromServer && fromPeers >= 4
    }, 'most segments from the others')
  }
}
