// How a panel shows its values: the settings that people want mostly. All others are in its JSON.
import { useState } from 'react'
import { Field, Input, Select, TextArea } from '../../parts/controls'
import { part, type Plugin, textOf } from './document'
import styles from './dashboards.module.css'
import { type Format, UNITS } from './units'

interface LooksProps {
  plugin: Plugin
  onChange: (plugin: Plugin) => void
}

const CALCULATIONS: [string, string][] = [
  ['last-number', 'Newest'],
  ['mean', 'Mean'],
  ['sum', 'Sum'],
  ['min', 'Least'],
  ['max', 'Greatest'],
  ['first-number', 'First'],
]

export function Looks({ plugin, onChange }: LooksProps) {
  const set = (spec: Record<string, unknown>) => onChange({ ...plugin, spec: { ...plugin.spec, ...spec } })
  const setPart = (name: string, change: Record<string, unknown>) => set({ [name]: { ...part(plugin, name), ...change } })
  switch (plugin.kind) {
    case 'TimeSeriesChart':
      return <TimeSeriesLooks plugin={plugin} set={set} setPart={setPart} />
    case 'StatChart':
    case 'GaugeChart':
    case 'BarChart':
      return <NumberLooks plugin={plugin} set={set} setPart={setPart} />
    case 'HeatMapChart':
      return <FormatFields format={part(plugin, 'yAxisFormat')} onChange={(yAxisFormat) => set({ yAxisFormat })} />
    case 'LogsTable':
      return <Check label="Long lines are wrapped" isOn={plugin.spec.wrap === true} onChange={(wrap) => set({ wrap })} />
    case 'Markdown':
      return (
        <Field label="Text" hint="Markdown: # headings, **bold**, - lists, [links](/logs), tables. HTML is shown as text.">
          <TextArea className={styles.code} rows={12} value={textOf(plugin, 'text')} onChange={(event) => set({ text: event.target.value })} />
        </Field>
      )
    case 'VitrineServiceMap':
      return (
        <Field label="Service" hint="A pattern; empty shows all">
          <Input value={textOf(plugin, 'service')} onChange={(event) => set({ service: event.target.value || undefined })} />
        </Field>
      )
    default:
      return null
  }
}

interface PartProps {
  plugin: Plugin
  set: (spec: Record<string, unknown>) => void
  setPart: (name: string, change: Record<string, unknown>) => void
}

function TimeSeriesLooks({ plugin, set, setPart }: PartProps) {
  const [axis, visual] = [part(plugin, 'yAxis'), part(plugin, 'visual')]
  const drawn = visual.display === 'bar' ? 'bar' : visual.stack === 'all' ? 'stacked' : Number(visual.areaOpacity ?? 0) > 0 ? 'area' : 'line'
  const draw = (as: string) => set({ visual: { ...visual, display: as === 'bar' ? 'bar' : 'line', stack: as === 'stacked' ? 'all' : undefined, areaOpacity: as === 'area' ? 0.2 : undefined } })
  return (
    <>
      <Field label="Drawn as">
        <Select value={drawn} onChange={(event) => draw(event.target.value)}>
          <option value="line">Lines</option>
          <option value="area">Areas</option>
          <option value="stacked">Areas upon each other</option>
          <option value="bar">Bars</option>
        </Select>
      </Field>
      <FormatFields format={(axis.format ?? {}) as Format} onChange={(format) => setPart('yAxis', { format })} />
      <div className={styles.pair}>
        <NumberField label="Axis begins at" value={axis.min} onChange={(min) => setPart('yAxis', { min })} />
        <NumberField label="Axis ends at" value={axis.max} onChange={(max) => setPart('yAxis', { max })} />
      </div>
      <Thresholds plugin={plugin} set={set} />
      <Check label="Lines are named below" isOn={plugin.spec.legend !== undefined} onChange={(isOn) => set({ legend: isOn ? { position: 'bottom' } : undefined })} />
    </>
  )
}

