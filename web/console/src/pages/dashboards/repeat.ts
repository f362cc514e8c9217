// Panels and sections that stand once for each value of a variable, as Grafana and Perses repeat them.
import { type Dashboard, type GridItem, panelKey } from './document'
import type { Values } from './interpolate'
import { packed, type Place } from './layout'
import type { VariableState } from './use-variables'
import { ALL } from './variables'

/** More values of one variable are not drawn; the page says so. */
export const MOST_REPEATS = 50
/** How many stand side by side where it is not said. */
export const SIDE_BY_SIDE = 4

/** The values in which something is drawn. */
export interface Setting {
  values: Values
  /** What can be repeated for, by names of variables; empty while it is being read. */
  choices: Record<string, string[]>
  /** What it was repeated for: the value of each variable. */
  scope: Record<string, string>
}

export interface DrawnItem {
  item: GridItem
  setting: Setting
}

/** Returns which values of variables something can be repeated for: those chosen, and all there are where all are. */
export function choicesOf(states: Pick<VariableState, 'variable' | 'options' | 'selected' | 'isLoading'>[]): Record<string, string[]> {
  const found = states.map(({ variable, options, selected, isLoading }): [string, string[], boolean] => [variable.spec.name, selected.includes(ALL) ? options : selected, isLoading])
  return Object.fromEntries(found.filter(([, values, isLoading]) => isLoading || values.length > 0))
}

/** Returns the settings in which something stands: one for each value of a variable, and the one around it where there is nothing to repeat it for. */
export function eachSetting(name: string | undefined, around: Setting): Setting[] {
  const found = name === undefined ? undefined : around.choices[name]
  if (name === undefined || found === undefined) return [around]
  return found.slice(0, MOST_REPEATS).map((value) => ({
    values: { ...around.values, [name]: value },
    choices: { ...around.choices, [name]: [value] },
    scope: { ...around.scope, [name]: value },
  }))
}

/** Returns the first setting in which a panel of a dashboard stands. */
export function firstSetting({ spec }: Dashboard, key: string, around: Setting): Setting {
  const first = (name: string | undefined, setting: Setting) => eachSetting(name, setting)[0] ?? setting
  const section = spec.layouts.find((grid) => grid.spec.items.some((item) => panelKey(item) === key))
  const item = section?.spec.items.find((each) => panelKey(each) === key)
  return first(item?.repeatVariable?.value, first(section?.spec.repeatVariable, around))
}

/** Returns a sentence where there are more values of a variable than are drawn. */
export function cutOf(name: string | undefined, { choices }: Setting): string | null {
  const count = name === undefined ? 0 : (choices[name]?.length ?? 0)
  return count > MOST_REPEATS ? `The first ${MOST_REPEATS} of ${count} values of $${name}: choose fewer to see others.` : null
}

/** Returns the items of a grid where they stand when some are repeated: what is below them goes further down. */
export function spread(items: GridItem[], around: Setting): DrawnItem[] {
  const settings = items.map((item) => eachSetting(item.repeatVariable?.value, around))
  const tall = items.map((item, at) => ({ ...item, height: item.height * rowsOf(item, settings[at]!.length) }))
  const boxes = tall.some(({ height }, at) => height !== items[at]!.height) ? packed(tall) : tall
  return items.flatMap((item, at) => settings[at]!.map((setting, nth) => ({ item: { ...item, ...cell(item, boxes[at]!, settings[at]!.length, nth) }, setting })))
}

/** Returns how many of a repeated item stand side by side. */
function columnsOf({ width, repeatVariable }: GridItem, count: number): number {
  if (repeatVariable === undefined || repeatVariable.alignment === 'vertical') return 1
  const most = Math.floor(repeatVariable.maxPer ?? SIDE_BY_SIDE)
  return Math.max(1, Math.min(count, most, width))
}

const rowsOf = (item: GridItem, count: number) => Math.max(1, Math.ceil(count / columnsOf(item, count)))

/** Returns the place of the nth of so many within the room of all. */
function cell(item: GridItem, box: Place, count: number, nth: number): Place {
  const columns = columnsOf(item, count)
  const edge = (column: number) => Math.round((column * box.width) / columns)
  const column = nth % columns
  return { x: box.x + edge(column), y: box.y + Math.floor(nth / columns) * item.height, width: edge(column + 1) - edge(column), height: item.height }
}

/** Returns what the address says of a scope, and what it says as a scope. */
export const scopeTexts = (scope: Record<string, string>): string[] => Object.entries(scope).map(([name, value]) => `${name}=${value}`)
export const scopeOf = (texts: string[]): Record<string, string> => Object.fromEntries(texts.map((text) => [text.split('=', 1)[0], text.slice(text.indexOf('=') + 1)]))
