// One panel in the grid: its heading, its menu, what it shows, and while it is edited the handles by which it is moved and resized.
import { type KeyboardEvent, type PointerEvent, useRef } from 'react'
import { sqlText } from '../../data/sql'
import { Badge, Button, MenuItem } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { Panel } from '../../parts/panel'
import { changedAddress, navigate } from '../../router'
import type { Mark } from '../../parts/time-chart'
import type { TimeRange } from '../../time'
import { COLUMNS, type GridItem, type PanelDocument, panelTitle, textOf } from './document'
import styles from './dashboards.module.css'
import { type Editing, GAP, placeOn, ROW } from './grid'
import { builtIn, interpolate, type Values } from './interpolate'
import type { Place } from './layout'
import { PanelBody, panelKind } from './panels/panel-body'
import { exploreAddress } from './queries'
import { scopeTexts } from './repeat'
import { useSeen } from '../../parts/use-seen'

/** Heading, padding and border of a panel, in pixels. */
const FRAME = 50
const FLUSH_FRAME = 38

/** On a phone two panels of so many columns stand side by side. */
const NARROW = 6

interface PanelCardProps {
  name: string
  panel: PanelDocument
  item: GridItem
  section: number
  sections: string[]
  values: Values
  /** What it is repeated for: the value of each variable. */
  scope: Record<string, string>
  variables: string[]
  time: TimeRange
  marks: Mark[]
  editing: Editing | null
  isDragged: boolean
  onDrag: (place: Place | null) => void
  onPut: (title: string, place: Place) => void
  /** An arrow key: so many columns and rows. */
  onStep: (title: string, columns: number, rows: number) => void
  /** Width of a column and the room beside it, in pixels. */
  cellWidth: () => number
}

export function PanelCard(props: PanelCardProps) {
  const { name, panel, item, values, variables, time, marks, editing, isDragged } = props
  const element = useRef<HTMLDivElement>(null)
  const isSeen = useSeen(element)
  const kind = panelKind(panel.spec.plugin.kind)
  const isFlush = kind?.isFlush === true
  const height = item.height * (ROW + GAP) - GAP - (isFlush ? FLUSH_FRAME : FRAME)
  const title = interpolate(panelTitle(panel), values)
  const description = interpolate(panel.spec.display?.description ?? '', values)
  const heading = (
    <>
      {title || <span className="muted">{editing ? 'Without a title' : ''}</span>}
      {description && (
        <span className={styles.info} role="img" aria-label={description} title={description}>
          <Icon name="info" size={13} />
        </span>
      )}
    </>
  )
  return (
    <div
      className={styles.item}
      data-dragged={isDragged ? '' : undefined}
      data-panel={name}
      data-narrow={item.width <= NARROW ? '' : undefined}
      ref={(found) => {
        element.current = found
        placeOn(found, item)
        found?.style.setProperty('--body', `${height}px`)
      }}
    >
      {isSeen ? (
        <PanelBody panel={panel} values={values} variables={variables} time={time} marks={marks} height={height}>
          {(body, request) => (
            <Panel title={heading} level={3} flush={isFlush} request={request} sql={sqlOf(panel, values, time)} className={styles.panel} actions={editing && <Handle {...props} title={title || name} />} menu={<PanelMenu {...props} />}>
              {/* What does not fit is scrolled to by keys, too. */}
              <div className={styles.body} role="group" aria-label={title || name} tabIndex={0}>
                {body}
              </div>
            </Panel>
          )}
        </PanelBody>
      ) : (
        <Panel title={heading} level={3} className={styles.panel}>
          <div className={styles.body} />
        </Panel>
      )}
      {editing && <ResizeCorner {...props} title={title || name} />}
    </div>
  )
}

/** The first question of a panel as a statement. */
function sqlOf(panel: PanelDocument, values: Values, time: TimeRange): string | undefined {
  const plugin = panel.spec.queries?.[0]?.spec.plugin
  if (plugin?.kind !== 'PrometheusTimeSeriesQuery') return undefined
  return `SELECT * FROM promql(${sqlText(interpolate(textOf(plugin, 'query'), { ...builtIn(time, time.step), ...values }))})`
}

