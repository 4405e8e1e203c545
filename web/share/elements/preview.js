// @ts-check
// <swarm-preview>: shows one file inside the page during its download: video, audio, image, PDF or text. Only types that
// cannot run script get an address; other files are shown as text. Fires `preview-close` with the index of the file.

import { button, define, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { formatBytes } from '../../common/format.js'
import { t } from '../../common/words.js'
import { previewKind, safeType, TEXT_BYTES_MAX } from '../lib/media.js'
import { safeFileName, shownName } from '../lib/names.js'
import { publicFile } from '../lib/public-file.js'

/** @typedef {import('../core/transfer.js').Transfer} Transfer */
/** @typedef {import('../core/transfer.js').FileState} FileState */
/** @typedef {import('../core/stream-server.js').StreamServer} StreamServer */

/** @typedef {'video' | 'audio' | 'image' | 'pdf'} MediaKind */

/** Without a service worker, the browser holds the shown file as a whole. */
const BLOB_BYTES_MAX = 256 * 1024 * 1024
const notStreamed = () =>
  t('The page has no service worker here, as in some private windows, so it shows the file only when it is complete.')
const tooBig = () =>
  t(
    'The page has no service worker here, as in some private windows, so it shows no file of this size. Save it to open it.'
  )

export class SwarmPreview extends SwarmElement {
  /** @type {(() => void) | null} */
  #revoke = null
  /** @type {ReadableStreamDefaultReader<Uint8Array> | null} */
  #reader = null

  /**
   * @param {Transfer} transfer @param {FileState} file @param {StreamServer | null} server
   * @param {{ takesFocus?: boolean }} [options] `takesFocus`: on by default
   */
  show(transfer, file, server, { takesFocus = true } = {}) {
    this.close()
    const title = h('h2', { tabindex: -1, class: 'preview-title' }, shownName(file.name))
    const stage = h('div', { class: 'preview-stage' })
    this.replaceChildren(
      h(
        'section',
        {
          class: 'card preview',
          part: 'card',
          'aria-label': () => t('Preview of {name}', { name: shownName(file.name) })
        },
        h(
          'div',
          { class: 'preview-head' },
          title,
          button(
            () => t('Close'),
            () => {
              this.close()
              emit(this, 'preview-close', file.index)
            },
            { icon: 'close', kind: 'quiet', name: () => t('Close preview'), id: 'preview-close' }
          )
        ),
        stage
      )
    )
    this.hidden = false
    if (takesFocus) title.focus()
    const kind = previewKind(file.name)
    if (kind === 'text') this.#showText(stage, transfer, file)
    else if (kind && server) this.#showMedia(stage, kind, file, this.#publish(transfer, file, server))
    else if (kind && file.done && file.size <= BLOB_BYTES_MAX) this.#showBlob(stage, kind, transfer, file)
    else stage.append(h('p', { class: 'hint' }, file.done ? tooBig : notStreamed))
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    signal.addEventListener('abort', () => this.close())
  }

  /** Removes the file from the page and releases its pieces. */
  close() {
    for (const media of this.querySelectorAll('video, audio')) {
      const player = /** @type {HTMLMediaElement} */ (media)
      player.removeAttribute('src')
      player.load()
    }
    this.#revoke?.()
    this.#revoke = null
    this.#reader?.cancel().catch(() => {})
    this.#reader = null
    this.replaceChildren()
    this.hidden = true
  }

  /** Shows a complete file without a service worker. @param {HTMLElement} stage @param {MediaKind} kind @param {Transfer} transfer @param {FileState} file */
  async #showBlob(stage, kind, transfer, file) {
    const wait = h('p', { class: 'hint', role: 'status' }, () => t('Loading…'))
    stage.append(wait)
    try {
      const blob = await publicFile(transfer, file).blob()
      wait.remove()
      // Meanwhile the user may have closed the preview or opened another file.
      if (!stage.isConnected) return
      const url = URL.createObjectURL(blob)
      this.#revoke = () => URL.revokeObjectURL(url)
      this.#showMedia(stage, kind, file, url)
    } catch {
      wait.textContent = t('The file could not be read.')
    }
  }

  /** Returns an address of the file during its download. @param {Transfer} transfer @param {FileState} file @param {StreamServer} server */
  #publish(transfer, { index, name, size }, server) {
    const { url, revoke } = server.publish({
      name: safeFileName(name),
      type: safeType(name),
      size,
      attachment: false,
      seekable: true,
      open: (start, end) => transfer.read(index, { start, end })
    })
    this.#revoke = revoke
    return url
  }

  /** @param {HTMLElement} stage @param {MediaKind} kind @param {FileState} file @param {string} url */
  #showMedia(stage, kind, { name }, url) {
    const label = shownName(name)
    const failed = () =>
      stage.replaceChildren(
        h('p', { class: 'hint', role: 'status' }, () =>
          t(
            'This browser cannot show the file: its format is not supported or the file is damaged. Save it to open it with another program.'
          )
        )
      )
    if (kind === 'image') stage.append(h('img', { alt: label, src: url, onerror: failed }))
    else if (kind === 'pdf') stage.append(pdfFrame(label, url))
    else
      stage.append(
        h(kind, {
          controls: true,
          playsinline: true,
          preload: 'metadata',
          'aria-label': label,
          src: url,
          onerror: failed
        })
      )
  }

  /** @param {HTMLElement} stage @param {Transfer} transfer @param {FileState} file */
  async #showText(stage, transfer, { index, size }) {
    const text = h('pre', { class: 'preview-text', tabindex: 0, 'aria-label': () => t('Text of the file') })
    const wait = h('p', { class: 'hint', role: 'status' }, () => t('Loading…'))
    const copy = button(
      () => t('Copy'),
      () => this.#copy(text, wait),
      {
        icon: 'copy',
        name: () => t('Copy the text'),
        id: 'copy-text'
      }
    )
    copy.hidden = true
    stage.append(wait, text, copy)
    const reader = transfer.read(index, { start: 0, end: Math.min(size, TEXT_BYTES_MAX) - 1 }).getReader()
    this.#reader = reader
    const decoder = new TextDecoder()
    let left = Math.min(size, TEXT_BYTES_MAX)
    try {
      while (left > 0) {
        const { value, done } = await reader.read()
        if (done || !value) break
        text.append(decoder.decode(value.subarray(0, left), { stream: true }))
        left -= value.byteLength
      }
      wait.textContent =
        size > TEXT_BYTES_MAX
          ? t('The first {part} of {size}.', { part: formatBytes(TEXT_BYTES_MAX), size: formatBytes(size) })
          : ''
      // A part of a text is seldom worth a copy.
      copy.hidden = size > TEXT_BYTES_MAX
    } catch {
      wait.textContent = t('The text could not be read.')
    } finally {
      reader.cancel().catch(() => {})
    }
  }

  /** @param {HTMLElement} text @param {HTMLElement} status says what became of it */
  async #copy(text, status) {
    try {
      await navigator.clipboard.writeText(text.textContent ?? '')
      setText(status, t('Text copied'))
    } catch {
      getSelection()?.selectAllChildren(text)
      setText(status, t('The browser does not allow copying. The text is selected: copy it with the keyboard'))
    }
  }
}

/** @param {string} label @param {string} url */
const pdfFrame = (label, url) =>
  navigator.pdfViewerEnabled
    ? h('iframe', { class: 'preview-pdf', title: label, src: url })
    : h('p', { class: 'hint' }, () =>
        t('This browser does not show PDF files. Save it to open it with another program.')
      )

define('swarm-preview', SwarmPreview)
