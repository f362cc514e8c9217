// The whole trace, small: what is drawn below is the part between the grips. A drag chooses another part.
import { memo, type PointerEvent, useRef, useState } from 'react'
import { colourOf } from '../../colour'
import { duration } from '../../format'
import { type Drawing, useCanvas } from './canvas'
import styles from './trace.module.css'
import type { Spans } from './spans'
import { moved, scaled, WHOLE, within, type Zoom } from './zoom'

const HEIGHT = 56

export const Minimap = memo(function Minimap({ spans, zoom, onZoom }: { spans: Spans; zoom: Zoom; onZoom: (zoom: Zoom) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null)
  useCanvas(canvas, HEIGHT, (drawing) => draw(drawing, spans), [spans])
  const shareAt = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
  }
  const end = () => {
    if (drag !== null) {
      const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)]
      // A click without a drag moves what is shown there.
      onZoom(to - from > 0.004 ? within(from, to) : moved(zoom, (from - (zoom.from + zoom.to) / 2) / (zoom.to - zoom.from)))
    }
    setDrag(null)
  }
  const key = (event: React.KeyboardEvent) => {
    const next = { ArrowLeft: moved(zoom, -0.1), ArrowRight: moved(zoom, 0.1), ArrowUp: scaled(zoom, 0.7), ArrowDown: scaled(zoom, 1 / 0.7), Home: WHOLE }[event.key]
    if (next === undefined) return
    event.preventDefault()
    event.stopPropagation()
    onZoom(next)
  }
  const shown = drag === null ? zoom : { from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) }
  const said = `${duration(zoom.from * spans.length)} to ${duration(zoom.to * spans.length)} of ${duration(spans.length)}`
  return (
    <div
      className={styles.minimap}
      role="slider"
      tabIndex={0}
      aria-label="The part of the trace that is drawn. Left and right move it, up and down zoom, Home shows all."
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(zoom.from * 100)}
      aria-valuetext={said}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        setDrag({ from: shareAt(event), to: shareAt(event) })
      }}
      onPointerMove={(event) => drag !== null && setDrag({ from: drag.from, to: shareAt(event) })}
      onPointerUp={end}
      onPointerCancel={() => setDrag(null)}
      onDoubleClick={() => onZoom(WHOLE)}
      onKeyDown={key}
      style={{ '--from': shown.from * 100, '--to': shown.to * 100 } as React.CSSProperties}
    >
      <canvas ref={canvas} aria-hidden="true" />
      <span className={styles.before} />
      <span className={styles.after} />
    </div>
  )
})

/** Each span a line: rows share pixels where there are more of them, and a pixel is filled once. */
function draw({ context, width, height, colour }: Drawing, spans: Spans) {
  const colours = spans.services.map((service) => colour(colourOf(service)))
  const bad = colour('var(--bad)')
  const lines = Math.min(spans.count, height - 2)
  const thick = Math.max(1, Math.min(6, Math.ceil((height - 2) / lines)))
  const reached = new Float64Array(lines).fill(-1)
  context.clearRect(0, 0, width, height)
  for (let row = 0; row < spans.count; row++) {
    const line = Math.floor((row * lines) / spans.count)
    const from = (spans.start[row]! / spans.length) * width
    const to = Math.max(from + 1, ((spans.start[row]! + spans.duration[row]!) / spans.length) * width)
    if (to <= reached[line]! && spans.error[row] === 0) continue
    reached[line] = Math.max(reached[line]!, to)
    context.fillStyle = spans.error[row] === 1 ? bad : colours[spans.service[row]!]!
    context.fillRect(from, 1 + (line * (height - 2)) / lines, to - from, thick)
  }
}
