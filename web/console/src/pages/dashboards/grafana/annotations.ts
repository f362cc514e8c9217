// Grafana's annotations as the dashboard's.
import type { AnnotationDocument } from '../document'
import { references, type SourceAnnotation, text } from './source'

/** What the question of each data source becomes. */
const KINDS: Record<string, { kind: string; field: string }> = { prometheus: { kind: 'PrometheusPromQLAnnotation', field: 'expr' }, loki: { kind: 'LokiLogAnnotation', field: 'query' } }

/** Returns an annotation; null if it cannot be asked for here. What is not the same is told to `lose`. */
export function convertAnnotation({ name, isShown, isOnSomePanels, source, spec }: SourceAnnotation, lose: (why: string) => void): AnnotationDocument | null {
  const known = KINDS[source]
  const expr = references(text(spec.expr))
  if (known === undefined) lose(source === '' || source === 'grafana' || source === 'datasource' ? 'its events are kept by Grafana itself' : `its data source is of the type ${source}, which there is none of here`)
  else if (expr.trim() === '') lose('it asks nothing')
  if (known === undefined || expr.trim() === '') return null
  // Such an expression names moments by its values, and the time of a sample says nothing.
  if (isOn(spec.useValueForTime)) {
    lose('its times are the values of its samples')
    return null
  }
  if (isOnSomePanels) lose('it is marked on some panels only; here it is on all charts over time')
  const [title, legend] = [spec.titleFormat, spec.textFormat].map((written) => references(text(written)))
  const tags = text(spec.tagKeys).split(',').map((tag) => tag.trim()).filter((tag) => tag !== '')
  return {
    display: { name, ...(isShown ? {} : { hidden: true }) },
    plugin: { kind: known.kind, spec: { [known.field]: expr, ...(title === '' ? {} : { title }), ...(legend === '' ? {} : { legend }), ...(tags.length === 0 ? {} : { tags }) } },
  }
}

const isOn = (value: unknown) => value === true || value === 'on'
