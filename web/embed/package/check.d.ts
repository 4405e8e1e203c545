// The types of <swarm-check>. web/test/package-types.ts compares them with the source. docs/check.md describes the element.

import type { DefineOptions } from './index.js'

export type StepId = 'browser' | 'tracker' | 'candidates' | 'servers' | 'meeting' | 'device'

export type StepState = 'not-tested' | 'running' | 'good' | 'warning' | 'failed'

export interface CheckStep {
  id: StepId
  title: string
  state: StepState
  /** Milliseconds that it took; null: not measured. */
  ms: number | null
  /** A text for people: what was found. */
  text: string
  /** A text for people: what helps. */
  remedy: string
  details: string[]
}

export interface CheckResult {
  /** Whether no step has failed. */
  ok: boolean
  steps: CheckStep[]
  /** Address of the tracker, without its token. */
  tracker: string
  /** ISO 8601. */
  time: string
  userAgent: string
}

export type CheckedDetail = Pick<CheckResult, 'ok' | 'steps'>

export interface SwarmCheckEventMap {
  checked: CustomEvent<CheckedDetail>
}

/** The properties that can be set. */
export interface SwarmCheckProperties {
  /** Address of the tracker: `wss://…` or `https://…`. */
  tracker?: string
  /** Address of the STUN and TURN servers. */
  ice?: string
  /** Info-hash of another check, which this one joins as second device. */
  swarm?: string
}

export declare class SwarmCheckElement extends HTMLElement {
  tracker: string
  ice: string
  swarm: string
  /** What was found so far. */
  readonly result: CheckResult

  /** Checks anew. Resolves without waiting for a second device. */
  run(): Promise<CheckResult>
  /** Ends the check, also the wait for a second device. */
  stop(): void

  addEventListener<K extends keyof SwarmCheckEventMap>(
    type: K,
    listener: (this: SwarmCheckElement, event: SwarmCheckEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions
  ): void
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (this: HTMLElement, event: HTMLElementEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions
  ): void
}

/** Defines <swarm-check>, unless the page has defined it. A later call can still set the server. */
export declare function defineSwarmCheck(options?: DefineOptions): void

declare global {
  interface HTMLElementTagNameMap {
    'swarm-check': SwarmCheckElement
  }
}
