// The operations of a service: what each is called, how often, what of it fails, and how long it takes.
import { instantRequest, readSeries, type Series } from '../../data/prometheus'
import { quotedValue } from '../../data/query-text'
import { shortOperation } from '../../data/traces'
import { useApi } from '../../data/use-api'
import { seconds } from '../../format'
import { Answer } from '../../parts/answer'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import type { TimeRange } from '../../time'
import { FailedShare } from '../overview/edges-table'
import { failedShare } from '../overview/map-data'
import { rateText } from '../overview/service-map'
import { type Of, operationsQuery } from './queries'
import styles from './service.module.css'

interface Operation {
  name: string
  kind: string
  rate: number
  failed: number
  p50: number
  p95: number
}

const COLUMNS: Column<Operation>[] = [
  { name: 'name', heading: 'Operation', cell: ({ name }) => <Name name={name} />, sort: ({ name }) => name, wide: true },
  { name: 'kind', heading: 'Kind', cell: ({ kind }) => <span className="muted">{kind}</span>, sort: ({ kind }) => kind },
  { name: 'rate', heading: 'Rate', cell: ({ rate }) => rateText(rate), sort: ({ rate }) => rate, end: true },
  { name: 'failed', heading: 'Failed', cell: (calls) => <FailedShare calls={calls} />, sort: failedShare, end: true },
  { name: 'p50', heading: 'p50', cell: ({ p50 }) => time(p50), sort: ({ p50 }) => p50, end: true },
  { name: 'p95', heading: 'p95', cell: ({ p95 }) => time(p95), sort: ({ p95 }) => p95, end: true },
]

const time = (value: number) => (Number.isNaN(value) ? '–' : seconds(value))
const Name = ({ name }: { name: string }) => <span title={name}>{shortOperation(name)}</span>

interface OperationsProps {
  of: Of
  time: TimeRange
  onOpen: (name: string) => void
}

export function Operations({ of, time, onOpen }: OperationsProps) {
  const over = Math.max(1, Math.round((time.to - time.from) / 1000))
  const reading = useApi(instantRequest(operationsQuery(of, over), time.to), { read: (answer) => operationsOf(readSeries(answer)) })
  const traces = (
    <Link to="/traces" parameters={{ q: `service:${quotedValue(of.service)}${of.operation ? ` name:${quotedValue(of.operation)}` : ''}` }}>
      Traces{of.operation && ' of this operation'}
    </Link>
  )
  return (
    <Panel title="Operations" request={reading.request} flush actions={traces} className={styles.tall}>
      <Answer reading={reading} what="operations" isEmpty={(all) => all.length === 0} empty="It had no calls in this time.">
        {(all) => <DataTable label="Operations" columns={COLUMNS} rows={all} rowKey={({ name, kind }) => `${kind} ${name}`} sorted="-rate" onOpen={({ name }) => onOpen(name === of.operation ? '' : name)} isOpen={({ name }) => name === of.operation} />}
      </Answer>
    </Panel>
  )
}

const NAMES: Record<string, keyof Pick<Operation, 'rate' | 'failed' | 'p50' | 'p95'>> = { calls: 'rate', failed: 'failed', p50: 'p50', p95: 'p95' }

/** Returns the operations of what the query found. */
function operationsOf(found: Series[]): Operation[] {
  const all = new Map<string, Operation>()
  for (const { labels, values } of found) {
    const [name, kind] = [labels.span_name ?? '', (labels.span_kind ?? '').replace('SPAN_KIND_', '').toLowerCase()]
    const operation = all.get(`${kind} ${name}`) ?? { name, kind, rate: 0, failed: 0, p50: NaN, p95: NaN }
    const figure = NAMES[labels.is ?? '']
    if (figure !== undefined) operation[figure] = values.at(-1) ?? NaN
    all.set(`${kind} ${name}`, operation)
  }
  return [...all.values()].filter(({ rate }) => rate > 0)
}
