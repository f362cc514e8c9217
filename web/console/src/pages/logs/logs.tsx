// Log records: what they say, how many there are, which fields they have, and what comes.
import { textInAddress, useQueryOf } from '../../data/kept-queries'
import { useRemembered } from '../../data/remembered'
import { useKeys } from '../../keys'
import { Problem } from '../../parts/answer'
import { Button, Tabs } from '../../parts/controls'
import { KeptQueries } from '../../parts/kept-queries'
import { QueryField } from '../../parts/query-field'
import { changedAddress, navigate, useParameters } from '../../router'
import { useLive, useTime } from '../../time'
import { useEffect, useState } from 'react'
import { FieldList } from './field-list'
import { Histogram } from './histogram'
import { scopeOf } from './log-api'
import { LogPanel } from './log-panel'
import styles from './logs.module.css'
import { PatternTable } from './pattern-table'
import { LOG_FIELDS } from './state'

const KEYS = ['service', 'level', 'severity_text', 'message', 'event', 'trace', 'span', 'scope', 'status']
const TABS = [
  { name: 'lines' as const, label: 'Lines' },
  { name: 'patterns' as const, label: 'Patterns' },
]

export default function Page() {
  const [state, change] = useParameters(LOG_FIELDS)
  const kept = useQueryOf(state.query)
  const query = state.query === '' ? state.q : (kept.data?.text ?? null)
  const time = useTime()
  const [isFolded, fold] = useRemembered('logs.histogram-folded', false)
  const [hasFields, setFields] = useRemembered('logs.fields', innerWidth > 1000)
  const [error, setError] = useState<Error | null>(null)
  useEffect(() => setError(null), [query])
  useLive(state.tail && !time.isLive)
  const ask = async (text: string) => change({ ...(await textInAddress('logs', text)), at: undefined, open: [] })
  // What comes is part of a time that ends now.
  const follow = (isOn: boolean) => navigate(changedAddress({ tail: isOn, at: undefined, view: undefined, ...(time.isRelative ? {} : { from: undefined, to: undefined }) }))
  useKeys('Logs', [
    { keys: 'f', does: 'Follow what comes, or stop', run: () => follow(!state.tail) },
    { keys: 'p', does: 'Patterns, or lines', run: () => change({ view: state.view === 'lines' ? 'patterns' : undefined }) },
  ])
  if (query === null) return kept.error ? <Problem error={kept.error} onRetry={() => kept.refetch()} /> : <div aria-busy="true" />
  const scope = scopeOf(query, time)
  return (
    <div className={styles.page}>
      <h1 className="sr-only">Logs</h1>
      <div className="row">
        <QueryField of="logs" value={query} onSubmit={(text) => void ask(text)} keys={KEYS} placeholder={'service:checkout level:>=warn "card declined"'} isWrong={error !== null} />
        <KeptQueries of="logs" text={query} onChoose={(text) => void ask(text)} />
        <Button icon={state.tail ? 'pause' : 'play'} aria-pressed={state.tail} onClick={() => follow(!state.tail)} title="f">
          {state.tail ? 'Stop following' : 'Follow'}
        </Button>
      </div>
      {state.at === '' && <Histogram scope={scope} isFolded={isFolded} onFold={fold} />}
      <div className={styles.tabs}>
        <Tabs label="How records are shown" tabs={TABS} open={state.view} onOpen={(view) => change({ view: view === 'lines' ? undefined : view })} />
        <Button kind="plain" icon="filter" aria-pressed={hasFields} onClick={() => setFields(!hasFields)}>
          Fields
        </Button>
      </div>
      <div className={styles.both} data-logs="" data-fields={hasFields ? '' : undefined}>
        {hasFields && <FieldList scope={scope} shown={state.show} />}
        {state.view === 'patterns' ? <PatternTable scope={scope} /> : <LogPanel query={query} onError={setError} />}
      </div>
    </div>
  )
}
