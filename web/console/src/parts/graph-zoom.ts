// How large a graph is drawn, and which part of it is seen. Unless it was zoomed, the whole of it is.
import { type PointerEvent, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { Placed } from './graph-layout'

const [LEAST, MOST] = [0.15, 3]
/** The whole is never drawn larger than this, nor so small that nothing of it can be read: then it is scrolled. */
const [LEAST_WHOLE, MOST_WHOLE] = [0.62, 1.15]
/** A press that moves less is a click. */
const DRAG_PX = 4

export function useZoom(placed: Placed) {
  const box = useRef<HTMLDivElement>(null)
  const [chosen, setChosen] = useState<number | null>(null)
  const [whole, setWhole] = useState(1)
  const zoom = chosen ?? whole
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const fit = () => setWhole(Math.min(MOST_WHOLE, Math.max(LEAST_WHOLE, element.clientWidth / placed.width)))
    fit()
    const observer = new ResizeObserver(fit)
    observer.observe(element)
    return () => observer.disconnect()
  }, [placed])
  // What is in the middle stays there.
  const before = useRef(zoom)
  useLayoutEffect(() => {
    const element = box.current
    if (element !== null && before.current !== zoom) {
      const grown = zoom / before.current
      element.scrollLeft = (element.scrollLeft + element.clientWidth / 2) * grown - element.clientWidth / 2
      element.scrollTop = (element.scrollTop + element.clientHeight / 2) * grown - element.clientHeight / 2
    }
    before.current = zoom
  }, [zoom])
  const change = useCallback((to: number | null) => setChosen(to === null ? null : Math.min(MOST, Math.max(LEAST, to))), [])
  useEffect(() => {
    const element = box.current
    const turn = (event: WheelEvent) => {
      if (!event.ctrlKey) return
      event.preventDefault()
      change(before.current * (event.deltaY < 0 ? 1.1 : 1 / 1.1))
    }
    // A listener of React's could not keep the browser from zooming the page.
    element?.addEventListener('wheel', turn, { passive: false })
    return () => element?.removeEventListener('wheel', turn)
  }, [change])
  return { box, zoom, change, isWhole: chosen === null, pan: usePan() }
}

/** Has a dragged mouse scroll what it drags. Fingers scroll by themselves. */
function usePan() {
  const from = useRef<{ x: number; y: number; left: number; top: number; isMoved: boolean } | null>(null)
  return {
    onPointerDown: ({ pointerType, button, clientX, clientY, currentTarget }: PointerEvent<HTMLElement>) => {
      if (pointerType === 'mouse' && button === 0) from.current = { x: clientX, y: clientY, left: currentTarget.scrollLeft, top: currentTarget.scrollTop, isMoved: false }
    },
    onPointerMove: ({ buttons, clientX, clientY, currentTarget, pointerId }: PointerEvent<HTMLElement>) => {
      const start = from.current
      if (start === null || buttons === 0) return
      const [dx, dy] = [clientX - start.x, clientY - start.y]
      if (!start.isMoved && Math.hypot(dx, dy) < DRAG_PX) return
      if (!start.isMoved) currentTarget.setPointerCapture(pointerId)
      start.isMoved = true
      currentTarget.scrollTo(start.left - dx, start.top - dy)
    },
    onClickCapture: (event: React.MouseEvent) => {
      if (from.current?.isMoved) event.stopPropagation()
      from.current = null
    },
  }
}
