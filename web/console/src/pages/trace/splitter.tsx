// The line between names and bars: dragged, or moved with arrow keys. Where it was last is remembered in this browser.
import { type KeyboardEvent, type PointerEvent, useState } from 'react'
import styles from './waterfall.module.css'

const KEY = 'vitrine.trace-split'
const [LEAST, MOST] = [15, 75]
const FIRST = innerWidth < 640 ? 54 : 38

export function useSplit(): [number, (split: number) => void] {
  const [split, setSplit] = useState(() => bounded(Number(localStorage.getItem(KEY) ?? FIRST)))
  return [
    split,
    (next) => {
      setSplit(bounded(next))
      localStorage.setItem(KEY, String(bounded(next)))
    },
  ]
}

const bounded = (split: number) => (Number.isFinite(split) ? Math.min(MOST, Math.max(LEAST, split)) : FIRST)

export function Splitter({ at, onChange }: { at: number; onChange: (at: number) => void }) {
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
    const box = event.currentTarget.parentElement!.getBoundingClientRect()
    onChange(((event.clientX - box.left) / box.width) * 100)
  }
  const key = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    event.stopPropagation()
    onChange(at + step)
  }
  return (
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the names"
      aria-valuenow={Math.round(at)}
      aria-valuemin={LEAST}
      aria-valuemax={MOST}
      tabIndex={0}
      className={styles.splitter}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={key}
    />
  )
}
