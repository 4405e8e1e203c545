// @ts-check
// The geometry of the picture of one swarm: peers on a circle, and an arrow for each introduction, from the offering
// peer to the other one. It uses no DOM.

/** @typedef {import('../../types/api-client').Schemas['IntroductionReport']} Introduction */
/** @typedef {Pick<import('../../types/api-client').Schemas['PeerReport'], 'peer_id' | 'seeder'>} Member */
/** @typedef {{ id: string, label: string, x: number, y: number, isSeeder: boolean, hasLeft: boolean }} Spot a peer */
/** @typedef {{ from: string, to: string, isAnswered: boolean, count: number, path: string }} Arrow */

/** More peers could not be distinguished. */
export const SPOTS_MAX = 24

/** Returns the end of a peer id; the start is the same for all clients of a program. @param {string} id */
export const shortId = id => id.slice(-6)

/**
 * Places the most recently introduced peers, then others, in a box of `size` units.
 * @param {Member[]} peers @param {Introduction[]} introductions @param {number} size
 * @returns {{ spots: Spot[], arrows: Arrow[], more: number }}
 */
export function pictureOf(peers, introductions, size) {
  const latest = [...introductions].sort((a, b) => b.at - a.at)
  const ids = new Set()
  for (const { from, to } of latest) {
    if (ids.size + Number(!ids.has(from)) + Number(!ids.has(to) && to !== from) > SPOTS_MAX) break
    ids.add(from).add(to)
  }
  for (const { peer_id: id } of peers) if (ids.size < SPOTS_MAX) ids.add(id)
  const known = new Map(peers.map(peer => [peer.peer_id, peer]))
  // By id, so that a peer moves only when other peers join or leave.
  const drawn = [...ids].sort()
  const spots = drawn.map((id, i) => place(id, i, drawn.length, size, known.get(id)))
  const spotOf = new Map(spots.map(spot => [spot.id, spot]))
  const more = peers.filter(({ peer_id: id }) => !ids.has(id)).length
  return { spots, arrows: arrowsOf(latest, spotOf, size), more }
}

/** @param {string} id @param {number} i @param {number} count @param {number} size @param {Member | undefined} peer @returns {Spot} */
function place(id, i, count, size, peer) {
  const angle = (2 * Math.PI * i) / Math.max(1, count) - Math.PI / 2
  const radius = count > 1 ? size * 0.38 : 0
  return {
    id,
    label: shortId(id),
    x: round(size / 2 + radius * Math.cos(angle)),
    y: round(size / 2 + radius * Math.sin(angle)),
    isSeeder: peer?.seeder ?? false,
    hasLeft: !peer
  }
}

/** Returns one arrow per pair; it is answered if one of its offers is. @param {Introduction[]} latest @param {Map<string, Spot>} spotOf @param {number} size @returns {Arrow[]} */
function arrowsOf(latest, spotOf, size) {
  /** @type {Map<string, Arrow>} */
  const arrows = new Map()
  for (const { from, to, answered } of latest) {
    const [a, b] = [spotOf.get(from), spotOf.get(to)]
    if (!a || !b || a === b) continue
    const key = `${from} ${to}`
    const arrow = arrows.get(key) ?? { from, to, isAnswered: false, count: 0, path: curve(a, b, size) }
    arrow.count++
    arrow.isAnswered ||= answered !== null
    arrows.set(key, arrow)
  }
  return [...arrows.values()]
}

const SPOT_RADIUS = 9

/** Returns a path that bends towards the middle and ends at the edge of the spot. @param {Spot} a @param {Spot} b @param {number} size */
function curve(a, b, size) {
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
  // Bent to one side, so that the arrows of both directions do not overlap.
  const bend = {
    x: middle.x + (size / 2 - middle.x) * 0.35 + (b.y - a.y) * 0.08,
    y: middle.y + (size / 2 - middle.y) * 0.35 - (b.x - a.x) * 0.08
  }
  const length = Math.hypot(b.x - bend.x, b.y - bend.y) || 1
  const end = {
    x: b.x - ((b.x - bend.x) / length) * (SPOT_RADIUS + 4),
    y: b.y - ((b.y - bend.y) / length) * (SPOT_RADIUS + 4)
  }
  return `M${a.x} ${a.y}Q${round(bend.x)} ${round(bend.y)} ${round(end.x)} ${round(end.y)}`
}

/** Describes the picture. @param {Introduction[]} introductions @param {number} peers */
export function pictureText(introductions, peers) {
  const answered = introductions.filter(one => one.answered !== null).length
  const who = new Set(introductions.flatMap(({ from, to }) => [from, to])).size
  if (introductions.length === 0)
    return `${peers === 1 ? 'One peer' : `${peers.toLocaleString('en')} peers`}; no introductions yet.`
  return `${introductions.length} ${introductions.length === 1 ? 'introduction' : 'introductions'} among ${who} peers, ${answered} answered.`
}

/** @param {number} value */
const round = value => Math.round(value * 100) / 100
