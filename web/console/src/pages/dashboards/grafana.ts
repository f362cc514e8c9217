// Takes dashboards of Grafana: its classic JSON, the same as a resource, and V2. What could not be taken is listed, each with where and why.
import { type AnnotationDocument, COLUMNS, type Dashboard, freeName, type Grid, type GridItem, nameFrom, type PanelDocument, refTo, type Repeat, type VariableDocument } from './document'
import { convertAnnotation } from './grafana/annotations'
import { readClassic } from './grafana/classic'
import { convertPanel } from './grafana/panels'
import { type Json, type Lost, object, type Source, type SourceItem, type SourceRepeat, type SourceSection, text } from './grafana/source'
import { readV2 } from './grafana/v2'
import { convertVariable } from './grafana/variables'
import { durationSeconds } from './interpolate'
import { packed } from './layout'

export type { Lost } from './grafana/source'

interface Converted {
  document: Dashboard
  lost: Lost[]
}

/** Returns whether a value looks like a dashboard of Grafana. */
export function isGrafana(value: unknown): boolean {
  const json = object(value)
  return text(json.apiVersion).startsWith('dashboard.grafana.app/') || 'schemaVersion' in json || Array.isArray(json.panels) || Array.isArray(json.rows) || isV2(json) || (typeof json.dashboard === 'object' && isGrafana(json.dashboard))
}

const isV2 = (json: Json) => typeof json.elements === 'object' && typeof json.layout === 'object'

/** Returns the dashboard that one of Grafana's becomes. Throws a sentence if it is none. */
export function convertGrafana(value: unknown): Converted {
  const json = object(value)
  const inner = json.dashboard === undefined ? json : object(json.dashboard)
  const content = inner.spec === undefined ? inner : object(inner.spec)
  if (!isGrafana(value) && !isV2(content)) throw new Error('It is no dashboard of Grafana: it has neither panels nor elements.')
  return assemble(isV2(content) ? readV2(content) : readClassic(content))
}

function assemble(source: Source): Converted {
  const told: Lost[] = []
  const variables: VariableDocument[] = source.variables.flatMap((variable) => convertVariable(variable, (why) => told.push({ where: `variable ${variable.name}`, why })) ?? [])
  const annotations: AnnotationDocument[] = source.annotations.flatMap((annotation) => convertAnnotation(annotation, (why) => told.push({ where: `annotations “${annotation.name}”`, why })) ?? [])
  const lost: Lost[] = [...source.lost]
  const names = variables.map(({ spec }) => spec.name)
  const panels: Record<string, PanelDocument> = {}
  const layouts = source.sections.flatMap((section) => gridOf(section, panels, names, lost))
  const times = timesOf(source, lost)
  const title = source.title || 'Imported dashboard'
  return {
    document: {
      kind: 'Dashboard',
      metadata: { name: nameFrom(title) },
      spec: {
        display: { name: title, ...(source.description === '' ? {} : { description: source.description }) },
        ...times,
        variables,
        panels,
        layouts: layouts.length === 0 ? [{ kind: 'Grid', spec: { items: [] } }] : layouts,
        ...(annotations.length === 0 ? {} : { annotations }),
      },
    },
    lost: [...lost, ...told],
  }
}

/** Returns a section with its panels, which are put among the others; none where none of them can be shown. */
function gridOf({ title, isOpen, items: found, repeat = '' }: SourceSection, panels: Record<string, PanelDocument>, variables: string[], lost: Lost[]): Grid[] {
  const items = found.flatMap((item) => placed(item, panels, variables, lost))
  if (items.length === 0) return []
  const isRepeated = canRepeat(repeat, variables, `row “${title}”`, lost)
  return [{ kind: 'Grid', spec: { ...(title === '' ? {} : { display: { title, collapse: { open: isOpen } } }), items: packed(items), ...(isRepeated ? { repeatVariable: repeat } : {}) } }]
}

function canRepeat(name: string, variables: string[], where: string, lost: Lost[]): boolean {
  const isThere = variables.includes(name)
  if (name !== '' && !isThere) lost.push({ where, why: `it is repeated for each value of $${name}, which there is none of here` })
  return isThere
}

function placed({ x, y, width, height, panel, repeat }: SourceItem, panels: Record<string, PanelDocument>, variables: string[], lost: Lost[]): GridItem[] {
  const where = `panel “${panel.title || panel.type}”`
  const converted = convertPanel(panel, (why) => lost.push({ where, why }))
  if (converted === null) return []
  const key = freeName(nameFrom(panel.title || panel.type).slice(0, 40), Object.keys(panels))
  panels[key] = converted
  const wide = Math.max(1, Math.min(COLUMNS, Math.round(width)))
  const item = { x: Math.max(0, Math.min(COLUMNS - wide, Math.round(x))), y: Math.max(0, Math.round(y)), width: wide, height: Math.max(2, Math.round(height)), content: refTo(key) }
  return [repeat && canRepeat(repeat.name, variables, where, lost) ? { ...item, repeatVariable: repeatVariable(repeat) } : item]
}

const repeatVariable = ({ name, isVertical, most }: SourceRepeat): Repeat => (isVertical ? { value: name, alignment: 'vertical' } : { value: name, ...(most === undefined ? {} : { maxPer: most }) })

function timesOf({ from, refresh }: Source, lost: Lost[]): { duration?: string; refreshInterval?: string } {
  const length = /^now-(\d+[smhdw])$/.exec(from)?.[1]
  if (from !== '' && length === undefined) lost.push({ where: 'time', why: `it opens at “${from}”; here it opens with the last hour` })
  const refreshInterval = durationSeconds(refresh) === null ? undefined : refresh
  return { duration: length ?? '1h', ...(refreshInterval === undefined ? {} : { refreshInterval }) }
}
