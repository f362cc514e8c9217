// The part of a trace's time that is drawn.

/** Shares of the trace's time, 0 to 1. */
export interface Zoom {
  from: number
  to: number
}

export const WHOLE: Zoom = { from: 0, to: 1 }
const LEAST = 1e-7

/** Returns a zoom as the address has it; undefined for the whole. */
export const zoomText = ({ from, to }: Zoom): string | undefined => (from <= 0 && to >= 1 ? undefined : `${Number(from.toFixed(8))}-${Number(to.toFixed(8))}`)

export function readZoom(text: string): Zoom {
  const parts = /^([\d.]+)-([\d.]+)$/.exec(text)
  return parts === null ? WHOLE : within(Number(parts[1]), Number(parts[2]))
}

/** Returns a zoom that does not leave the trace. */
export function within(from: number, to: number): Zoom {
  if (!(to > from)) return WHOLE
  const size = Math.min(1, Math.max(LEAST, to - from))
  const start = Math.min(1 - size, Math.max(0, from))
  return { from: start, to: start + size }
}

/** Returns a zoom that shows more (above 1) or less, around its middle or a share of it. */
export function scaled({ from, to }: Zoom, by: number, around = 0.5): Zoom {
  const middle = from + (to - from) * around
  return within(middle - (middle - from) * by, middle + (to - middle) * by)
}

export const moved = ({ from, to }: Zoom, by: number): Zoom => {
  const step = Math.max(-from, Math.min(1 - to, (to - from) * by))
  return within(from + step, to + step)
}

/** Returns round moments for an axis, in nanoseconds after the trace's start. */
export function ticksOf(length: number, { from, to }: Zoom, most = 5): number[] {
  const span = (to - from) * length
  const rough = span / most
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? rough
  const ticks: number[] = []
  for (let tick = Math.ceil((from * length) / step) * step; tick <= to * length + step / 1e6; tick += step) ticks.push(tick)
  return ticks
}
