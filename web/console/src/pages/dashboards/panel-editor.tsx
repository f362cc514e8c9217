// Edits one panel beside what it shows. Each change is in the draft at once: closing it loses nothing.
import { useState } from 'react'
import { Button, Field, Input, Select, TextArea } from '../../parts/controls'
import { Dialog } from '../../parts/dialog'
import { Panel } from '../../parts/panel'
import type { Mark } from '../../parts/time-chart'
import type { TimeRange } from '../../time'
import { type PanelDocument, panelTitle, type Plugin, type Repeat } from './document'
import styles from './dashboards.module.css'
import { interpolate, type Values } from './interpolate'
import { Looks } from './panel-looks'
import { withoutQuerySettings } from './panels/axes'
import { PANEL_KINDS, PanelBody, panelKind } from './panels/panel-body'
import { newQuery } from './queries'
import { QueryAxis } from './query-axis'
import { QueryEditor } from './query-editor'
import { RepeatFields } from './repeat-fields'
import { useSettled } from '../../parts/use-seen'

const PREVIEW_HEIGHT = 300
/** How long one has not typed before what was typed is asked. */
const TYPING_MS = 500

interface PanelEditorProps {
  panel: PanelDocument
  repeat: Repeat | undefined
  /** Names of the variables that it can be repeated for. */
  repeatable: string[]
  values: Values
  variables: string[]
  time: TimeRange
  marks: Mark[]
  onChange: (panel: PanelDocument, repeat: Repeat | undefined) => void
  onClose: () => void
}

export function PanelEditor({ panel, repeat, repeatable, onChange, onClose, ...rest }: PanelEditorProps) {
  const [before] = useState({ panel, repeat })
  const settled = useSettled(panel, TYPING_MS)
  const { plugin, queries = [], display = {} } = panel.spec
  const change = (spec: Partial<PanelDocument['spec']>) => onChange({ ...panel, spec: { ...panel.spec, ...spec } }, repeat)
  const kinds = panelKind(plugin.kind)?.queries ?? []
  return (
    <div className={styles.wide}>
      <Dialog title={`Edit panel ${panelTitle(panel)}`} onClose={onClose}>
        <div className={styles.editor}>
          <div className={styles.preview}>
            <PanelBody panel={settled} height={PREVIEW_HEIGHT} {...rest}>
              {(body) => (
                <Panel title={interpolate(panelTitle(settled), rest.values) || 'Without a title'} level={3}>
                  <div className={styles.body} ref={(element) => element?.style.setProperty('--body', `${PREVIEW_HEIGHT}px`)}>
                    {body}
                  </div>
                </Panel>
              )}
            </PanelBody>
            {queries.map((query, place) => (
              <QueryEditor
                key={place}
                place={place}
                query={query}
                kinds={kinds}
                onChange={(changed) => change({ queries: queries.map((each, at) => (at === place ? changed : each)) })}
                onRemove={() => change({ queries: queries.filter((_, at) => at !== place), plugin: withoutQuerySettings(plugin, place) })}
              >
                {plugin.kind === 'TimeSeriesChart' && queries.length > 1 && <QueryAxis plugin={plugin} query={place} onChange={(changed) => change({ plugin: changed })} />}
              </QueryEditor>
            ))}
            {kinds.length > 0 && (
              <Button icon="plus" onClick={() => change({ queries: [...queries, newQuery(kinds[0] ?? '')] })}>
                Add a query
              </Button>
            )}
          </div>
          <div className={styles.looks}>
            <Field label="Title">
              <Input value={display.name ?? ''} onChange={(event) => change({ display: { ...display, name: event.target.value } })} />
            </Field>
            <Field label="Description">
              <TextArea rows={2} value={display.description ?? ''} onChange={(event) => change({ display: { ...display, description: event.target.value || undefined } })} />
            </Field>
            <Field label="Shown as">
              <Select value={plugin.kind} onChange={(event) => change(asKind(panel, event.target.value).spec)}>
                {panelKind(plugin.kind) === undefined && <option value={plugin.kind}>{plugin.kind}</option>}
                {PANEL_KINDS.map(({ kind, name }) => (
                  <option key={kind} value={kind}>
                    {name}
                  </option>
                ))}
              </Select>
            </Field>
            <Looks plugin={plugin} onChange={(changed) => change({ plugin: changed })} />
            <RepeatFields repeat={repeat} names={repeatable} onChange={(changed) => onChange(panel, changed)} />
            <AsJson plugin={plugin} onChange={(spec) => change({ plugin: { ...plugin, spec } })} />
          </div>
        </div>
        <div className="row">
          <Button kind="main" icon="check" onClick={onClose}>
            Done
          </Button>
          <Button onClick={() => onChange(before.panel, before.repeat)} disabled={before.panel === panel && before.repeat === repeat}>
            As it was
          </Button>
        </div>
      </Dialog>
    </div>
  )
}

/** What a panel of a kind has to say at the least. */
const NEEDED: Record<string, Record<string, unknown>> = { StatChart: { calculation: 'last-number' }, GaugeChart: { calculation: 'last-number' }, BarChart: { calculation: 'last-number', sort: 'desc' }, Markdown: { text: '' }, TimeSeriesChart: { legend: { position: 'bottom' } } }

/** Returns a panel that is shown as another kind. Queries that it cannot show go; settings of the other kind, too. */
export function asKind(panel: PanelDocument, kind: string): PanelDocument {
  const can = panelKind(kind)?.queries ?? []
  const kept = (panel.spec.queries ?? []).filter(({ spec }) => can.includes(spec.plugin.kind))
  const queries = kept.length > 0 || can[0] === undefined ? kept : [newQuery(can[0])]
  const format = panel.spec.plugin.spec.format ?? (panel.spec.plugin.spec.yAxis as { format?: unknown } | undefined)?.format
  const needed = NEEDED[kind] ?? {}
  const spec = format === undefined ? needed : kind === 'TimeSeriesChart' ? { ...needed, yAxis: { format } } : ['StatChart', 'GaugeChart', 'BarChart'].includes(kind) ? { ...needed, format } : needed
  return { ...panel, spec: { ...panel.spec, plugin: { kind, spec }, queries } }
}

/** All settings as they are stored: what has no field above can be set here. */
function AsJson({ plugin, onChange }: { plugin: Plugin; onChange: (spec: Record<string, unknown>) => void }) {
  const now = JSON.stringify(plugin.spec, null, 2)
  const [typed, setTyped] = useState<string | null>(null)
  const [problem, setProblem] = useState('')
  const read = (text: string) => {
    setTyped(text)
    try {
      const spec: unknown = JSON.parse(text)
      if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) throw new Error('expected an object')
      setProblem('')
      onChange(spec as Record<string, unknown>)
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <details>
      <summary>All settings as JSON</summary>
      <TextArea className={styles.code} rows={10} aria-label="All settings as JSON" aria-invalid={problem !== ''} spellCheck={false} value={typed ?? now} onChange={(event) => read(event.target.value)} onBlur={() => problem === '' && setTyped(null)} />
      {problem && <p className="bad">Not taken: {problem}</p>}
    </details>
  )
}
