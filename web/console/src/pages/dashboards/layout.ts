// Where panels stand in a grid: they never lie over each other, and fall up until they touch one.
import { COLUMNS, type Dashboard, type Grid, type GridItem, panelKey, type PanelDocument, refTo, type Repeat } from './document'

export interface Place {
  x: number
  y: number
  width: number
  height: number
}

const touches = (a: Place, b: Place) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

const inOrder = (items: GridItem[]) => items.toSorted((a, b) => a.y - b.y || a.x - b.x)

/** Returns the items with as little room above each as there can be; none passes another on its way up. */
export function packed(items: GridItem[]): GridItem[] {
  const settled: GridItem[] = []
  for (const item of inOrder(items)) {
    const place = { ...item }
    while (settled.some((other) => touches(other, place))) place.y++
    while (place.y > 0 && !settled.some((other) => touches(other, { ...place, y: place.y - 1 }))) place.y--
    settled.push(place)
  }
  return items.map((item) => settled.find((other) => other.content.$ref === item.content.$ref) ?? item)
}

/** Returns a place that is within the grid. */
export function within({ x, y, width, height }: Place): Place {
  const wide = Math.max(1, Math.min(COLUMNS, Math.round(width)))
  return { x: Math.max(0, Math.min(COLUMNS - wide, Math.round(x))), y: Math.max(0, Math.round(y)), width: wide, height: Math.max(2, Math.round(height)) }
}

/**
 * Returns the items with one of them at another place. The others first close the gap that it leaves; of those that are then in its way, it goes
 * below one whose middle it has passed, and the rest go below it.
 */
export function moved(items: GridItem[], key: string, place: Place): GridItem[] {
  const wanted = within(place)
  const others = packed(items.filter((item) => panelKey(item) !== key))
  for (const other of inOrder(others)) {
    if (touches(other, wanted) && wanted.y >= other.y + other.height / 2) wanted.y = other.y + other.height
  }
  const settled = items.filter((item) => panelKey(item) === key).map((item) => ({ ...item, ...wanted }))
  for (const item of inOrder(others)) {
    const other = { ...item }
    for (;;) {
      const inTheWay = settled.find((each) => touches(each, other))
      if (inTheWay === undefined) break
      other.y = inTheWay.y + inTheWay.height
    }
    settled.push(other)
  }
  return packed(items.map((item) => settled.find((other) => other.content.$ref === item.content.$ref) ?? item))
}

/** Returns where an arrow key puts an item: a column aside, or past the one above or below it. */
export function stepped(items: GridItem[], key: string, columns: number, rows: number): Place | null {
  const item = items.find((each) => panelKey(each) === key)
  if (item === undefined) return null
  if (rows === 0) return within({ ...item, x: item.x + columns })
  const inColumn = items.filter((other) => other !== item && other.x < item.x + item.width && item.x < other.x + other.width)
  if (rows < 0) {
    const above = inColumn.filter((other) => other.y < item.y).toSorted((a, b) => b.y - a.y)[0]
    return within({ ...item, y: above?.y ?? 0 })
  }
  const below = inColumn.filter((other) => other.y > item.y).toSorted((a, b) => a.y - b.y)[0]
  return within({ ...item, y: item.y + (below?.height ?? 0) })
}

/** Returns where a panel of this size fits: beside the last ones if there is room, else below them. */
export function freePlace(items: GridItem[], width = 12, height = 8): Place {
  const bottom = Math.max(0, ...items.map((item) => item.y + item.height))
  for (let y = 0; y < bottom; y++) {
    for (let x = 0; x + width <= COLUMNS; x++) {
      const place = { x, y, width, height }
      if (!items.some((item) => touches(item, place))) return place
    }
  }
  return { x: 0, y: bottom, width, height }
}

const withGrids = (document: Dashboard, change: (grid: Grid, place: number) => Grid): Dashboard => ({ ...document, spec: { ...document.spec, layouts: document.spec.layouts.map(change) } })

const withItems = (grid: Grid, items: GridItem[]): Grid => ({ ...grid, spec: { ...grid.spec, items } })

/** Returns a dashboard in which a panel of a section stands elsewhere. */
export function withPlace(document: Dashboard, section: number, key: string, place: Place): Dashboard {
  return withGrids(document, (grid, at) => (at === section ? withItems(grid, moved(grid.spec.items, key, place)) : grid))
}

/** How large an item is, and what it is repeated for. */
type Sized = Pick<GridItem, 'width' | 'height' | 'repeatVariable'>

