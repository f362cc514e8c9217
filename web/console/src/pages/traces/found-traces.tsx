// The traces that were found, newest first: as a list, or merged into one tree. Two can be ticked and compared.
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useMemo } from 'react'
import { useApi } from '../../data/use-api'
import { useKeys } from '../../keys'
import { readTraceAhead } from '../../failures/near'
import { Answer } from '../../parts/answer'
import { Button, ButtonLink } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { useNear } from '../../parts/use-near'
import { addressOf, navigate, type Parameters } from '../../router'
import type { TimeRange } from '../../time'
import type { Looked } from '../../data/traces'
import { type FoundTrace, readFound, tracesRequest } from './found'
import { MergedTraces } from './merged-traces'
import { TraceList } from './trace-list'
import type { Box, TraceQuery } from './trace-query'
import styles from './traces.module.css'

const STEP = 100
/** The most that one search tells. */
const MOST = 1500

interface FoundTracesProps {
  query: TraceQuery
  text: string
  time: TimeRange
  box: Box | null
  looked: Looked
  most: number
  pick: string[]
  view: 'list' | 'tree'
  change: (parameters: Parameters, options?: { replace?: boolean }) => void
  tabs: ReactNode
}

export function FoundTraces({ query, text, time, box, looked, most, pick, view, change, tabs }: FoundTracesProps) {
  const client = useQueryClient()
  const near = useNear((id: string) => readTraceAhead(client, id))
  const limit = Math.min(MOST, Math.max(1, Math.round(most)))
  const reading = useApi(tracesRequest(query, time, box, limit), { read: readFound, staleMs: 10_000 })
  // Of whole traces in a box, those that are longer as a whole than the box are left out: they only have a span that is in it.
  const rows = useMemo(() => (reading.data ?? []).filter(({ duration }) => looked === 'all' || box === null || duration <= box.max + 1e6), [reading.data, looked, box])
  const compare = () => pick.length === 2 && navigate(addressOf('/traces/diff', { a: pick[0], b: pick[1] }))
  useKeys('Traces', [{ keys: 'c', does: 'Compare the two that are ticked', run: () => void compare() }])
  const tick = (id: string) => change({ pick: pick.includes(id) ? pick.filter((other) => other !== id) : [...pick, id].slice(-2) }, { replace: true })
  return (
    <Panel
      title={tabs}
      request={reading.request}
      flush
      actions={
        <div className={styles.picked}>
          {pick.length === 1 && <span className="muted">One is ticked: tick another to compare.</span>}
          {pick.length === 2 && (
            <ButtonLink to="/traces/diff" parameters={{ a: pick[0], b: pick[1] }} kind="main">
              Compare the two
            </ButtonLink>
          )}
          {pick.length > 0 && <Button kind="plain" icon="close" label="Untick" onClick={() => change({ pick: [] }, { replace: true })} />}
        </div>
      }
    >
      <Answer reading={reading} what="traces" isEmpty={() => rows.length === 0} empty={<NoTraces box={box} text={text} change={change} />}>
        {(found) => (
          <>
            {view === 'list' ? <TraceList rows={rows} pick={pick} onTick={tick} onOpen={(trace) => navigate(traceAddress(trace))} onNear={near} /> : <MergedTraces traces={rows} />}
            {found.length >= limit && (
              <p className={styles.more}>
                The newest {found.length} are shown.
                {limit < MOST && <Button onClick={() => change({ most: limit + STEP * 2 })}>Show more</Button>}
              </p>
            )}
          </>
        )}
      </Answer>
    </Panel>
  )
}

/** A trace that failed opens where the failure began. */
export const traceAddress = ({ id, errors }: FoundTrace) => addressOf(`/trace/${id}`, { focus: errors > 0 ? 'error' : undefined })

function NoTraces({ box, text, change }: Pick<FoundTracesProps, 'box' | 'text' | 'change'>) {
  if (box !== null) return <>No trace is in the box. <Button onClick={() => change({ box: undefined, differs: undefined })}>Remove the box</Button></>
  if (text !== '') return <>No trace has a span that is all of this. <Button onClick={() => change({ q: undefined })}>Remove the query</Button></>
  return 'No trace came in this time. Choose a longer one, or send traces by OTLP to the ports 4317 (gRPC) or 4318 (HTTP).'
}
