// The annotations of a dashboard, as its settings have them.
import { Button, Field, Input, Select } from '../../parts/controls'
import { ANNOTATION_KINDS } from './annotations'
import { type AnnotationDocument, freeName, textOf } from './document'
import styles from './dashboards.module.css'

const HINTS: Record<string, string> = {
  PrometheusPromQLAnnotation: 'Marks each moment at which a series appears, or rises: changes(process_start_time_seconds[1m]) > 0',
  VitrineLogAnnotation: 'Marks each line, as on the page of logs: service:deployer level:>=warn',
  LokiLogAnnotation: 'Marks each line: {service_name="deployer"} |= "done"',
}

export function AnnotationFields({ annotations, onChange }: { annotations: AnnotationDocument[]; onChange: (annotations: AnnotationDocument[] | undefined) => void }) {
  const names = annotations.map(({ display }) => display.name)
  const add = () => onChange([...annotations, { display: { name: freeName('Events', names) }, plugin: { kind: 'PrometheusPromQLAnnotation', spec: { expr: '' } } }])
  const remove = (place: number) => onChange(annotations.length === 1 ? undefined : annotations.toSpliced(place, 1))
  return (
    <>
      <h3>Annotations</h3>
      {annotations.length === 0 && <p className="muted">There are none. An annotation marks on all charts over time when something happened.</p>}
      {annotations.map((annotation, place) => (
        <Annotation key={place} annotation={annotation} others={names.toSpliced(place, 1)} onChange={(changed) => onChange(annotations.with(place, changed))} onRemove={() => remove(place)} />
      ))}
      <div className="row">
        <Button icon="plus" onClick={add}>
          Add an annotation
        </Button>
      </div>
    </>
  )
}

interface AnnotationProps {
  annotation: AnnotationDocument
  others: string[]
  onChange: (annotation: AnnotationDocument) => void
  onRemove: () => void
}

function Annotation({ annotation, others, onChange, onRemove }: AnnotationProps) {
  const { display, plugin } = annotation
  const known = ANNOTATION_KINDS.find(({ kind }) => kind === plugin.kind)
  const isGoodName = display.name !== '' && !others.includes(display.name)
  const set = (name: string, value: string) => onChange({ ...annotation, plugin: { ...plugin, spec: { ...plugin.spec, [name]: value || undefined } } })
  const asKind = (kind: string) => {
    const field = ANNOTATION_KINDS.find((each) => each.kind === kind)?.field ?? 'query'
    onChange({ ...annotation, plugin: { kind, spec: { [field]: textOf(plugin, known?.field ?? field), title: plugin.spec.title } } })
  }
  return (
    <fieldset className={styles.query}>
      <legend>{display.name}</legend>
      <div className={styles.pair}>
        <Field label="Called" hint={isGoodName ? undefined : 'It needs a name that no other annotation has'}>
          <Input value={display.name} aria-invalid={!isGoodName} onChange={(event) => onChange({ ...annotation, display: { ...display, name: event.target.value } })} />
        </Field>
        <Field label="Found by">
          <Select value={plugin.kind} onChange={(event) => asKind(event.target.value)}>
            {known === undefined && <option value={plugin.kind}>{plugin.kind}</option>}
            {ANNOTATION_KINDS.map(({ kind, name }) => (
              <option key={kind} value={kind}>
                {name}
              </option>
            ))}
          </Select>
        </Field>
      </div>
      {known && (
        <>
          <Field label="Query" hint={HINTS[known.kind]}>
            <Input className={styles.code} value={textOf(plugin, known.field)} onChange={(event) => set(known.field, event.target.value)} />
          </Field>
          <Field label="Says" hint="{{job}} stands for a label; empty: all labels, or the line">
            <Input value={textOf(plugin, 'title')} onChange={(event) => set('title', event.target.value)} />
          </Field>
        </>
      )}
      <div className="row">
        <label className={styles.check}>
          <input type="checkbox" checked={display.hidden !== true} onChange={(event) => onChange({ ...annotation, display: { ...display, hidden: event.target.checked ? undefined : true } })} /> Shown when the dashboard is opened
        </label>
        <Button kind="bad" onClick={onRemove}>
          Remove
        </Button>
      </div>
    </fieldset>
  )
}