/** Returns a dashboard with a panel more, or with another panel of this key. */
export function withPanel(document: Dashboard, key: string, panel: PanelDocument, section = 0, like?: Sized): Dashboard {
  const isThere = document.spec.layouts.some(({ spec }) => spec.items.some((item) => panelKey(item) === key))
  const changed = { ...document, spec: { ...document.spec, panels: { ...document.spec.panels, [key]: panel } } }
  if (isThere) return changed
  const { width, height, repeatVariable }: Sized = like ?? (panel.spec.plugin.kind === 'StatChart' ? { width: 6, height: 4 } : { width: 12, height: 8 })
  return withGrids(changed, (grid, at) => (at === section ? withItems(grid, [...grid.spec.items, { ...freePlace(grid.spec.items, width, height), content: refTo(key), repeatVariable }]) : grid))
}

/** Returns a dashboard with a copy of a panel beside it, of the same size, and repeated as often. */
export function withCopy(document: Dashboard, key: string, copy: string): Dashboard {
  const section = document.spec.layouts.findIndex(({ spec }) => spec.items.some((item) => panelKey(item) === key))
  const item = document.spec.layouts[section]?.spec.items.find((each) => panelKey(each) === key)
  const panel = document.spec.panels[key]
  return item === undefined || panel === undefined ? document : withPanel(document, copy, panel, section, item)
}

/** Returns a dashboard without a panel. */
export function withoutPanel(document: Dashboard, key: string): Dashboard {
  const { [key]: _, ...panels } = document.spec.panels
  return withGrids({ ...document, spec: { ...document.spec, panels } }, (grid) => withItems(grid, packed(grid.spec.items.filter((item) => panelKey(item) !== key))))
}

/** Returns a dashboard in which a panel stands at the end of another section. */
export function withSection(document: Dashboard, key: string, section: number): Dashboard {
  const item = itemOf(document, key)
  if (item === undefined) return document
  return withGrids(document, (grid, at) => {
    const others = grid.spec.items.filter((each) => panelKey(each) !== key)
    return withItems(grid, at === section ? [...others, { ...item, ...freePlace(others, item.width, item.height) }] : packed(others))
  })
}

/** Returns a dashboard with a section more at its end. */
export function withNewSection(document: Dashboard, title: string, repeatVariable: string | undefined): Dashboard {
  const section: Grid = { kind: 'Grid', spec: { display: { title, collapse: { open: true } }, items: [], repeatVariable } }
  return { ...document, spec: { ...document.spec, layouts: [...document.spec.layouts, section] } }
}

/** Returns a dashboard without a section, whose panels go to the end of the one before it. */
export function withoutSection(document: Dashboard, section: number): Dashboard {
  const gone = document.spec.layouts[section]
  if (gone === undefined || document.spec.layouts.length < 2) return document
  const into = section === 0 ? 1 : section - 1
  const layouts = document.spec.layouts.map((grid, at) => {
    if (at !== into) return grid
    const below = Math.max(0, ...grid.spec.items.map((item) => item.y + item.height))
    return withItems(grid, packed([...grid.spec.items, ...gone.spec.items.map((item) => ({ ...item, y: item.y + below }))]))
  })
  return { ...document, spec: { ...document.spec, layouts: layouts.filter((_, at) => at !== section) } }
}

/** Returns the item that shows a panel. */
export const itemOf = ({ spec }: Dashboard, key: string): GridItem | undefined => spec.layouts.flatMap((grid) => grid.spec.items).find((item) => panelKey(item) === key)

/** Returns a dashboard in which a section has another title, and is repeated for another variable or for none. */
export function withSectionHead(document: Dashboard, section: number, title: string, repeatVariable: string | undefined): Dashboard {
  return withGrids(document, (grid, at) => (at === section ? { ...grid, spec: { ...grid.spec, display: { ...grid.spec.display, title }, repeatVariable } } : grid))
}

/** Returns a dashboard in which a panel is repeated, or is not any more. What begins to stand side by side gets the whole width. */
export function withRepeat(document: Dashboard, key: string, repeatVariable: Repeat | undefined): Dashboard {
  return withGrids(document, (grid) => {
    const item = grid.spec.items.find((each) => panelKey(each) === key)
    if (item === undefined) return grid
    const items = grid.spec.items.map((each) => (each === item ? { ...item, repeatVariable } : each))
    const begins = item.repeatVariable === undefined && repeatVariable !== undefined && repeatVariable.alignment !== 'vertical'
    return withItems(grid, begins ? moved(items, key, { ...item, x: 0, width: COLUMNS }) : items)
  })
}
