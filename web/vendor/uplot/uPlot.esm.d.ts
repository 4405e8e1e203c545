// Written for this project, not part of the package, whose types describe its global script. The part of uPlot that the dashboard uses.

/** Columns of equal length: times in Unix seconds, then one for each line; null is a gap. */
export type Columns = [ArrayLike<number>, ...Array<ArrayLike<number | null>>]

export interface Line {
  label?: string
  scale?: string
  stroke?: string
  width?: number
  dash?: number[]
  show?: boolean
  spanGaps?: boolean
  points?: { show?: boolean, size?: number }
}

export interface Axis {
  scale?: string
  stroke?: string
  font?: string
  size?: number
  space?: number
  grid?: { stroke?: string, width?: number }
  ticks?: { show?: boolean, stroke?: string, width?: number, size?: number }
  values?: (chart: uPlot, splits: number[], axis: number, space: number, increment: number) => Array<string | null>
}

export interface Options {
  width: number
  height: number
  padding?: Array<number | null>
  scales?: Record<string, { time?: boolean, range?: (chart: uPlot, min: number | null, max: number | null) => [number, number] }>
  series: Line[]
  axes?: Axis[]
  bands?: Array<{ series: [number, number], fill: string }>
  legend?: { show?: boolean }
  cursor?: {
    drag?: { x?: boolean, y?: boolean, setScale?: boolean }
    sync?: { key: string, setSeries?: boolean }
    points?: { size?: number }
    y?: boolean
  }
  hooks?: { setCursor?: Array<(chart: uPlot) => void> }
}

export default class uPlot {
  constructor (options: Options, data: Columns, target: HTMLElement)
  readonly root: HTMLElement
  readonly cursor: { idx?: number | null, left?: number }
  setData (data: Columns): void
  setSize (size: { width: number, height: number }): void
  setSeries (index: number, options: { show: boolean }): void
  setCursor (place: { left: number, top: number }): void
  valToPos (value: number, scale: string): number
  destroy (): void
}
