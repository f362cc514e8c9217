// A dashboard's title, the time it opens with, its variables and its annotations.
import { useState } from 'react'
import { Button, Field, Input, Select, TextArea } from '../../parts/controls'
import { Dialog } from '../../parts/dialog'
import { AnnotationFields } from './annotation-fields'
import styles from './dashboards.module.css'
import { type Dashboard, freeName, textOf, type VariableDocument } from './document'
import { durationSeconds } from './interpolate'

interface SettingsProps {
  document: Dashboard
  onChange: (document: Dashboard) => void
  onClose: () => void
}

export function Settings({ document, onChange, onClose }: SettingsProps) {
  const { spec } = document
  const { display = {}, variables = [], annotations = [] } = spec
  const set = (changed: Partial<Dashboard['spec']>) => onChange({ ...document, spec: { ...spec, ...changed } })
  const isGoodTime = spec.duration === undefined || durationSeconds(spec.duration) !== null
  const put = (place: number, variable: VariableDocument) => set({ variables: variables.map((each, at) => (at === place ? variable : each)) })
  const move = (place: number, step: number) => {
    const others = variables.toSpliced(place, 1)
    set({ variables: others.toSpliced(place + step, 0, variables[place]!) })
  }
  const add = () => set({ variables: [...variables, { kind: 'ListVariable', spec: { name: freeName('variable', variables.map((each) => each.spec.name)), allowAllValue: false, allowMultiple: false, plugin: { kind: 'PrometheusLabelValuesVariable', spec: { labelName: 'job' } } } }] })
  return (
    <div className={styles.wide}>
      <Dialog title="Settings, variables and annotations" onClose={onClose}>
        <div className={styles.pair}>
          <Field label="Title">
            <Input value={display.name ?? ''} onChange={(event) => set({ display: { ...display, name: event.target.value } })} />
          </Field>
          <Field label="Opens with the last" hint={isGoodTime ? '30m, 6h, 7d' : 'That is no duration: expected such as 30m, 6h or 7d'}>
            <Input value={spec.duration ?? ''} aria-invalid={!isGoodTime} onChange={(event) => set({ duration: event.target.value || undefined })} />
          </Field>
        </div>
        <Field label="Description">
          <TextArea rows={2} value={display.description ?? ''} onChange={(event) => set({ display: { ...display, description: event.target.value || undefined } })} />
        </Field>
        <h3>Variables</h3>
        {variables.length === 0 && <p className="muted">There are none. A variable is chosen above the panels, and stands in queries as $name.</p>}
        {variables.map((variable, place) => (
          <Variable key={place} variable={variable} onChange={(changed) => put(place, changed)} onRemove={() => set({ variables: variables.toSpliced(place, 1) })} onUp={place === 0 ? undefined : () => move(place, -1)} others={variables.filter((_, at) => at !== place).map((each) => each.spec.name)} />
        ))}
        <div className="row">
          <Button icon="plus" onClick={add}>
            Add a variable
          </Button>
        </div>
        <AnnotationFields annotations={annotations} onChange={(changed) => set({ annotations: changed })} />
        <div className="row">
          <Button kind="main" icon="check" onClick={onClose}>
            Done
          </Button>
        </div>
      </Dialog>
    </div>
  )
}

const KINDS: [string, string][] = [
  ['TextVariable', 'Text'],
  ['StaticListVariable', 'List'],
  ['PrometheusLabelValuesVariable', 'Values of a label'],
  ['PrometheusPromQLVariable', 'PromQL'],
  ['VitrineSqlVariable', 'SQL'],
]

const EMPTY: Record<string, Record<string, unknown>> = { StaticListVariable: { values: ['one', 'two'] }, PrometheusLabelValuesVariable: { labelName: 'job' }, PrometheusPromQLVariable: { expr: '', labelName: 'job' }, VitrineSqlVariable: { query: 'SELECT service FROM services ORDER BY 1' } }

interface VariableProps {
  variable: VariableDocument
  others: string[]
  onChange: (variable: VariableDocument) => void
  onRemove: () => void
  onUp?: () => void
}

