// Runs in a page: one trystero room, for trystero.test.mjs. `window.seen` contains joined and left peers and received
// messages.

import { selfId } from '@trystero-p2p/core'
import { joinRoom } from '@trystero-p2p/torrent'

const seen = { joined: [], left: [], messages: [] }
let action

/** Joins `room` through `tracker`. */
function join ({ tracker, room }) {
  const joined = joinRoom({ appId: 'swarmhub-tests', relayConfig: { urls: [tracker] }, rtcConfig: { iceServers: [] } }, room)
  joined.onPeerJoin = id => seen.joined.push(id)
  joined.onPeerLeave = id => seen.left.push(id)
  action = joined.makeAction('say', { onMessage: (text, { peerId }) => seen.messages.push({ text, from: peerId }) })
}

const say = text => action.send(text)

Object.assign(window, { join, say, seen, selfId, ready: true })
