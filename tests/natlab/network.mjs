// The network of the lab: an internet with one public server, and homes behind routers. All namespaces are inside those
// that `isolated` creates.
//
//   server 203.0.113.1, .2 ──┐                    ┌── routers ── home
//     2001:db8::1, ::2       ├── internet (bridge)┤
//                            ┘                    └── routers ── home
//
// A home has a router of each kind that its cases need, and uses one at a time. So its browser serves all of them: starting
// one takes most of the processor time of a case.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

/** Addresses in the namespace `server`: of swarmhub, and of the STUN or TURN server of the lab. */
export const TRACKER = { name: 'swarmhub.test', v4: '203.0.113.1', v6: '2001:db8::1' }
export const HELPER = { name: 'stun.test', v4: '203.0.113.2', v6: '2001:db8::2' }

/**
 * The kinds of homes, by what their router does:
 * - `masquerade`: the flags of its NAT. Without flags the NAT keeps the port for all destinations and admits only answers,
 *   a port-restricted cone like most home routers. With the flags of `sym` each destination gets another port, as in many
 *   mobile and company networks.
 * - `admitted`: what it lets out, as an expression of nftables; everything if missing.
 * - `isOpen`: neither NAT nor firewall, and so no router.
 */
const KINDS = {
  open: { v4: true, isOpen: true },
  cone: { v4: true, masquerade: '' },
  sym: { v4: true, masquerade: 'random,fully-random' },
  tcp: { v4: true, masquerade: '', admitted: 'meta l4proto . th dport { tcp . 443, udp . 53 }' },
  v6: { v6: true },
  dual: { v4: true, v6: true, masquerade: '' }
}

