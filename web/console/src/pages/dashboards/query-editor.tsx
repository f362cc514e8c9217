// One query of a panel: its language, its text, and what its series are called.
import type { ReactNode } from 'react'
import { Button, Field, Input, Select } from '../../parts/controls'
import { Editor } from '../../parts/editor'
import { type Query, textOf } from './document'
import styles from './dashboards.module.css'
import { newQuery, QUERY_KINDS } from './queries'

interface QueryEditorProps {
  place: number
  query: Query
  /** Kinds that the panel can show. */
  kinds: string[]
  onChange: (query: Query) => void
  onRemove: () => void
  /** Settings of the panel that are about this query. */
  children: ReactNode
}

const HINTS: Record<string, string> = {
  VitrineSqlQuery: 'A column of times and columns of numbers are lines; texts name them. $__time_from, $__time_to and $__step stand for the time that is looked at.',
  VitrineLogQuery: 'As on the page of logs: service:checkout level:>=warn "card declined".',
  VitrineSpanHeatMapQuery: 'Which spans are counted, as on the page of traces: service:checkout. Empty counts all.',
}

export function QueryEditor({ place, query, kinds, onChange, onRemove, children }: QueryEditorProps) {
  const { plugin } = query.spec
  const known = QUERY_KINDS.find(({ kind }) => kind === plugin.kind)
  const letter = String.fromCharCode(65 + place)
  const set = (spec: Record<string, unknown>) => onChange({ ...query, spec: { ...query.spec, plugin: { ...plugin, spec: { ...plugin.spec, ...spec } } } })
  const asKind = (kind: string) => {
    const made = newQuery(kind)
    const text = textOf(plugin, 'query')
    onChange(text === '' || kind === 'JaegerTraceQuery' ? made : { ...made, spec: { plugin: { kind, spec: { query: text } } } })
  }
  return (
    <fieldset className={styles.query}>
      <legend>Query {letter}</legend>
      <div className="row">
        <Select aria-label={`Language of query ${letter}`} value={plugin.kind} onChange={(event) => asKind(event.target.value)}>
          {known === undefined && <option value={plugin.kind}>{plugin.kind}</option>}
          {QUERY_KINDS.filter(({ kind }) => kinds.includes(kind)).map(({ kind, name }) => (
            <option key={kind} value={kind}>
              {name}
            </option>
          ))}
        </Select>
        <Button kind="plain" icon="close" label={`Remove query ${letter}`} onClick={onRemove} />
      </div>
      {plugin.kind === 'JaegerTraceQuery' ? (
        <TraceFields get={(name) => textOf(plugin, name)} set={set} />
      ) : (
        <Editor
          key={known?.language}
          label={`Query ${letter}`}
          language={known?.language === 'promql' || known?.language === 'sql' ? known.language : 'plain'}
          value={textOf(plugin, 'query')}
          onChange={(text) => set({ query: text })}
          onSubmit={() => {}}
          minLines={known?.language === 'sql' ? 4 : 2}
        />
      )}
      {HINTS[plugin.kind] && <p className="muted">{HINTS[plugin.kind]}</p>}
      {(plugin.kind === 'PrometheusTimeSeriesQuery' || plugin.kind === 'LokiTimeSeriesQuery') && (
        <div className={styles.pair}>
          <Field label="What a line is called" hint="{{job}} stands for a label">
            <Input value={textOf(plugin, 'seriesNameFormat')} onChange={(event) => set({ seriesNameFormat: event.target.value || undefined })} />
          </Field>
          <Field label="Shortest step" hint="30s; else by the time that is looked at">
            <Input value={textOf(plugin, 'minStep')} onChange={(event) => set({ minStep: event.target.value || undefined })} />
          </Field>
        </div>
      )}
      {children}
    </fieldset>
  )
}

function TraceFields({ get, set }: { get: (name: string) => string; set: (spec: Record<string, unknown>) => void }) {
  const field = (name: string, label: string, hint?: string) => (
    <Field label={label} hint={hint}>
      <Input value={get(name)} onChange={(event) => set({ [name]: event.target.value || (name === 'service' ? '' : undefined) })} />
    </Field>
  )
  return (
    <div className={styles.pair}>
      {field('service', 'Service')}
      {field('operation', 'Operation')}
      {field('tags', 'Attributes', 'error=true http.route="/orders"')}
      {field('minDuration', 'At least', '200ms')}
    </div>
  )
}
