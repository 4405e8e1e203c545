// Written for this project, not part of the package. The part of lean-qr's interface that the page uses.

export interface Bitmap {
  readonly size: number
  get (x: number, y: number): boolean
}
export function generate (text: string): Bitmap
