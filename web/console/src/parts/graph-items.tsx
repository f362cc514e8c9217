// The parts of a drawn graph. Each is drawn anew only when something of it changed.
import { type KeyboardEvent, memo } from 'react'
import type { Tone } from './controls'
import type { GraphNode } from './graph'
import { MOST_LETTERS, NODE_HEIGHT } from './graph-layout'
import styles from './graph.module.css'

interface Shared {
  isOpen: boolean
  onOpen: (key: string) => void
  onNear: (key: string | null) => void
  onFocus: (key: string) => void
}

const cut = (text: string, most = MOST_LETTERS) => (text.length > most ? `${text.slice(0, most - 1)}…` : text)

/** Returns what is said of something with its names as they are seen. */
const withCutNames = (key: string, said: string) => (JSON.parse(key) as string[]).reduce((text, name) => (name.length > MOST_LETTERS ? text.replaceAll(name, cut(name)) : text), said)

/** What all that can be opened has in common. */
function opens(key: string, said: string, { isOpen, onOpen, onNear, onFocus }: Shared) {
  return {
    role: 'button',
    'aria-label': withCutNames(key, said),
    'aria-pressed': isOpen,
    'data-key': key,
    onClick: () => onOpen(key),
    onPointerEnter: () => onNear(key),
    onPointerLeave: () => onNear(null),
    onFocus: () => {
      onFocus(key)
      onNear(key)
    },
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      onOpen(key)
    },
  }
}

type NodeProps = GraphNode & Shared & { x: number; y: number; width: number; isFocused: boolean }

export const Node = memo(function Node({ id, detail, colour, tone, isOuter, said, x, y, width, isFocused, ...shared }: NodeProps) {
  const left = -width / 2
  return (
    <g className={styles.node} transform={`translate(${x} ${y})`} data-tone={tone} data-outer={isOuter ? '' : undefined} tabIndex={isFocused ? 0 : -1} {...opens(JSON.stringify([id]), said, shared)}>
      {id.length > MOST_LETTERS && <title>{id}</title>}
      <rect x={left} y={-NODE_HEIGHT / 2} width={width} height={NODE_HEIGHT} rx="10" />
      {colour && <rect x={left + 11} y={-12} width="9" height="9" rx="3" fill={colour} />}
      <text x={left + (colour ? 26 : 12)} y={-4}>
        {cut(id)}
      </text>
      {detail && (
        <text className={styles.detail} x={left + 12} y={13}>
          {` ${detail}`}
        </text>
      )}
      {tone && <Sign x={-left - 15} y={-7.5} />}
    </g>
  )
})

/** A triangle with an exclamation mark: not by colour alone. */
const Sign = ({ x, y }: { x: number; y: number }) => (
  <g className={styles.sign} transform={`translate(${x} ${y})`}>
    <path d="M0 -6L6 5H-6Z" />
    <path d="M0 -2V1.4M0 3.2V3.3" />
  </g>
)

interface EdgeLineProps extends Shared {
  id: string
  path: string
  width: number
  tone?: Tone
}

export const EdgeLine = memo(function EdgeLine({ id, path, width, tone, isOpen, onOpen, onNear }: EdgeLineProps) {
  return (
    <g className={styles.edge} data-tone={tone} data-open={isOpen ? '' : undefined} onClick={() => onOpen(id)} onPointerEnter={() => onNear(id)} onPointerLeave={() => onNear(null)}>
      <path className={styles.reach} d={path} />
      <path d={path} strokeWidth={width} markerEnd={`url(#arrow-${isOpen ? 'open' : (tone ?? 'plain')})`} />
    </g>
  )
})

/** Labels stand above their lines, which would not be seen behind them. */
const ABOVE = 10

interface EdgeLabelProps extends Shared {
  id: string
  x: number
  y: number
  text: string
  said: string
  tone?: Tone
  isFocused: boolean
}

export const EdgeLabel = memo(function EdgeLabel({ id, x, y, text, said, tone, isFocused, ...shared }: EdgeLabelProps) {
  const width = 10 + text.length * 5.7 + (tone ? 15 : 0)
  return (
    <g className={styles.label} transform={`translate(${x} ${y - ABOVE})`} data-tone={tone} tabIndex={isFocused ? 0 : -1} {...opens(id, said, shared)}>
      <rect x={-width / 2} y={-7.5} width={width} height={15} rx="7.5" />
      {tone && <Sign x={-width / 2 + 11} y={-0.2} />}
      <text x={tone ? 7.5 : 0} y={3.8}>
        {text}
      </text>
    </g>
  )
})
