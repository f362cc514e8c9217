// Takes dashboards of Grafana: its classic JSON, the same as a resource, and V2. What could not be taken is listed, each with where and why.
import { COLUMNS, type Dashboard, freeName, type Grid, nameFrom, type PanelDocument, refTo, type VariableDocument } from './document'
import { readClassic } from './grafana/classic'
import { convertPanel } from './grafana/panels'
import { type Json, type Lost, object, type Source, type SourceItem, text } from './grafana/source'
import { readV2 } from './grafana/v2'
import { convertVariable } from './grafana/variables'
import { durationSeconds } from './interpolate'
import { packed } from './layout'

export type { Lost } from './grafana/source'

export interface Converted {
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
  const lost: Lost[] = [...source.lost]
  const panels: Record<string, PanelDocument> = {}
  const layouts = source.sections.flatMap((section): Grid[] => {
    const items = section.items.flatMap((item) => placed(item, panels, lost))
    if (items.length === 0) return []
    const display = section.title === '' && source.sections.length === 1 ? {} : section.title === '' ? {} : { display: { title: section.title, collapse: { open: section.isOpen } } }
    return [{ kind: 'Grid', spec: { ...display, items: packed(items) } }]
  })
  const variables: VariableDocument[] = source.variables.flatMap((variable) => convertVariable(variable, (why) => lost.push({ where: `variable ${variable.name}`, why })) ?? [])
  const title = source.title || 'Imported dashboard'
  return {
    document: {
      kind: 'Dashboard',
      metadata: { name: nameFrom(title) },
      spec: {
        display: { name: title, ...(source.description === '' ? {} : { description: source.description }) },
        ...timesOf(source, lost),
        variables,
        panels,
        layouts: layouts.length === 0 ? [{ kind: 'Grid', spec: { items: [] } }] : layouts,
      },
    },
    lost,
  }
}

function placed({ x, y, width, height, panel }: SourceItem, panels: Record<string, PanelDocument>, lost: Lost[]) {
  const where = `panel “${panel.title || panel.type}”`
  const converted = convertPanel(panel, (why) => lost.push({ where, why }))
  if (converted === null) return []
  const key = freeName(nameFrom(panel.title || panel.type).slice(0, 40), Object.keys(panels))
  panels[key] = converted
  const wide = Math.max(1, Math.min(COLUMNS, Math.round(width)))
  return [{ x: Math.max(0, Math.min(COLUMNS - wide, Math.round(x))), y: Math.max(0, Math.round(y)), width: wide, height: Math.max(2, Math.round(height)), content: refTo(key) }]
}

function timesOf({ from, refresh }: Source, lost: Lost[]): { duration?: string; refreshInterval?: string } {
  const length = /^now-(\d+[smhdw])$/.exec(from)?.[1]
  if (from !== '' && length === undefined) lost.push({ where: 'time', why: `it opens at “${from}”; here it opens with the last hour` })
  const refreshInterval = durationSeconds(refresh) === null ? undefined : refresh
  return { duration: length ?? '1h', ...(refreshInterval === undefined ? {} : { refreshInterval }) }
}