function Variable({ variable, others, onChange, onRemove, onUp }: VariableProps) {
  const { spec } = variable
  const kind = variable.kind === 'TextVariable' ? variable.kind : (spec.plugin?.kind ?? '')
  const set = (changed: Partial<VariableDocument['spec']>) => onChange({ ...variable, spec: { ...spec, ...changed } })
  const isGoodName = /^\w+$/.test(spec.name) && !/^\d+$/.test(spec.name) && !others.includes(spec.name)
  const asKind = (next: string) => {
    if (next === 'TextVariable') onChange({ kind: 'TextVariable', spec: { name: spec.name, display: spec.display, value: '' } })
    else onChange({ kind: 'ListVariable', spec: { name: spec.name, display: spec.display, allowAllValue: spec.allowAllValue ?? false, allowMultiple: spec.allowMultiple ?? false, plugin: { kind: next, spec: EMPTY[next] ?? {} } } })
  }
  return (
    <fieldset className={styles.query}>
      <legend>${spec.name}</legend>
      <div className={styles.pair}>
        <Field label="Name" hint={isGoodName ? undefined : 'Letters, digits and _, and no other variable has it'}>
          <Input value={spec.name} aria-invalid={!isGoodName} onChange={(event) => set({ name: event.target.value.replace(/\W/g, '_') })} />
        </Field>
        <Field label="Called">
          <Input value={spec.display?.name ?? ''} placeholder={spec.name} onChange={(event) => set({ display: { ...spec.display, name: event.target.value || undefined } })} />
        </Field>
        <Field label="Its values">
          <Select value={kind} onChange={(event) => asKind(event.target.value)}>
            {!KINDS.some(([value]) => value === kind) && <option value={kind}>{kind}</option>}
            {KINDS.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </Select>
        </Field>
        <Source variable={variable} set={set} />
      </div>
      {variable.kind === 'ListVariable' && (
        <div className="row">
          <label>
            <input type="checkbox" checked={spec.allowMultiple === true} onChange={(event) => set({ allowMultiple: event.target.checked })} /> Several at once
          </label>
          <label>
            <input type="checkbox" checked={spec.allowAllValue === true} onChange={(event) => set({ allowAllValue: event.target.checked })} /> All of them
          </label>
        </div>
      )}
      <div className="row">
        {onUp && <Button onClick={onUp}>Move up</Button>}
        <Button kind="bad" onClick={onRemove}>
          Remove
        </Button>
      </div>
    </fieldset>
  )
}

function Source({ variable, set }: { variable: VariableDocument; set: (spec: Partial<VariableDocument['spec']>) => void }) {
  const { spec, kind } = variable
  const { plugin } = spec
  if (kind === 'TextVariable') {
    return (
      <Field label="Text">
        <Input value={spec.value ?? ''} onChange={(event) => set({ value: event.target.value })} />
      </Field>
    )
  }
  if (plugin === undefined) return null
  const setPlugin = (changed: Record<string, unknown>) => set({ plugin: { ...plugin, spec: { ...plugin.spec, ...changed } } })
  const field = (name: string, label: string, hint?: string) => (
    <Field label={label} hint={hint}>
      <Input value={textOf(plugin, name)} onChange={(event) => setPlugin({ [name]: event.target.value })} />
    </Field>
  )
  switch (plugin.kind) {
    case 'StaticListVariable':
      return <StaticValues values={Array.isArray(plugin.spec.values) ? plugin.spec.values : []} onChange={(values) => setPlugin({ values })} />
    case 'PrometheusLabelValuesVariable':
      return (
        <>
          {field('labelName', 'Label')}
          <Field label="Of series" hint='up{job="$job"}; empty: of all'>
            <Input value={Array.isArray(plugin.spec.matchers) ? plugin.spec.matchers.join(' ') : ''} onChange={(event) => setPlugin({ matchers: event.target.value === '' ? undefined : [event.target.value] })} />
          </Field>
        </>
      )
    case 'PrometheusPromQLVariable':
      return (
        <>
          {field('expr', 'Expression')}
          {field('labelName', 'Label')}
        </>
      )
    case 'VitrineSqlVariable':
      return field('query', 'Statement', 'The first column of each row is a value')
    default:
      return <p className="muted">Values of this kind cannot be asked for here.</p>
  }
}

function StaticValues({ values, onChange }: { values: unknown[]; onChange: (values: string[]) => void }) {
  const now = values.map((value) => (typeof value === 'string' ? value : String((value as { value?: unknown } | null)?.value ?? ''))).join(', ')
  const [typed, setTyped] = useState<string | null>(null)
  return (
    <Field label="Values" hint="With commas between">
      <Input
        value={typed ?? now}
        onChange={(event) => {
          setTyped(event.target.value)
          onChange(event.target.value.split(',').map((value) => value.trim()).filter((value) => value !== ''))
        }}
        onBlur={() => setTyped(null)}
      />
    </Field>
  )
}
