// A link to a trace, which is read as soon as the link is pointed at.
import { useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNear } from '../parts/use-near'
import { Link, type Parameters } from '../router'
import { readTraceAhead } from './near'

interface TraceLinkProps {
  trace: string
  /** What of it is opened. */
  at: Parameters
  title: string
  children: ReactNode
}

export function TraceLink({ trace, at, title, children }: TraceLinkProps) {
  const client = useQueryClient()
  const near = useNear((id: string) => readTraceAhead(client, id))
  return (
    <Link to={`/trace/${trace}`} parameters={at} title={title} onPointerEnter={() => near(trace)} onPointerLeave={() => near(null)} onFocus={() => near(trace)}>
      {children}
    </Link>
  )
}
