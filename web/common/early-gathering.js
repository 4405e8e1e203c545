// @ts-check
// Ends ICE gathering early. A client without trickle ICE, such as webtorrent, sends an offer or answer only when gathering
// is complete; one STUN or TURN server that does not answer delays this by many seconds. This file imports nothing, so
// that other pages can use it alone: docs/sharing.md. The engine of the sharing page uses it.

/** From the last useful candidate to the end. */
const QUIET_MS = 300
/** From the first candidate to the end. */
const GATHERING_MS_MAX = 1_500

/**
 * Returns a subclass of RTCPeerConnection that reports the end of gathering early: `iceGatheringState` is `complete`, and
 * both events fire. Later candidates still reach the client; the second end does not. Without ICE servers, gathering ends
 * soon by itself and nothing changes.
 * @param {typeof RTCPeerConnection} Native
 */
export const withEarlyGatheringEnd = Native =>
  class RTCPeerConnection extends Native {
    /** The ICE session whose candidates arrive. */
    #session = ''
    /** The ICE session whose end was reported early. */
    #endedSession = ''
    #isReporting = false
    /** The listeners of the `on…` properties, by type of event. @type {Map<string, { handler: any, listener: EventListener }>} */
    #handlers = new Map()
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    #quietTimer
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    #deadline

    /** @param {RTCConfiguration} [config] */
    constructor(config) {
      super(config)
      // They are the first listeners, so they can hide an event from all others.
      this.addEventListener('icecandidate', event => this.#onCandidate(event))
      this.addEventListener('icegatheringstatechange', event => this.#onGatheringState(event))
    }

    /** @override @returns {RTCIceGatheringState} */
    get iceGatheringState() {
      return this.#hasEnded ? 'complete' : this.#nativeState
    }

    // In Firefox, the original handler properties get events of the browser only.
    /** @override */
    get onicecandidate() {
      return this.#handlers.get('icecandidate')?.handler ?? null
    }
    /** @override */
    set onicecandidate(handler) {
      this.#setHandler('icecandidate', handler)
    }

    /** @override */
    get onicegatheringstatechange() {
      return this.#handlers.get('icegatheringstatechange')?.handler ?? null
    }
    /** @override */
    set onicegatheringstatechange(handler) {
      this.#setHandler('icegatheringstatechange', handler)
    }

    /** @override */
    close() {
      this.#stopTimers()
      super.close()
    }

    /** @param {string} type @param {any} handler */
    #setHandler(type, handler) {
      const old = this.#handlers.get(type)
      if (old) this.removeEventListener(type, old.listener)
      this.#handlers.delete(type)
      if (typeof handler !== 'function') return
      const listener = (/** @type {Event} */ event) => handler.call(this, event)
      this.#handlers.set(type, { handler, listener })
      this.addEventListener(type, listener)
    }

    /** @returns {RTCIceGatheringState} */
    get #nativeState() {
      return Reflect.get(Native.prototype, 'iceGatheringState', this)
    }

    get #hasEnded() {
      return this.#endedSession !== '' && this.#endedSession === iceSession(this.localDescription)
    }

    /** @param {RTCPeerConnectionIceEvent} event */
    #onCandidate(event) {
      if (this.#isReporting) return
      if (!event.candidate) {
        this.#onNativeEnd(event)
        return
      }
      const session = iceSession(this.localDescription)
      if (session !== this.#session) {
        // The first candidate, or an ICE restart.
        this.#stopTimers()
        this.#session = session
      }
      const type = / typ (\w+)/.exec(event.candidate.candidate)?.[1]
      const awaited = awaitedType(this.getConfiguration().iceServers ?? [])
      // An empty candidate is the end of one component.
      if (!type || !awaited || this.#hasEnded) return
      this.#deadline ??= setTimeout(() => this.#endEarly(), GATHERING_MS_MAX)
      if (type !== awaited) return
      clearTimeout(this.#quietTimer)
      this.#quietTimer = setTimeout(() => this.#endEarly(), QUIET_MS)
    }

    /** @param {Event} event */
    #onGatheringState(event) {
      if (!this.#isReporting && this.#nativeState === 'complete') this.#onNativeEnd(event)
    }

    /** @param {Event} event */
    #onNativeEnd(event) {
      this.#stopTimers()
      if (this.#hasEnded) event.stopImmediatePropagation()
    }

    #endEarly() {
      this.#stopTimers()
      const isOver = this.signalingState === 'closed' || this.#nativeState !== 'gathering'
      // After an ICE restart, the next candidate starts the timers again.
      if (isOver || iceSession(this.localDescription) !== this.#session) return
      this.#endedSession = this.#session
      this.#isReporting = true
      this.dispatchEvent(new Event('icegatheringstatechange'))
      this.dispatchEvent(new RTCPeerConnectionIceEvent('icecandidate', { candidate: null }))
      this.#isReporting = false
    }

    #stopTimers() {
      clearTimeout(this.#quietTimer)
      clearTimeout(this.#deadline)
      this.#quietTimer = this.#deadline = undefined
    }
  }

/**
 * Returns the candidate type after which gathering may end; null without servers. A relay takes at least two round trips,
 * a server-reflexive address one: with TURN servers, 300 ms after the latter can be too early on a slow network.
 * @param {RTCIceServer[]} servers
 */
function awaitedType(servers) {
  const urls = servers.flatMap(({ urls }) => urls)
  if (urls.length === 0) return null
  return urls.some(url => /^turns?:/i.test(url)) ? 'relay' : 'srflx'
}

/** Returns the user name fragments of a description, which are new in each ICE session. @param {RTCSessionDescription | null} description */
const iceSession = description => (description?.sdp.match(/^a=ice-ufrag:.*$/gm) ?? []).join()
