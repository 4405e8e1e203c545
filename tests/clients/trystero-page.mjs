// Runs in a page: one trystero room, for trystero.test.mjs. Who came, who went and what they said is kept in
// `window.seen`.

import { selfId } from '@trystero-p2p/core'
import { joinRoom } from '@trystero-p2p/torrent'

const seen = { joined: [], left: [], messages: [] }
let action

/** Enters `room` by way of `tracker`. */
function join ({ tracker, room }) {
  const joined = joinRoom({ appId: 'swarmhub-tests', relayConfig: { urls: [tracker] }, rtcConfig: { iceServers: [] } }, room)
  joined.onPeerJoin = id => seen.joined.push(id)
  joined.onPeerLeave = id => seen.left.push(id)
  action = joined.makeAction('say', { onMessage: (text, { peerId }) => seen.messages.push({ text, from: peerId }) })
}

const say = text => action.send(text)

Object.assign(window, { join, say, seen, selfId, ready: true })
