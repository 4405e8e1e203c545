// An HLS stream of silence, whose frames need no encoder.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

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
