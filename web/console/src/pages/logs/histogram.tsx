// How many records there are, by time and level. A drawn region becomes the time that is looked at; folded, it is a strip.
import { type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from 'react'
import { useApi } from '../../data/use-api'
import { withWritten } from '../../data/query-text'
import { clock, figures, moment, short } from '../../format'
import { Answer } from '../../parts/answer'
import { Button } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import { setTime, useTime } from '../../time'
import { type Bar, barsOf } from './bars'
import { countsRequest, type CountsAnswer, type Level, LEVELS, type Scope } from './log-api'
import styles from './histogram.module.css'

interface HistogramProps {
  scope: Scope
  isFolded: boolean
  onFold: (isFolded: boolean) => void
}

export function Histogram({ scope, isFolded, onFold }: HistogramProps) {
  const { step } = useTime()
  const request = countsRequest(scope, `${step}s`, 'level')
  const reading = useApi<CountsAnswer>(request)
  const [at, setAt] = useState<number | null>(null)
  const bars = useMemo(() => barsOf(reading.data?.counts ?? [], scope, step * 1000), [reading.data, scope, step])
  const title = at !== null && bars[at] ? said(bars[at]) : <Totals bars={bars} query={scope.query} />
  return (
    <Panel
      title={<span className={styles.title}>{title}</span>}
      request={request}
      flush
      actions={<Button kind="plain" icon={isFolded ? 'right' : 'down'} label={isFolded ? 'Show the whole histogram' : 'Fold the histogram to a strip'} aria-expanded={!isFolded} onClick={() => onFold(!isFolded)} />}
    >
      <Answer reading={reading} what="counts" skeleton={<div className={styles.bars} data-folded={isFolded ? '' : undefined} />}>
        {() => <Bars bars={bars} scope={scope} isFolded={isFolded} at={at} setAt={setAt} />}
      </Answer>
    </Panel>
  )
}

/** How many there are of each level; each leads to them alone. */
function Totals({ bars, query }: { bars: Bar[]; query: string }) {
  const total = bars.reduce((sum, bar) => sum + bar.total, 0)
  return (
    <>
      {figures(total)} {total === 1 ? 'record' : 'records'}
      {LEVELS.map((level) => {
        const records = bars.reduce((sum, { byLevel }) => sum + (byLevel[level] ?? 0), 0)
        return records === 0 ? null : (
          <Link key={level} className={styles.level} data-level={level} change={{ q: withWritten(query, `level:${level}`), query: undefined }} title={`Only ${level}`}>
            {level} {short(records)}
          </Link>
        )
      })}
    </>
  )
}

const said = ({ time, until, total, byLevel }: Bar) =>
  `${clock(time, { fraction: false })} – ${clock(until, { fraction: false })}: ${total === 0 ? 'no records' : levelsOf(byLevel)}`

const levelsOf = (byLevel: Bar['byLevel']) =>
  [...LEVELS, 'none' as const]
    .filter((level) => byLevel[level])
    .map((level) => `${figures(byLevel[level] ?? 0)} ${level === 'none' ? 'without level' : level}`)
    .join(', ')

interface BarsProps {
  bars: Bar[]
  scope: Scope
  isFolded: boolean
  at: number | null
  setAt: (at: number | null) => void
}

function Bars({ bars, scope, isFolded, at, setAt }: BarsProps) {
  const place = useRef<HTMLDivElement>(null)
  const [drawn, setDrawn] = useState<[number, number] | null>(null)
  const share = (event: PointerEvent) => {
    const { left, width } = place.current!.getBoundingClientRect()
    return Math.max(0, Math.min(1, (event.clientX - left) / width))
  }
  const look = ([from, to]: [number, number]) => setTime(scope.from + from * (scope.to - scope.from), scope.from + to * (scope.to - scope.from))
  const onUp = () => {
    if (drawn !== null) {
      const [from, to] = drawn.toSorted((a, b) => a - b) as [number, number]
      const bar = bars[Math.floor(from * bars.length)]
      if (to - from > 0.006) look([from, to])
      else if (bar) setTime(bar.time, bar.until)
    }
    setDrawn(null)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (step !== undefined) setAt(Math.max(0, Math.min(bars.length - 1, (at ?? (step > 0 ? -1 : bars.length)) + step)))
    else if (event.key === 'Enter' && at !== null && bars[at]) setTime(bars[at].time, bars[at].until)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div
      ref={place}
      className={styles.bars}
      data-folded={isFolded ? '' : undefined}
      tabIndex={0}
      role="application"
      aria-roledescription="histogram"
      aria-label="Records by time and level. Arrow keys go from step to step, Enter looks at one."
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        setDrawn([share(event), share(event)])
      }}
      onPointerMove={(event) => {
        setAt(Math.min(bars.length - 1, Math.floor(share(event) * bars.length)))
        if (drawn !== null) setDrawn([drawn[0], share(event)])
      }}
      onPointerUp={onUp}
      onPointerCancel={() => setDrawn(null)}
      onPointerLeave={() => setAt(null)}
      onBlur={() => setAt(null)}
    >
      <Drawing bars={bars} at={at} isFolded={isFolded} />
      {drawn !== null && <Region drawn={drawn} />}
      {!isFolded && <Axis scope={scope} />}
      <span className="sr-only" role="status">
        {at !== null && bars[at] ? said(bars[at]) : ''}
      </span>
      <HiddenTable bars={bars} />
    </div>
  )
}

