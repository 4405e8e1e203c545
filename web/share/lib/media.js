// @ts-check
// Which files may be shown inside the page, and as what. Only types that cannot run script in our origin are
// on the list; HTML, SVG and XML are shown as text. Knows no DOM; used by the preview and the stream server.

/** @typedef {'video' | 'audio' | 'image' | 'pdf' | 'text'} PreviewKind */

/** @type {Record<string, [PreviewKind, string]>} */
const BY_ENDING = {}
/** @param {PreviewKind} kind @param {Record<string, string>} types media type → endings */
const add = (kind, types) => {
  for (const [type, endings] of Object.entries(types)) {
    for (const ending of endings.split(' ')) BY_ENDING[ending] = [kind, type]
  }
}
add('video', {
  'video/mp4': 'mp4 m4v',
  'video/webm': 'webm',
  'video/ogg': 'ogv',
  'video/quicktime': 'mov',
  'video/x-matroska': 'mkv'
})
add('audio', {
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'audio/aac': 'aac',
  'audio/ogg': 'ogg oga opus',
  'audio/wav': 'wav',
  'audio/flac': 'flac',
  'audio/webm': 'weba'
})
add('image', {
  'image/jpeg': 'jpg jpeg jfif',
  'image/png': 'png apng',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/avif': 'avif',
  'image/bmp': 'bmp'
})
add('pdf', { 'application/pdf': 'pdf' })
add('text', {
  'text/plain':
    'txt text md markdown log csv tsv json jsonl ndjson yaml yml toml ini cfg conf env xml svg html htm xhtml css scss ' +
    'js mjs cjs ts jsx tsx vue py rb rs go c h cpp hpp cc java kt swift php pl lua sh bash zsh fish ps1 bat sql r tex bib srt vtt ' +
    'diff patch rst adoc org gitignore dockerfile makefile nfo'
})

/** Part of a text that is read for a preview, in bytes. */
export const TEXT_BYTES_MAX = 256 * 1024

/** @param {string} name @returns {PreviewKind | null} null: cannot be shown */
export const previewKind = name => lookup(name)?.[0] ?? null

/** The media type a file is served with inside the page; never one that runs script. @param {string} name */
export const safeType = name => lookup(name)?.[1] ?? 'application/octet-stream'

/** @param {string} name */
function lookup(name) {
  const base = name.slice(name.lastIndexOf('/') + 1).toLowerCase()
  const ending = base.slice(base.lastIndexOf('.') + 1)
  return Object.hasOwn(BY_ENDING, ending) ? BY_ENDING[ending] : undefined
}
