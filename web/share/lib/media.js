// @ts-check
// The file types that the page can show. The list has only types that cannot run script in our origin; HTML, SVG and XML
// are shown as text. It uses no DOM. The preview and the stream server use it.

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

/** A preview of a text reads only this many bytes. */
export const TEXT_BYTES_MAX = 256 * 1024

/** @param {string} name @returns {PreviewKind | null} null: the page cannot show it */
export const previewKind = name => lookup(name)?.[0] ?? null

/** Returns the media type of a file for previews; never one that can run script. @param {string} name */
export const safeType = name => lookup(name)?.[1] ?? 'application/octet-stream'

/** @param {string} name */
function lookup(name) {
  const base = name.slice(name.lastIndexOf('/') + 1).toLowerCase()
  const ending = base.slice(base.lastIndexOf('.') + 1)
  return Object.hasOwn(BY_ENDING, ending) ? BY_ENDING[ending] : undefined
}
