// Traces: found by a query, seen by time and duration, compared with the rest, listed, or merged into one tree.
import { useMemo } from 'react'
import { heatmapRequest, type Heatmap as HeatmapAnswer, type Looked } from '../../data/traces'
import { useApi } from '../../data/use-api'
import { Answer } from '../../parts/answer'
import { Button, Tabs } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { QueryField } from '../../parts/query-field'
import { flag, list, number, oneOf, text, useParameters } from '../../router'
import { useTime } from '../../time'
import { HeatLegend, Heatmap } from './heatmap'
import { FoundTraces } from './found-traces'
import { Selection } from './selection'
import { readBox, readTraceQuery, withDuration } from './trace-query'
import styles from './traces.module.css'
import { WhatDiffers } from './what-differs'

export const TRACES = {
  q: text(),
  /** Whether all spans are looked at, or only those that begin a trace; without a choice, the latter as long as nothing is asked. */
  spans: oneOf(['', 'all', 'roots'] as const, ''),
  /** What is drawn in the heat-map. */
  box: text(),
  /** What is compared with the rest: what is in the box, or what failed. */
  differs: oneOf(['', 'box', 'errors'] as const, ''),
  varied: flag(),
  view: oneOf(['list', 'tree'] as const, 'list'),
  /** Traces that are ticked. */
  pick: list(),
  most: number(100),
}

const KEYS = ['service', 'name', 'status', 'duration']

export default function TracesPage() {
  const [state, change] = useParameters(TRACES)
  const time = useTime()
  const looked: Looked = state.spans !== '' ? state.spans : state.q.trim() === '' ? 'roots' : 'all'
  const box = useMemo(() => readBox(state.box), [state.box])
  const query = useMemo(() => readTraceQuery(state.q), [state.q])
  const heatmap = useApi<HeatmapAnswer>(heatmapRequest(state.q, time.from, time.to, looked), { staleMs: 10_000 })
  const cannot = 'cannot' in query
  const onlyThese = () => {
    if (box === null) return
    const [from, to] = [Number(box.start / 1_000_000n), Number((box.end + 999_999n) / 1_000_000n)]
    change({ q: withDuration(state.q, box.min, box.max), box: undefined, differs: undefined, spans: looked, from, to, live: undefined })
  }
  return (
    <div className="stack">
      <h1 className="sr-only">Traces</h1>
      <div className="row">
        <QueryField of="traces" value={state.q} keys={KEYS} isWrong={cannot || heatmap.error !== null} placeholder="service:checkout status:error duration:>200ms http.route:/api/v1/orders" onSubmit={(q) => change({ q, box: undefined, differs: undefined, pick: [], most: undefined })} />
      </div>
      {cannot && heatmap.data && !heatmap.error && (
        <div className="callout" data-tone="bad" role="alert">
          <p>
            Traces cannot be listed: <code>{query.cannot}</code> cannot be asked of them. Expected <code>service:NAME</code>, <code>name:OPERATION</code>, <code>status:error</code>, <code>duration:&gt;200ms</code> or <code>KEY:VALUE</code>, all of one and the same span.
          </p>
        </div>
      )}
      <Panel
        title="When, and how long"
        request={heatmap.request}
        actions={
          <>
            {heatmap.data && <HeatLegend heatmap={heatmap.data} />}
            <LookedChoice looked={looked} onLook={(spans) => change({ spans, box: undefined, differs: undefined })} />
          </>
        }
      >
        <Answer reading={heatmap} what="spans by time and duration" skeleton={<div className={styles.skeleton} />} isEmpty={({ spans }) => spans === 0} empty={<NoSpans looked={looked} query={state.q} onLook={() => change({ spans: 'all' })} onAll={() => change({ q: '' })} />}>
          {(answer) => (
            <>
              <Heatmap heatmap={answer} box={box} onBox={(text) => change({ box: text, differs: text === undefined ? undefined : state.differs && 'box' })} />
              <Selection heatmap={answer} box={box} differs={state.differs} onDiffer={(differs) => change({ differs })} onOnly={onlyThese} onClear={() => change({ box: undefined, differs: undefined })} />
            </>
          )}
        </Answer>
      </Panel>
      {!cannot && state.differs !== '' && (state.differs === 'errors' || box !== null) && (
        <WhatDiffers query={state.q} time={time} looked={looked} box={state.differs === 'box' ? box : null} isVaried={state.varied} onVaried={(varied) => change({ varied })} onQuery={(q) => change({ q, box: undefined, differs: undefined, spans: looked })} onClose={() => change({ differs: undefined })} />
      )}
      {!cannot && (
        <FoundTraces query={query} text={state.q} time={time} box={box} looked={looked} most={state.most} pick={state.pick} view={state.view} change={change} tabs={<Tabs label="How traces are shown" tabs={[...VIEWS]} open={state.view} onOpen={(view) => change({ view: view === 'list' ? undefined : view })} />} />
      )}
    </div>
  )
}

const VIEWS = [
  { name: 'list', label: 'Traces' },
  { name: 'tree', label: 'Merged call tree' },
] as const

function LookedChoice({ looked, onLook }: { looked: Looked; onLook: (looked: Looked) => void }) {
  return (
    <div className={styles.looked} role="group" aria-label="Which spans are counted">
      <Button kind="plain" aria-pressed={looked === 'roots'} onClick={() => onLook('roots')}>
        Whole traces
      </Button>
      <Button kind="plain" aria-pressed={looked === 'all'} onClick={() => onLook('all')}>
        All spans
      </Button>
    </div>
  )
}

function NoSpans({ looked, query, onLook, onAll }: { looked: Looked; query: string; onLook: () => void; onAll: () => void }) {
  if (query === '' && looked === 'all') return 'No span came in this time. Choose a longer one, or send traces by OTLP to the ports 4317 (gRPC) or 4318 (HTTP).'
  return (
    <>
      {looked === 'roots' ? 'No span that begins a trace is so in this time.' : 'No span is so in this time.'}
      {looked === 'roots' && <Button onClick={onLook}>Look at all spans</Button>}
      {query !== '' && <Button onClick={onAll}>Remove {query.length > 40 ? 'the query' : query}</Button>}
    </>
  )
}
