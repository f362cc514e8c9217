// The service map as a table.
import { memo } from 'react'
import { percent, seconds } from '../../format'
import { Badge } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { failedShare, type ServiceEdge, toneOf } from './map-data'
import styles from './overview.module.css'
import { rateText } from './service-map'

/** Rows that differ by less stay where they are while they are looked at again and again. */
const wholePercent = (edge: ServiceEdge) => Math.round(failedShare(edge) * 100)

const COLUMNS: Column<ServiceEdge>[] = [
  { name: 'client', heading: 'Caller', cell: ({ client }) => <Name of={client} />, sort: ({ client }) => client },
  { name: 'server', heading: 'Called', cell: ({ server, type }) => <Called server={server} type={type} />, sort: ({ server }) => server },
  { name: 'rate', heading: 'Rate', cell: ({ rate }) => rateText(rate), sort: ({ rate }) => rate, end: true },
  { name: 'failed', heading: 'Failed', cell: (edge) => <FailedShare calls={edge} />, sort: wholePercent, end: true },
  { name: 'p95', heading: 'p95', cell: ({ p95 }) => (Number.isNaN(p95) ? '–' : seconds(p95)), sort: ({ p95 }) => p95, end: true },
]

const Name = ({ of }: { of: string }) => (
  <span className={styles.name} title={of}>
    {of}
  </span>
)

const TYPES: Record<string, string> = { messaging_system: 'message', database: 'database' }

const Called = ({ server, type }: { server: string; type: string }) => (
  <>
    <Name of={server} /> {TYPES[type] && <Badge>{TYPES[type]}</Badge>}
  </>
)

/** A share of failures; one that is high has a sign beside its colour. */
export function FailedShare({ calls }: { calls: { rate: number; failed: number; p95: number } }) {
  const tone = toneOf(calls)
  const text = percent(failedShare(calls))
  return tone ? (
    <Badge tone={tone} icon="error">
      {text}
    </Badge>
  ) : (
    <>{text}</>
  )
}

interface EdgesTableProps {
  label: string
  edges: ServiceEdge[]
  onOpen: (edge: ServiceEdge) => void
  /** The calls that are looked at. */
  client?: string
  server?: string
}

/** Drawn anew only for other calls. */
export const EdgesTable = memo(function EdgesTable({ label, edges, onOpen, client, server }: EdgesTableProps) {
  return <DataTable label={label} columns={COLUMNS} rows={edges} rowKey={(edge) => JSON.stringify([edge.client, edge.server])} sorted="-failed" onOpen={onOpen} isOpen={(edge) => edge.client === client && edge.server === server} />
})
