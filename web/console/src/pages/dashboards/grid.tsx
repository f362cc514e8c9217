// The sections of a dashboard, and its panels in their grids. While it is edited they are moved and resized, by pointer and by arrow keys.
import { Fragment, useRef, useState } from 'react'
import { Badge, Button } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { changedAddress, list, navigate, useParameters } from '../../router'
import type { Mark } from '../../parts/time-chart'
import type { TimeRange } from '../../time'
import { COLUMNS, type Dashboard, type Grid as GridDocument, type GridItem, panelKey } from './document'
import styles from './dashboards.module.css'
import { interpolate } from './interpolate'
import { moved, type Place, stepped, within } from './layout'
import { PanelCard } from './panel-card'
import { cutOf, type DrawnItem, eachSetting, type Setting, scopeTexts, spread } from './repeat'

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
  setting: Setting
  variables: string[]
  time: TimeRange
  marks: Mark[]
  editing: Editing | null
}

const SECTIONS = { toggled: list() }

export function Grids({ document, setting, editing, ...rest }: GridsProps) {
  return document.spec.layouts.map((grid, section) => {
    const { repeatVariable } = grid.spec
    const shown = { document, editing, grid, section, ...rest }
    // While it is edited, what is repeated stands there once.
    const settings = eachSetting(repeatVariable, setting).slice(0, editing ? 1 : undefined)
    return (
      <Fragment key={section}>
        {settings.map((each) => (
          <Section key={scopeTexts(each.scope).join()} setting={each} {...shown} />
        ))}
        {!editing && <Cut text={cutOf(repeatVariable, setting)} />}
      </Fragment>
    )
  })
}

interface SectionProps extends GridsProps {
  grid: GridDocument
  section: number
}

function Section(props: SectionProps) {
  const { document, grid, section, setting, editing } = props
  const { display, repeatVariable } = grid.spec
  const [{ toggled }] = useParameters(SECTIONS)
  const title = interpolate(display?.title ?? '', setting.values) || 'Without a title'
  const key = [section, ...scopeTexts(setting.scope)].join(' ')
  const isOpen = (display?.collapse?.open ?? true) !== toggled.includes(key)
  const toggle = () => navigate(changedAddress({ toggled: toggled.includes(key) ? toggled.filter((each) => each !== key) : [...toggled, key] }))
  return (
    <section className={styles.section} aria-label={display ? title : 'Panels'}>
      {(display || editing) && (
        <header className={styles.sectionHead}>
          <h2>
            <button type="button" aria-expanded={isOpen} onClick={toggle}>
              <Icon name={isOpen ? 'down' : 'right'} />
              {title}
              {!isOpen && <small>{grid.spec.items.length} panels</small>}
            </button>
          </h2>
          {editing && repeatVariable && <Badge>for each ${repeatVariable}</Badge>}
          {editing && <SectionTools title={title} section={section} count={document.spec.layouts.length} editing={editing} />}
        </header>
      )}
      {isOpen && <Grid {...props} />}
    </section>
  )
}

function Cut({ text }: { text: string | null }) {
  return text && <p className={styles.cut}>{text}</p>
}

function SectionTools({ title, section, count, editing }: { title: string; section: number; count: number; editing: Editing }) {
  return (
    <>
      <Button icon="plus" onClick={() => editing.onAdd(section)}>
        Panel
      </Button>
      <Button kind="plain" icon="edit" label={`Rename section ${title}, or repeat it`} onClick={() => editing.onRenameSection(section)} />
      {count > 1 && <Button kind="plain" icon="close" label={`Remove section ${title}; its panels stay`} onClick={() => editing.onRemoveSection(section)} />}
    </>
  )
}

interface Drag {
  key: string
  place: Place
}

function Grid({ document, grid, section, setting, editing, ...rest }: SectionProps) {
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
        {drawnOf(items, setting, editing !== null).map(({ item, setting: { values, scope } }) => {
          const key = panelKey(item)
          const panel = document.spec.panels[key]
          const id = [key, ...scopeTexts(scope)].join(' ')
          if (panel === undefined) return <Missing key={id} item={item} />
          return (
            <PanelCard
              key={id}
              name={key}
              panel={panel}
              item={item}
              values={values}
              scope={scope}
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
      {!editing && items.map(({ content, repeatVariable }) => <Cut key={content.$ref} text={cutOf(repeatVariable?.value, setting)} />)}
      <div className="sr-only" role="status">
        {said}
      </div>
    </>
  )
}

/**
 * Returns the items as they are drawn. While panels are moved, each stands there once, and elements stay in their order: one that is put elsewhere
 * in the document loses the focus, and the pointer.
 */
function drawnOf(items: GridItem[], setting: Setting, isEditing: boolean): DrawnItem[] {
  if (isEditing) return items.map((item) => ({ item, setting: eachSetting(item.repeatVariable?.value, setting)[0] ?? setting }))
  return spread(items, setting).toSorted((a, b) => a.item.y - b.item.y || a.item.x - b.item.x)
}

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
