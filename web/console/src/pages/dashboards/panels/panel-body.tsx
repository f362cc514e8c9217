// What is in a panel, by the kind of its plugin.
import { type ComponentType, memo, type ReactNode } from 'react'
import type { ApiRequest } from '../../../data/http'
import { Answer } from '../../../parts/answer'
import type { Mark } from '../../../parts/time-chart'
import type { TimeRange } from '../../../time'
import { type PanelDocument, panelTitle, textOf } from '../document'
import { interpolate, type Values } from '../interpolate'
import { type PanelData, usePanel } from '../use-panel'
import { HeatMapPanel } from './heat-map'
import { LogsPanel, TablePanel, TracesPanel } from './lists'
import { Markdown } from './markdown'
import styles from './panels.module.css'
import { BarPanel, type DrawProps, GaugePanel, StatPanel, TimeSeriesPanel } from './series'
import { ServiceMap } from './service-map'

interface PanelKind {
  kind: string
  name: string
  draw?: ComponentType<DrawProps>
  /** Kinds of queries that it can show, by the start of their names. */
  queries: string[]
  isFlush?: boolean
}

const NUMBERS = ['PrometheusTimeSeriesQuery', 'VitrineSqlQuery', 'LokiTimeSeriesQuery']

/** What is drawn is drawn anew only when its data or its settings are others: not while panels are moved. */
export const PANEL_KINDS: PanelKind[] = [
  { kind: 'TimeSeriesChart', name: 'Time series', draw: memo(TimeSeriesPanel), queries: NUMBERS },
  { kind: 'StatChart', name: 'Single value', draw: memo(StatPanel), queries: NUMBERS },
  { kind: 'GaugeChart', name: 'Gauge', draw: memo(GaugePanel), queries: NUMBERS },
  { kind: 'BarChart', name: 'Bars', draw: memo(BarPanel), queries: NUMBERS },
  { kind: 'Table', name: 'Table', draw: memo(TablePanel), queries: NUMBERS, isFlush: true },
  { kind: 'HeatMapChart', name: 'Heat-map', draw: memo(HeatMapPanel), queries: ['VitrineSpanHeatMapQuery', 'PrometheusTimeSeriesQuery'] },
  { kind: 'LogsTable', name: 'Logs', draw: memo(LogsPanel), queries: ['VitrineLogQuery', 'LokiLogQuery'], isFlush: true },
  { kind: 'TraceTable', name: 'Traces', draw: memo(TracesPanel), queries: ['JaegerTraceQuery'], isFlush: true },
  { kind: 'Markdown', name: 'Text', queries: [] },
  { kind: 'VitrineServiceMap', name: 'Service map', queries: [] },
]

export const panelKind = (kind: string): PanelKind | undefined => PANEL_KINDS.find((each) => each.kind === kind)

const DrawnMap = memo(ServiceMap)

interface PanelBodyProps {
  panel: PanelDocument
  values: Values
  variables: string[]
  time: TimeRange
  /** What happened, for charts over time. */
  marks: Mark[]
  height: number
  /** Gets what is shown, and the first request of it. */
  children: (body: ReactNode, request: ApiRequest | null) => ReactNode
}

export function PanelBody({ panel, values, variables, time, marks, height, children }: PanelBodyProps) {
  const { plugin } = panel.spec
  const title = interpolate(panelTitle(panel), values) || 'Panel'
  const kind = panelKind(plugin.kind)
  const reading = usePanel(kind?.draw === undefined ? { ...panel, spec: { ...panel.spec, queries: [] } } : panel, values, variables, time)
  if (plugin.kind === 'Markdown') return children(<Markdown text={interpolate(textOf(plugin, 'text'), values)} />, null)
  if (plugin.kind === 'VitrineServiceMap') return children(<DrawnMap plugin={plugin} values={values} time={time} title={title} />, null)
  if (kind?.draw === undefined) return children(<Unknown kind={plugin.kind} />, null)
  if ((panel.spec.queries ?? []).length === 0) return children(<p className={styles.nothing}>It asks nothing yet: edit it, and add a query.</p>, null)
  const Draw = kind.draw
  return children(
    <Answer reading={reading} what={`data of “${title}”`} isEmpty={isEmpty} empty="There is no data in this time. Another time, or another value of a variable, may have some.">
      {(data) => (
        <>
          {data.problems.map((problem) => (
            <p key={problem} className={styles.failed} role="alert">
              {problem}
            </p>
          ))}
          <Draw plugin={plugin} data={data} title={title} time={time} marks={marks} height={height} />
        </>
      )}
    </Answer>,
    reading.first,
  )
}

function isEmpty({ results, problems }: PanelData): boolean {
  if (problems.length > 0) return false
  return results.every((result) => {
    if (result === null) return true
    if (result.kind === 'series') return result.series.length === 0
    if (result.kind === 'rows') return result.rows.length === 0
    if (result.kind === 'logs') return result.lines.length === 0
    if (result.kind === 'traces') return result.traces.length === 0
    return result.heat.cells.length === 0
  })
}

function Unknown({ kind }: { kind: string }) {
  return (
    <p className={styles.nothing}>
      Panels of the kind <code>{kind}</code> cannot be shown here. What it is stays in the document.
    </p>
  )
}