const run = (program, ...args) => execFileSync(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
const ip = (namespace, words) => run('ip', '-n', namespace, ...words.split(' '))
const nft = (namespace, rules) => execFileSync('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: rules })
const sysctl = (namespace, ...settings) => run('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', ...settings)

/** Creates the internet and the server's namespace, in place of those of an earlier test file. @param {string} folder for the resolver's files */
export function createInternet (folder) {
  run('ip', '-all', 'netns', 'delete')
  // The mounts are private: programs of the lab use its name server only.
  for (const [file, text] of [['hosts', '127.0.0.1 localhost\n'], ['resolv.conf', `nameserver ${TRACKER.v4}\nnameserver ${TRACKER.v6}\n`]]) {
    writeFileSync(`${folder}/${file}`, text)
    run('mount', '--bind', `${folder}/${file}`, `/etc/${file}`)
  }
  run('ip', 'link', 'set', 'lo', 'up')
  addNamespace('internet')
  // An address of its own: else the bridge takes the lowest one of its ports, and each new cable could change it, which cuts off
  // all who know the old one.
  ip('internet', 'link add lan address 02:00:00:00:00:01 type bridge')
  ip('internet', 'link set lan up')
  ip('internet', 'addr add 203.0.113.254/24 dev lan')
  ip('internet', 'addr add 2001:db8::fe/64 dev lan nodad')
  sysctl('internet', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.send_redirects=0', 'net.ipv4.conf.lan.send_redirects=0')
  const locals = '{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 }'
  nft('internet', `table inet filter { chain forward { type filter hook forward priority 0; ip saddr ${locals} drop; ip daddr ${locals} drop; }; }`)
  connect('server', { v4: [TRACKER.v4, HELPER.v4], v6: [TRACKER.v6, HELPER.v6] })
}

/** Numbers of networks and cables. */
let networks = 0
let cables = 0
/** The routers of each home by kind, as their addresses in it. @type {Map<string, { number: number, routers: Map<string, string[]> }>} */
const homes = new Map()

/**
 * Gives a home another router, and creates both at their first use. Returns the name of the home's namespace.
 * @param {string} side the homes of one side with the same address families are one home @param {string} kind
 */
export function enterHome (side, kind) {
  const known = KINDS[kind]
  if (!known) throw new Error(`no home of the kind ${kind}: ${Object.keys(KINDS).join(', ')}`)
  const { v4, v6, isOpen } = known
  const name = [side, v4 && 'v4', v6 && 'v6', isOpen && 'open'].filter(Boolean).join('-')
  if (!homes.has(name)) homes.set(name, addHome(name, known))
  if (isOpen) return name
  const { number, routers } = homes.get(name)
  if (!routers.has(kind)) routers.set(kind, addRouter(name, number, routers.size, kind))
  for (const gateway of routers.get(kind)) ip(name, `route replace default via ${gateway}`)
  return name
}

/** Creates a home. Its network is a bridge with a cable to each router. */
function addHome (name, { v4, v6, isOpen }) {
  const number = ++networks
  if (isOpen) {
    connect(name, outsideOf(number, { v4, v6 }))
    return { number, routers: new Map() }
  }
  addNamespace(name)
  ip(name, 'link add eth0 type bridge')
  ip(name, 'link set eth0 up')
  if (v4) ip(name, `addr add 192.168.${number}.200/24 dev eth0`)
  if (v6) ip(name, `addr add 2001:db8:${number}::200/64 dev eth0 nodad`)
  return { number, routers: new Map() }
}

/** Creates a router of a home and returns its addresses there. @param {number} index of the home's routers */
function addRouter (home, number, index, kind) {
  const { v4, v6 } = KINDS[kind]
  const router = `${home}-${kind}`
  const outside = outsideOf(++networks, KINDS[kind])
  connect(router, outside)
  ip(router, `link add lan type veth peer name lan${index} netns ${home}`)
  ip(router, 'link set lan up')
  ip(home, `link set lan${index} master eth0 up`)
  const gateways = []
  if (v4) gateways.push(`192.168.${number}.${1 + index}`)
  if (v4) ip(router, `addr add ${gateways.at(-1)}/24 dev lan`)
  if (v6) {
    gateways.push(`2001:db8:${number}::${1 + index}`)
    ip(router, `addr add ${gateways.at(-1)}/64 dev lan nodad`)
    ip('internet', `-6 route add 2001:db8:${number}::/64 via ${outside.v6[0]}`)
  }
  sysctl(router, 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  nft(router, routerRules(KINDS[kind]))
  return gateways
}

const outsideOf = (number, { v4, v6 }) => ({ v4: v4 ? [`203.0.113.${10 + number}`] : [], v6: v6 ? [`2001:db8::${10 + number}`] : [] })

/**
 * Returns the NAT and the stateful firewall of a router. It also drops packets to itself: connection tracking would take
 * the first packet of the other home for a connection to the router, and give the way out another port.
 */
const routerRules = ({ v4, masquerade, admitted = '' }) => `
  ${v4 ? `table ip nat { chain out { type nat hook postrouting priority 100; oifname "eth0" masquerade ${masquerade}; }; }` : ''}
  table inet filter {
    chain forward {
      type filter hook forward priority 0; policy drop;
      ct state established,related accept
      iifname "lan" ${admitted} accept
    }
    chain input {
      type filter hook input priority 0;
      ct state established,related accept
      icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
      iifname "eth0" drop
    }
  }`

function addNamespace (name) {
  run('ip', 'netns', 'add', name)
  sysctl(name, 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.accept_ra=0')
  ip(name, 'link set lo up')
}

/** Creates a namespace with a cable to the internet. */
function connect (name, { v4, v6 }) {
  addNamespace(name)
  const port = `port${++cables}`
  ip('internet', `link add ${port} type veth peer name eth0 netns ${name}`)
  ip('internet', `link set ${port} master lan up`)
  ip(name, 'link set eth0 up')
  for (const address of v4) ip(name, `addr add ${address}/24 dev eth0`)
  for (const address of v6) ip(name, `addr add ${address}/64 dev eth0 nodad`)
  if (v4.length) ip(name, 'route add default via 203.0.113.254')
  if (v6.length) ip(name, '-6 route add default via 2001:db8::fe')
}
