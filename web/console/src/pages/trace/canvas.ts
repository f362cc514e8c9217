// Canvases that fit their place, in the page's colours.
import { type RefObject, useEffect, useRef, useState } from 'react'
import { resolved } from '../../colour'
import { useTheme } from '../../parts/time-chart'

export interface Drawing {
  context: CanvasRenderingContext2D
  /** In CSS pixels. */
  width: number
  height: number
  /** Returns a style's colour as the canvas has it: `var(--bad)`. */
  colour: (style: string) => string
}

/** Draws a canvas again whenever its width, the page's colours, or what is given in `of` changes. Returns its width. */
export function useCanvas(canvas: RefObject<HTMLCanvasElement | null>, height: number, draw: (drawing: Drawing) => void, of: unknown[]): number {
  const [width, setWidth] = useState(0)
  const theme = useTheme()
  const latest = useRef(draw)
  latest.current = draw
  useEffect(() => {
    const element = canvas.current
    if (element === null) return
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [canvas])
  useEffect(() => {
    const element = canvas.current
    const context = element?.getContext('2d')
    if (!element || !context || width === 0) return
    element.width = Math.round(width * devicePixelRatio)
    element.height = Math.round(height * devicePixelRatio)
    context.scale(devicePixelRatio, devicePixelRatio)
    const known = new Map<string, string>()
    const colour = (style: string) => {
      const found = known.get(style) ?? resolved(style, element.parentElement ?? undefined)
      known.set(style, found)
      return found
    }
    latest.current({ context, width, height, colour })
  }, [canvas, width, height, theme, ...of])
  return width
}