function NumberLooks({ plugin, set }: PartProps) {
  return (
    <>
      <Field label="Which value of each series">
        <Select value={textOf(plugin, 'calculation') || 'last-number'} onChange={(event) => set({ calculation: event.target.value })}>
          {CALCULATIONS.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </Select>
      </Field>
      <FormatFields format={part(plugin, 'format')} onChange={(format) => set({ format })} />
      {plugin.kind === 'BarChart' ? (
        <Check label="As shares of all" isOn={plugin.spec.mode === 'percentage'} onChange={(isOn) => set({ mode: isOn ? 'percentage' : 'value' })} />
      ) : (
        <Thresholds plugin={plugin} set={set} />
      )}
      {plugin.kind === 'StatChart' && <Check label="With its course as a line" isOn={plugin.spec.sparkline !== undefined} onChange={(isOn) => set({ sparkline: isOn ? {} : undefined })} />}
      {plugin.kind === 'GaugeChart' && <NumberField label="Greatest value" value={plugin.spec.max} onChange={(max) => set({ max })} />}
    </>
  )
}

interface FormatProps {
  format: Format
  onChange: (format: Format | undefined) => void
}

function FormatFields({ format, onChange }: FormatProps) {
  return (
    <div className={styles.pair}>
      <UnitField format={format} onChange={onChange} />
      <NumberField label="Decimals" value={format.decimalPlaces} onChange={(places) => onChange({ ...format, unit: format.unit || 'decimal', decimalPlaces: places })} />
    </div>
  )
}

export function UnitField({ format, onChange }: FormatProps) {
  const { unit = '' } = format
  return (
    <Field label="Unit">
      <Select value={unit} onChange={(event) => onChange(event.target.value === '' ? undefined : { ...format, unit: event.target.value })}>
        {!UNITS.some(([value]) => value === unit) && <option value={unit}>{unit}</option>}
        {UNITS.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </Select>
    </Field>
  )
}

export function NumberField({ label, value, onChange }: { label: string; value: unknown; onChange: (value: number | undefined) => void }) {
  return (
    <Field label={label}>
      <Input type="number" step="any" value={typeof value === 'number' ? value : ''} onChange={(event) => onChange(event.target.value === '' ? undefined : Number(event.target.value))} />
    </Field>
  )
}

interface Step {
  value: number
  color?: string
  name?: string
}

/** "0.05 some fail, 0.2 many fail": values from which on something is said of them. */
function Thresholds({ plugin, set }: { plugin: Plugin; set: (spec: Record<string, unknown>) => void }) {
  const { steps = [], ...rest } = part(plugin, 'thresholds') as { steps?: Step[] }
  const now = steps.map(({ value, name }) => (name ? `${value} ${name}` : String(value))).join(', ')
  const [typed, setTyped] = useState<string | null>(null)
  const read = (text: string) => {
    setTyped(text)
    const found = text
      .split(',')
      .map((each) => /^\s*(-?[\d.]+(?:e-?\d+)?)\s*(.*?)\s*$/i.exec(each))
      .filter((match) => match !== null)
      .map(([, value, name]) => ({ ...steps.find((step) => step.value === Number(value)), value: Number(value), ...(name ? { name } : {}) }))
      .filter(({ value }) => !Number.isNaN(value))
    set({ thresholds: found.length === 0 ? undefined : { ...rest, steps: found } })
  }
  return (
    <Field label="Marked from" hint="0.05, or 0.01 some fail, 0.05 many fail">
      <Input value={typed ?? now} onChange={(event) => read(event.target.value)} onBlur={() => setTyped(null)} />
    </Field>
  )
}

function Check({ label, isOn, onChange }: { label: string; isOn: boolean; onChange: (isOn: boolean) => void }) {
  return (
    <label className={styles.check}>
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.target.checked)} /> {label}
    </label>
  )
}