function Region({ drawn: [from, to] }: { drawn: [number, number] }) {
  const region = (element: HTMLElement | null) => {
    element?.style.setProperty('--from', String(Math.min(from, to)))
    element?.style.setProperty('--width', String(Math.abs(to - from)))
  }
  return <span className={styles.region} ref={region} />
}

const HIGH = 100
const STACK: (Level | 'none')[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'none']

/** Bars from the gravest level up. That a bar has errors is told by a mark below it, too. */
function Drawing({ bars, at, isFolded }: { bars: Bar[]; at: number | null; isFolded: boolean }) {
  const most = Math.max(1, ...bars.map(({ total }) => total))
  return (
    <svg viewBox={`0 0 ${bars.length} ${HIGH}`} preserveAspectRatio="none" aria-hidden="true">
      {at !== null && <rect className={styles.at} x={at} y="0" width="1" height={HIGH} />}
      {bars.map((bar, column) => {
        if (bar.total === 0) return null
        let y = HIGH
        const height = isFolded ? HIGH : Math.max(4, (bar.total / most) * HIGH)
        const opacity = isFolded ? 0.25 + 0.75 * (bar.total / most) : 1
        return (
          <g key={bar.time} opacity={opacity}>
            {STACK.map((level) => {
              const size = (height * (bar.byLevel[level] ?? 0)) / bar.total
              y -= size
              return size === 0 ? null : <rect key={level} data-level={level} x={column + 0.08} y={y} width="0.84" height={size} />
            })}
            {((bar.byLevel.error ?? 0) > 0 || (bar.byLevel.fatal ?? 0) > 0) && <rect data-level="error" x={column} y={HIGH + 1} width="1" height={isFolded ? 30 : 5} />}
          </g>
        )
      })}
    </svg>
  )
}

function Axis({ scope: { from, to } }: { scope: Scope }) {
  const isLong = to - from > 20 * 3600e3
  const text = (ms: number) => (isLong ? moment(ms).slice(5, 16) : clock(ms, { fraction: false }))
  return (
    <div className={styles.axis} aria-hidden="true">
      {[0, 0.25, 0.5, 0.75, 1].map((share) => (
        <span key={share}>{text(from + share * (to - from))}</span>
      ))}
    </div>
  )
}

function HiddenTable({ bars }: { bars: Bar[] }) {
  return (
    <div className="sr-only">
      <table>
        <caption>Records by time and level</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Records</th>
            <th scope="col">By level</th>
          </tr>
        </thead>
        <tbody>
          {bars
            .filter(({ total }) => total > 0)
            .map(({ time, total, byLevel }) => (
              <tr key={time}>
                <th scope="row">{moment(time)}</th>
                <td>{total}</td>
                <td>{levelsOf(byLevel)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  )
}
