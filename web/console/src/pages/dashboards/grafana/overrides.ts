// Grafana's settings for single lines of a chart, where all lines of a query have them: at which axis they stand, and in which unit.
import type { QuerySettings } from '../panels/axes'
import { type Json, number, object, objects, type SourcePanel, type SourceTarget, text } from './source'
import { formatOf } from './units'

/** What is taken of them. */
const TAKEN = ['custom.axisPlacement', 'unit', 'min', 'max']

/** Returns the settings of a panel's queries; what cannot be taken is told to `lose`, for which lines and of which kind. */
export function querySettingsOf(panel: SourcePanel, lose: (why: string) => void): QuerySettings[] | undefined {
  const found = new Map<number, Json>()
  for (const override of panel.overrides) {
    const queries = matched(override, panel.targets)
    const properties = objects(override.properties).filter(({ id }) => text(id) !== 'color')
    const taken = queries.length === 0 ? [] : properties.filter(isTaken)
    const rest = properties.filter((property) => !taken.includes(property))
    if (rest.length > 0) lose(`settings for single lines (${nameOf(override)}: ${rest.map(({ id }) => text(id)).join(', ')})`)
    for (const query of queries) found.set(query, { ...found.get(query), ...Object.fromEntries(taken.map(({ id, value }) => [text(id), value])) })
  }
  const settings = [...found].flatMap(([query, set]) => settingsOf(query, set, panel, lose)).toSorted((a, b) => a.queryIndex - b.queryIndex)
  return settings.length > 0 ? settings : undefined
}

const isTaken = ({ id, value }: Json) => TAKEN.includes(text(id)) && (id !== 'custom.axisPlacement' || value === 'right' || value === 'left' || value === 'auto')

const nameOf = ({ matcher }: Json) => text(object(matcher).options) || text(object(matcher).id)

/** Returns the places of the queries whose lines all are meant. */
function matched({ matcher }: Json, targets: SourceTarget[]): number[] {
  const { id, options } = object(matcher)
  const fits = targets.map(({ refId, spec }) => {
    const legend = text(spec.legendFormat)
    if (id === 'byFrameRefID') return refId === options
    if (id === 'byName') return legend !== '' && legend === options
    return id === 'byRegexp' && legend !== '' && patternOf(text(options))?.test(legend) === true
  })
  return fits.flatMap((isMeant, place) => (isMeant ? [place] : []))
}

function patternOf(written: string): RegExp | null {
  try {
    return new RegExp(written.replace(/^\/(.*)\/[a-z]*$/s, '$1'))
  } catch {
    return null
  }
}

function settingsOf(queryIndex: number, set: Json, { defaults }: SourcePanel, lose: (why: string) => void): QuerySettings[] {
  const isRight = set['custom.axisPlacement'] === 'right'
  const isOther = set.unit !== undefined && set.unit !== defaults.unit
  const [min, max] = [number(set.min), number(set.max)]
  if (!isRight && !isOther) {
    // An axis begins at zero as it is.
    if ((min ?? 0) !== 0 || max !== undefined) lose('the ends of the axis for single lines')
    return []
  }
  const format = isOther ? (formatOf(text(set.unit), undefined, lose) ?? { unit: 'decimal' }) : undefined
  return [{ queryIndex, ...(isRight ? { axis: 'right' as const } : {}), ...(format === undefined ? {} : { format }), ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }]
}
