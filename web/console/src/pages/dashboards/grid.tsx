// The sections of a dashboard, and its panels in their grids. While it is edited they are moved and resized, by pointer and by arrow keys.
import { useRef, useState } from 'react'
import { Button } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { changedAddress, list, navigate, useParameters } from '../../router'
import type { TimeRange } from '../../time'
import { COLUMNS, type Dashboard, type Grid as GridDocument, type GridItem, panelKey } from './document'
import styles from './dashboards.module.css'
import { interpolate, type Values } from './interpolate'
import { moved, type Place, stepped, within } from './layout'
import { PanelCard } from './panel-card'

/** Height of a row of the grid and the room between two, in pixels; the same as in the style sheet. */
export const ROW = 30
export const GAP = 8

/** What can be done with panels and sections while a dashboard is edited. */
export interface Editing {
  onPlace: (section: number, key: string, place: Place) => void
  onEdit: (key: string) => void
  onDuplicate: (key: string) => void
  onRemove: (key: string) => void
  onMoveTo: (key: string, section: number) => void
  onRenameSection: (section: number) => void
  onRemoveSection: (section: number) => void
  onAdd: (section: number) => void
}

interface GridsProps {
  document: Dashboard
  values: Values
  variables: string[]
  time: TimeRange
  editing: Editing | null
}

const SECTIONS = { toggled: list() }

export function Grids(props: GridsProps) {
  const { document, values, editing } = props
  const [{ toggled }] = useParameters(SECTIONS)
  return document.spec.layouts.map((grid, section) => {
    const { display } = grid.spec
    const key = String(section)
    const isOpen = (display?.collapse?.open ?? true) !== toggled.includes(key)
    const toggle = () => navigate(changedAddress({ toggled: toggled.includes(key) ? toggled.filter((each) => each !== key) : [...toggled, key] }))
    return (
      <section key={key} className={styles.section} aria-label={display?.title ?? 'Panels'}>
        {(display || editing) && (
          <header className={styles.sectionHead}>
            <h2>
              <button type="button" aria-expanded={isOpen} onClick={toggle}>
                <Icon name={isOpen ? 'down' : 'right'} />
                {interpolate(display?.title ?? '', values) || 'Without a title'}
                {!isOpen && <small>{grid.spec.items.length} panels</small>}
              </button>
            </h2>
            {editing && <SectionTools title={display?.title ?? 'Without a title'} section={section} count={document.spec.layouts.length} editing={editing} />}
          </header>
        )}
        {isOpen && <Grid {...props} grid={grid} section={section} />}
      </section>
    )
  })
}

function SectionTools({ title, section, count, editing }: { title: string; section: number; count: number; editing: Editing }) {
  return (
    <>
      <Button icon="plus" onClick={() => editing.onAdd(section)}>
        Panel
      </Button>
      <Button kind="plain" icon="edit" label={`Rename section ${title}`} onClick={() => editing.onRenameSection(section)} />
      {count > 1 && <Button kind="plain" icon="close" label={`Remove section ${title}; its panels stay`} onClick={() => editing.onRemoveSection(section)} />}
    </>
  )
}

interface Drag {
  key: string
  place: Place
}

function Grid({ document, grid, section, editing, ...rest }: GridsProps & { grid: GridDocument; section: number }) {
  const [drag, setDrag] = useState<Drag | null>(null)
  const [said, setSaid] = useState('')
  const place = useRef<HTMLDivElement>(null)
  const items = drag === null ? grid.spec.items : moved(grid.spec.items, drag.key, drag.place)
  const put = (key: string, title: string, wanted: Place) => {
    const at = within(wanted)
    setSaid(`${title}: column ${at.x + 1}, row ${at.y + 1}, ${at.width} wide, ${at.height} high`)
    editing?.onPlace(section, key, at)
  }
  if (items.length === 0) {
    return (
      <div className={styles.emptyGrid}>
        {editing ? 'No panels here yet.' : 'This section has no panels.'}
        {editing && (
          <Button kind="main" icon="plus" onClick={() => editing.onAdd(section)}>
            Add a panel
          </Button>
        )}
      </div>
    )
  }
  return (
    <>
      <div className={styles.grid} ref={place} data-dragging={drag === null ? undefined : ''}>
        {inReadingOrder(items, editing !== null).map((item) => {
          const key = panelKey(item)
          const panel = document.spec.panels[key]
          if (panel === undefined) return <Missing key={key} item={item} />
          return (
            <PanelCard
              key={key}
              name={key}
              panel={panel}
              item={item}
              section={section}
              sections={document.spec.layouts.map(({ spec }, at) => spec.display?.title ?? `Section ${at + 1}`)}
              editing={editing}
              isDragged={drag?.key === key}
              onDrag={(wanted) => setDrag(wanted === null ? null : { key, place: wanted })}
              onPut={(title, wanted) => put(key, title, wanted)}
              onStep={(title, columns, rows) => put(key, title, stepped(grid.spec.items, key, columns, rows) ?? item)}
              cellWidth={() => ((place.current?.clientWidth ?? 0) + GAP) / COLUMNS}
              {...rest}
            />
          )
        })}
      </div>
      <div className="sr-only" role="status">
        {said}
      </div>
    </>
  )
}

/** While panels are moved, elements stay in their order: one that is put elsewhere in the document loses the focus, and the pointer. */
const inReadingOrder = (items: GridItem[], isEditing: boolean) => (isEditing ? items : items.toSorted((a, b) => a.y - b.y || a.x - b.x))

function Missing({ item }: { item: GridItem }) {
  return (
    <div className={styles.item} ref={(element) => placeOn(element, item)}>
      <div className={styles.emptyGrid}>There is no panel {item.content.$ref} in the document.</div>
    </div>
  )
}

/** Tells the style sheet where an item stands. */
export function placeOn(element: HTMLElement | null, { x, y, width, height }: Place) {
  if (element === null) return
  for (const [name, value] of Object.entries({ x, y, width, height })) element.style.setProperty(`--${name}`, String(value))
}
