// Changes as marks on one strip, with a list below for those who want to read them.
import { type RefObject, useLayoutEffect, useRef, useState } from 'react'
import { ago, moment } from '../../format'
import { Icon, type IconName } from '../../parts/icons'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import type { TimeRange } from '../../time'
import type { Change, ChangeKind } from './changes'
import styles from './changes.module.css'
import type { Changes } from './use-changes'

const ICONS: Record<ChangeKind, IconName> = { version: 'environments', flag: 'flags', fault: 'error', alert: 'alerts' }
const KINDS: Record<ChangeKind, string> = { version: 'version', flag: 'flag', fault: 'fault', alert: 'alert' }
/** Marks that are nearer are drawn as one, in pixels. */
const NEAR_PX = 22
/** Lines of the list. */
const MOST_LINES = 100
const TICKS = [0, 0.25, 0.5, 0.75, 1]

interface Cluster {
  at: number
  changes: Change[]
}

/** Returns changes with those put together that are nearer than a share of the strip. */
function clustered(changes: Change[], from: number, to: number, near: number): Cluster[] {
  const clusters: Cluster[] = []
  for (const change of changes.toSorted((a, b) => a.time - b.time)) {
    const at = (change.time - from) / (to - from)
    const last = clusters.at(-1)
    if (last !== undefined && at - last.at < near) last.changes.push(change)
    else clusters.push({ at, changes: [change] })
  }
  return clusters
}

export function ChangeStrip({ changes, time }: { changes: Changes; time: TimeRange }) {
  const strip = useRef<HTMLOListElement>(null)
  const width = useWidth(strip)
  const { all, series, missing } = changes
  const counts = (Object.keys(KINDS) as ChangeKind[]).map((kind) => ({ kind, count: all.filter((change) => change.kind === kind).length })).filter(({ count }) => count > 0)
  const legend = (
    <span className={styles.legend}>
      {counts.map(({ kind, count }) => (
        <span key={kind} data-kind={kind}>
          <Icon name={ICONS[kind]} size={13} /> {count} {KINDS[kind]}
          {count > 1 && 's'}
        </span>
      ))}
    </span>
  )
  return (
    <Panel title="Changes" request={series.request} actions={legend}>
      <ol className={styles.strip} ref={strip} aria-label="Changes in order of time">
        {clustered(all, time.from, time.to, NEAR_PX / width).map((cluster) => (
          <Spot key={cluster.changes[0]!.time} {...cluster} />
        ))}
      </ol>
      <div className={styles.ticks} aria-hidden="true">
        {TICKS.map((share) => (
          <span key={share}>{moment(time.from + share * (time.to - time.from)).slice(time.to - time.from > 86_400_000 ? 5 : 11, 16)}</span>
        ))}
      </div>
      {missing.length > 0 && <p className={styles.missing}>Without {missing.join(', ')}: that could not be read.</p>}
      {all.length === 0 && missing.length === 0 && !series.isFetching && <p className={styles.missing}>No version, flag, fault or alert changed in this time.</p>}
      {all.length > 0 && (
        <details className={styles.list}>
          <summary>What changed, the newest first</summary>
          <ol>
            {all.slice(0, MOST_LINES).map((change) => (
              <li key={`${change.time} ${change.text}`}>
                <time dateTime={new Date(change.time).toISOString()}>{moment(change.time)}</time>
                <Icon name={ICONS[change.kind]} size={13} />
                <span>
                  <Title {...change} /> {change.detail && <span className="muted">{change.detail}</span>}
                </span>
              </li>
            ))}
          </ol>
          {all.length > MOST_LINES && <p className="muted">and {all.length - MOST_LINES} before</p>}
        </details>
      )}
    </Panel>
  )
}

function useWidth(of: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(1000)
  useLayoutEffect(() => {
    const element = of.current
    if (element === null) return
    const observer = new ResizeObserver(() => setWidth(Math.max(1, element.clientWidth)))
    observer.observe(element)
    return () => observer.disconnect()
  }, [of])
  return width
}

const Title = ({ to, parameters, text }: Change) =>
  to === undefined ? (
    <>{text}</>
  ) : (
    <Link to={to} parameters={parameters}>
      {text}
    </Link>
  )

/** Which kind a mark of several is drawn as: the worst of them. */
const WORST: ChangeKind[] = ['alert', 'fault', 'version', 'flag']

function Spot({ at, changes }: Cluster) {
  const kind = WORST.find((kind) => changes.some((change) => change.kind === kind)) ?? 'flag'
  const first = changes[0]!
  const content = (
    <>
      <Icon name={ICONS[kind]} size={12} />
      {changes.length > 1 && <b>{changes.length}</b>}
      <span className={`${styles.tip} glass`}>
        {changes.slice(-6).map((change) => (
          <span key={`${change.time} ${change.text}`}>
            {change.text} <small>{[ago(change.time), change.detail?.slice(0, 160)].filter(Boolean).join(' · ')}</small>
          </span>
        ))}
        {changes.length > 6 && <small>and {changes.length - 6} before</small>}
      </span>
    </>
  )
  const label = (changes.length > 1 ? `${changes.length} changes: ` : '') + changes.slice(-6).map(({ text }) => text.slice(0, 200)).join('; ')
  const attributes = { 'aria-label': label, className: styles.spot, 'data-kind': kind, 'data-late': at > 0.5 ? '' : undefined }
  return (
    <li ref={(item) => item?.style.setProperty('--at', `${(at * 100).toFixed(2)}%`)}>
      {first.to === undefined ? (
        <span {...attributes} role="img" tabIndex={0}>
          {content}
        </span>
      ) : (
        <Link to={first.to} parameters={first.parameters} {...attributes}>
          {content}
        </Link>
      )}
    </li>
  )
}
