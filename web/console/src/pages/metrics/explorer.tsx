// Which metrics there are, with what their senders say of them, and what one asks of each mostly.
import { useDeferredValue, useMemo, useState } from 'react'
import { withParameters } from '../../data/http'
import { promText } from '../../data/prometheus'
import { useApi } from '../../data/use-api'
import { figures } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button } from '../../parts/controls'
import { SideList } from '../../parts/side-list'
import { Link } from '../../router'
import { type TimeRange, useTime } from '../../time'
import styles from './explorer.module.css'
import { byLabel, type Known, type Metric, metricsOf, suggestionsFor } from './suggestions'

interface ExplorerProps {
  /** The metric of which more is shown. */
  opened: string
  onAsk: (query: string, isAlone: boolean) => void
}

/** Names that are shown at once. */
const MOST = 200
/** Times are rounded to this, so that names are not asked for at each look. */
const GRAIN_MS = 300e3

const within = ({ from, to }: TimeRange) => ({ start: (Math.floor(from / GRAIN_MS) * GRAIN_MS) / 1000, end: (Math.ceil(to / GRAIN_MS) * GRAIN_MS) / 1000 })

export function Explorer({ opened, onAsk }: ExplorerProps) {
  const time = useTime()
  const request = { path: withParameters('/prometheus/api/v1/label/__name__/values', within(time)) }
  const names = useApi(request, { read: (answer) => (answer as { data: string[] }).data, staleMs: 60_000 })
  const metadata = useApi({ path: '/prometheus/api/v1/metadata' }, { read: (answer) => (answer as { data: Record<string, Known[]> }).data, staleMs: 300_000 })
  const [typed, setTyped] = useState('')
  const part = useDeferredValue(typed.trim().toLowerCase())
  const all = useMemo(() => metricsOf(names.data ?? [], metadata.data ?? {}), [names.data, metadata.data])
  const found = useMemo(() => all.filter(({ name, known }) => part.split(/\s+/).every((word) => name.toLowerCase().includes(word) || known?.help.toLowerCase().includes(word))), [all, part])
  return (
    <SideList title={`Metrics${names.data ? ` · ${figures(found.length)}` : ''}`} request={request} sql={"SELECT name, kind, unit, help, count(*) AS series\nFROM series\nGROUP BY name, kind, unit, help\nORDER BY series DESC"} find="Find a metric" placeholder="Find a metric, also by what it means" part={typed} onPart={setTyped}>
      <Answer reading={names} what="metrics" isEmpty={(names) => names.length === 0} empty="No metric has a sample at this time. Send some by OTLP, or have them scraped: docs/guide/receiving.md.">
        {() => (
          <>
            <ul>
              {found.slice(0, MOST).map((metric) => (
                <Item key={metric.name} metric={metric} isOpen={metric.name === opened} onAsk={onAsk} />
              ))}
            </ul>
            {found.length === 0 && <p className="muted">None is called or described so.</p>}
            {found.length > MOST && <p className="muted">And {figures(found.length - MOST)} more: type a part of the name.</p>}
          </>
        )}
      </Answer>
    </SideList>
  )
}

function Item({ metric, isOpen, onAsk }: { metric: Metric; isOpen: boolean; onAsk: ExplorerProps['onAsk'] }) {
  const { name, known } = metric
  return (
    <li className={styles.item} data-open={isOpen ? '' : undefined}>
      <Link change={{ metric: isOpen ? undefined : name }} aria-expanded={isOpen} role="button" title={known?.help}>
        <span className="cut">{name}</span>
        {known && known.type !== 'unknown' && <small>{known.type}</small>}
      </Link>
      {isOpen && <Opened metric={metric} onAsk={onAsk} />}
    </li>
  )
}

function Opened({ metric, onAsk }: { metric: Metric; onAsk: ExplorerProps['onAsk'] }) {
  const { name, known } = metric
  const time = useTime()
  const labels = useApi({ path: withParameters('/prometheus/api/v1/labels', { 'match[]': `{__name__=${promText(name)}}`, ...within(time) }) }, { read: (answer) => (answer as { data: string[] }).data.filter((label) => label !== '__name__' && label !== 'le'), staleMs: 60_000 })
  return (
    <div className={styles.opened}>
      {known?.help && <p>{known.help}</p>}
      {known?.unit && <Badge>{known.unit}</Badge>}
      <div className={styles.choices}>
        {suggestionsFor(metric).map(({ what, query }) => (
          <Button key={what} title={query} onClick={() => onAsk(query, true)}>
            {what}
          </Button>
        ))}
      </div>
      {labels.error && <p>Its labels cannot be read: {labels.error.message}</p>}
      {labels.data && labels.data.length > 0 && (
        <>
          <h3>By label</h3>
          <div className={styles.choices}>
            {labels.data.map((label) => (
              <Button key={label} kind="plain" title={byLabel(metric, label)} onClick={() => onAsk(byLabel(metric, label), true)}>
                {label}
              </Button>
            ))}
          </div>
        </>
      )}
    </div>
  )
}
