// @ts-check
// The two dialogs about one connection: one closes it, the other bans its address for a time.

import { button, h } from '../../common/dom.js'
import { plural } from '../../common/format.js'
import { errorText, sentence } from '../lib/texts.js'
import { Field } from './field.js'
import { dialogForm } from './form-dialog.js'
import { hint, openDialog, select } from './parts.js'

/**
 * @typedef {object} Connection
 * @property {string} connection its id in the API
 * @property {string} name for the titles
 * @property {string} about a sentence about it
 * @property {string | null} [banRefused] why its address cannot be banned
 */

/** The server accepts at most 30 days. @type {Array<[string, string]>} */
const BAN_TIMES = [
  ['3600', '1 hour'],
  ['86400', '1 day'],
  ['604800', '7 days'],
  ['2592000', '30 days']
]

const BAN_HINT =
  'The server closes all connections of this address and accepts none from it until the ban ends. A household, a school or a mobile carrier may share one address. An IPv4 ban covers one address, an IPv6 ban a /64 network. Bans can be lifted under Limits, and end when the server restarts.'

/** @param {import('../app.js').App} app @param {Connection} connection @param {(message: string) => void} onSuccess */
export function openKick(app, connection, onSuccess) {
  const { name, about, banRefused } = connection
  const error = h('p', { class: 'message bad', role: 'alert' })
  const cancel = button('Cancel', () => dialog.close(), { id: 'cancel' })
  const banInstead = button(
    'Ban its address …',
    () => {
      dialog.close()
      openBan(app, connection, onSuccess)
    },
    { id: 'ban-instead' }
  )
  const kick = button(
    'Close connection',
    async () => {
      kick.disabled = true
      try {
        await app.api.send('post', 'connections/{id}/kick', { path: { id: connection.connection } })
        dialog.close()
        onSuccess(`The connection of ${name} is closed.`)
      } catch (failure) {
        error.textContent = errorText(failure)
      } finally {
        kick.disabled = false
      }
    },
    { kind: 'danger', id: 'confirm' }
  )
  const effect = banRefused ? 'no ban can keep it out.' : 'only a ban keeps it out.'
  const dialog = openDialog(
    `Close the connection of ${name}?`,
    h('p', {}, `${about} Its client may reconnect at once, and most clients do; ${effect}`),
    banRefused ? hint(sentence(banRefused)) : null,
    error,
    h('div', { class: 'buttons dialog-buttons' }, cancel, banRefused ? null : banInstead, kick)
  )
  cancel.focus()
}

/** @param {import('../app.js').App} app @param {Connection} connection @param {(message: string) => void} onSuccess */
export function openBan(app, connection, onSuccess) {
  const { name, about } = connection
  const seconds = new Field('For', select(BAN_TIMES, '3600'))
  const form = dialogForm({
    content: [h('p', {}, about), hint(BAN_HINT), seconds],
    action: 'Ban address',
    isDangerous: true,
    async submit() {
      const { value } = seconds.control
      const { closed } = await app.api.send('post', 'connections/{id}/ban', {
        path: { id: connection.connection },
        body: { seconds: Number(value) }
      })
      const time = BAN_TIMES.find(([seconds]) => seconds === value)?.[1]
      return `The address of ${name} is banned for ${time}; ${plural(closed, 'connection')} closed.`
    },
    onSuccess
  })
  openDialog(`Ban the address of ${name}?`, form)
  seconds.control.focus()
}
