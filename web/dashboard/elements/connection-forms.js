// @ts-check
// The two dialogs about one connection: closing it, and keeping its address out for a time.

import { button, h } from '../../share/elements/dom.js'
import { plural } from '../../share/lib/format.js'
import { sentence, troubleOf } from '../lib/texts.js'
import { field, hint, openDialog, select } from './parts.js'

/** @typedef {{ connection: string, name: string, about: string, banRefused?: string | null }} One `name`: whom the titles name; `about`: a sentence about it; `banRefused`: why its address cannot be banned */

/** @type {Array<[string, string]>} the longest that the server takes is thirty days */
export const BAN_TIMES = [['3600', '1 hour'], ['86400', '1 day'], ['604800', '7 days'], ['2592000', '30 days']]

const path = (/** @type {One} */ { connection }, /** @type {string} */ act) => `connections/${encodeURIComponent(connection)}/${act}`

/** @param {import('../app.js').App} app @param {One} one @param {(text: string) => void} done */
export function openKick (app, one, done) {
  const { trouble, act } = acting(done)
  const no = button('Cancel', () => dialog.close(), { id: 'cancel' })
  const dialog = openDialog(`Close the connection of ${one.name}?`,
    h('p', {}, `${one.about} Its client may come back at once, and most do; ${one.banRefused ? 'no ban can keep it out.' : 'only a ban keeps it out.'}`),
    one.banRefused ? hint(sentence(one.banRefused)) : null, trouble,
    h('div', { class: 'buttons dialog-buttons' }, no,
      one.banRefused ? null : button('Ban its address …', () => {
        dialog.close()
        openBan(app, one, done)
      }, { id: 'ban-instead' }),
      button('Close connection', () => act(dialog, async () => {
        await app.api.send('POST', path(one, 'kick'))
        return `The connection of ${one.name} is closed.`
      }), { kind: 'danger', id: 'confirm' })))
  no.focus()
}

/** @param {import('../app.js').App} app @param {One} one @param {(text: string) => void} done */
export function openBan (app, one, done) {
  const { trouble, act } = acting(done)
  const seconds = field('For', select(BAN_TIMES, '3600'))
  const form = h('form', { class: 'form' },
    h('p', {}, one.about),
    hint('All connections of its address are closed, and nobody gets in from there until the ban ends: a household, a school or a mobile carrier may share one address. Of IPv4 it is that one address, of IPv6 its network of /64. A ban can be lifted under Limits; a restart of the server ends them all.'),
    seconds.box, trouble,
    h('div', { class: 'buttons dialog-buttons' }, button('Cancel', () => dialog.close(), { id: 'cancel' }), h('button', { type: 'submit', class: 'button danger', 'data-action': 'confirm' }, 'Ban address')))
  form.addEventListener('submit', event => {
    event.preventDefault()
    act(dialog, async () => {
      const { closed } = await app.api.send('POST', path(one, 'ban'), { seconds: Number(seconds.control.value) })
      const time = BAN_TIMES.find(([value]) => value === seconds.control.value)?.[1]
      return `The address of ${one.name} is banned for ${time}; ${plural(closed, 'connection')} closed.`
    })
  })
  const dialog = openDialog(`Ban the address of ${one.name}?`, form)
  seconds.control.focus()
}

/** What went wrong is said in the dialog, which stays open then. @param {(text: string) => void} done */
function acting (done) {
  const trouble = h('p', { class: 'message bad', role: 'alert' })
  let isUnderWay = false
  return {
    trouble,
    /** @param {HTMLDialogElement} dialog @param {() => Promise<string>} what gives the sentence that says what was done */
    async act (dialog, what) {
      if (isUnderWay) return
      isUnderWay = true
      try {
        const text = await what()
        dialog.close()
        done(text)
      } catch (error) {
        trouble.textContent = troubleOf(error)
      } finally {
        isUnderWay = false
      }
    }
  }
}
