// A graph in layers from left to right: services that call each other, or steps that wait for each other. What lays it out is loaded when one is shown first.
import { lazy, Suspense } from 'react'
import type { Tone } from './controls'

export interface GraphNode {
  id: string
  /** A line below its name. */
  detail?: string
  /** Its spot, for styles. */
  colour?: string
  /** A bad one has a thick border and a sign, too. */
  tone?: Tone
  /** Something that only others tell of: its border is broken. */
  isOuter?: boolean
  /** All that is to be known of it, for who cannot see it. */
  said: string
}

export interface GraphEdge {
  from: string
  to: string
  /** A few figures on the line. */
  label?: string
  /** In pixels. */
  width?: number
  /** A line with a tone is broken, and has a sign at its label, too. */
  tone?: Tone
  said: string
}

export type GraphItem = { node: string } | { edge: [from: string, to: string] }

export interface GraphProps {
  /** What it shows, for who cannot see it. */
  label: string
  nodes: GraphNode[]
  edges: GraphEdge[]
  /** What is open beside it. */
  open?: GraphItem | null
  onOpen?: (item: GraphItem) => void
  /** What is pointed at, or has the focus: what opening it needs can be read by then. */
  onNear?: (item: GraphItem) => void
}

/** Loads what draws graphs. */
const load = () => import('./graph-view')
const View = lazy(load)

export function Graph(props: GraphProps) {
  return (
    <Suspense fallback={<div aria-busy="true" />}>
      <View {...props} />
    </Suspense>
  )
}