function PanelMenu({ name, panel, values, scope, time, editing, section, sections }: PanelCardProps) {
  const ways = (panel.spec.queries ?? []).flatMap((query) => exploreAddress(query, values, time) ?? [])
  return (
    <>
      <MenuItem icon="search" onChoose={() => navigate(changedAddress({ view: name, of: scopeTexts(scope) }))}>
        View alone
      </MenuItem>
      {ways.slice(0, 1).map((way) => (
        <MenuItem key={way.address} icon="right" onChoose={() => navigate(way.address)}>
          {way.name}
        </MenuItem>
      ))}
      {editing && (
        <>
          <MenuItem icon="edit" onChoose={() => editing.onEdit(name)}>
            Edit
          </MenuItem>
          <MenuItem icon="copy" onChoose={() => editing.onDuplicate(name)}>
            Duplicate
          </MenuItem>
          {sections.map((title, at) =>
            at === section ? null : (
              <MenuItem key={at} icon="down" onChoose={() => editing.onMoveTo(name, at)}>
                Move to {title}
              </MenuItem>
            ),
          )}
          <MenuItem icon="close" onChoose={() => editing.onRemove(name)}>
            Remove
          </MenuItem>
        </>
      )}
    </>
  )
}

/** Returns what follows a pointer that moves or resizes a panel. */
function useDragging({ item, onDrag, onPut, cellWidth }: PanelCardProps, title: string, place: (from: Place, columns: number, rows: number) => Place) {
  // Where it stood when the pointer went down: meanwhile it is shown elsewhere.
  const start = useRef<{ x: number; y: number; from: Place } | null>(null)
  const wanted = (event: PointerEvent): Place | null => {
    if (start.current === null) return null
    return place(start.current.from, Math.round((event.clientX - start.current.x) / Math.max(1, cellWidth())), Math.round((event.clientY - start.current.y) / (ROW + GAP)))
  }
  const end = (event: PointerEvent) => {
    const [at, from] = [wanted(event), start.current?.from]
    start.current = null
    onDrag(null)
    if (at !== null && JSON.stringify(at) !== JSON.stringify(from)) onPut(title, at)
  }
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (event.button !== 0) return
      event.currentTarget.setPointerCapture(event.pointerId)
      start.current = { x: event.clientX, y: event.clientY, from: { x: item.x, y: item.y, width: item.width, height: item.height } }
    },
    onPointerMove: (event: PointerEvent) => {
      const at = wanted(event)
      if (at !== null) onDrag(at)
    },
    onPointerUp: end,
    onPointerCancel: () => {
      start.current = null
      onDrag(null)
    },
  }
}

const STEPS: Record<string, [columns: number, rows: number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

function Handle(props: PanelCardProps & { title: string }) {
  const { item, title, onPut, onStep, editing, name } = props
  const dragging = useDragging(props, title, (from, columns, rows) => ({ ...from, x: from.x + columns, y: from.y + rows }))
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key]
    if (step === undefined) return
    event.preventDefault()
    event.stopPropagation()
    const [columns, rows] = step
    if (event.shiftKey) onPut(title, { ...item, width: item.width + columns, height: item.height + rows })
    else onStep(title, columns, rows)
  }
  return (
    <>
      {item.repeatVariable && <Badge>for each ${item.repeatVariable.value}</Badge>}
      <Badge>{`${item.width} × ${item.height}`}</Badge>
      <Button kind="plain" icon="edit" label={`Edit ${title}`} onClick={() => editing?.onEdit(name)} />
      <Button kind="plain" icon="move" className={styles.handle} label={`Move ${title}: arrow keys; with Shift they resize it`} onKeyDown={onKeyDown} {...dragging} />
    </>
  )
}

function ResizeCorner(props: PanelCardProps & { title: string }) {
  const { title } = props
  const dragging = useDragging(props, title, (from, columns, rows) => ({ ...from, width: Math.min(COLUMNS - from.x, from.width + columns), height: from.height + rows }))
  return <span className={styles.corner} aria-hidden="true" {...dragging} />
}
