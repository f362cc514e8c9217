// The tables of targets: those that are scraped, and those that are not.
import type { ReactNode } from 'react'
import { ago, moment, seconds } from '../../format'
import { Badge } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { activeKey, type ActiveTarget, droppedKey, type DroppedTarget, droppedUrl, type Health, labelText } from './target-data'
import styles from './targets.module.css'

/** Rows of a table. */
const MOST_ROWS = 500

const TONES = { up: 'ok', down: 'bad', unknown: undefined } as const
const ICONS = { up: 'check', down: 'error', unknown: undefined } as const

export const HealthBadge = ({ health }: { health: Health }) => (
  <Badge tone={TONES[health]} icon={ICONS[health]}>
    {health === 'unknown' ? 'not scraped yet' : health}
  </Badge>
)

/** Returns when a target was scraped; null if it was not yet. */
export function scrapedAt({ lastScrape }: ActiveTarget): number | null {
  const at = Date.parse(lastScrape)
  return at > 0 ? at : null
}

/** Labels that tell nothing that the other columns do not. */
const OWN_COLUMNS = new Set(['job'])

export function Labels({ labels }: { labels: Record<string, string> }) {
  return (
    <span className={styles.labels} title={labelText(labels)}>
      {Object.entries(labels)
        .filter(([name]) => !OWN_COLUMNS.has(name))
        .map(([name, value]) => (
          <code key={name}>
            {name}=<b>{value}</b>
          </code>
        ))}
    </span>
  )
}

const COLUMNS: Column<ActiveTarget>[] = [
  { name: 'health', heading: 'State', cell: ({ health }) => <HealthBadge health={health} />, sort: ({ health }) => health },
  { name: 'job', heading: 'Job', cell: ({ scrapePool }) => scrapePool, sort: ({ scrapePool }) => scrapePool },
  { name: 'url', heading: 'Target', cell: (target) => <Address target={target} />, sort: ({ scrapeUrl }) => scrapeUrl, wide: true },
  { name: 'labels', heading: 'Labels', cell: ({ labels }) => <Labels labels={labels} /> },
  { name: 'last', heading: 'Last scrape', cell: (target) => <Scraped target={target} />, sort: (target) => scrapedAt(target) ?? NaN, end: true },
  { name: 'took', heading: 'Took', cell: ({ lastScrapeDuration }) => seconds(lastScrapeDuration), sort: ({ lastScrapeDuration }) => lastScrapeDuration, end: true },
  { name: 'interval', heading: 'Every', cell: ({ scrapeInterval }) => scrapeInterval, end: true },
]

function Address({ target: { scrapeUrl, lastError } }: { target: ActiveTarget }) {
  return (
    <span className="two-lines">
      <span className="mono" title={scrapeUrl}>
        {scrapeUrl}
      </span>
      {lastError !== '' && (
        <small className="bad" title={lastError}>
          {lastError}
        </small>
      )}
    </span>
  )
}

function Scraped({ target }: { target: ActiveTarget }) {
  const at = scrapedAt(target)
  return at === null ? <span className="muted">not yet</span> : <span title={moment(at)}>{ago(at)}</span>
}

interface TableProps<Target> {
  targets: Target[]
  open: string
  onOpen: (key: string) => void
  nothing: ReactNode
}

export function ActiveTable({ targets, open, onOpen, nothing }: TableProps<ActiveTarget>) {
  if (targets.length === 0) return <div className={styles.none}>{nothing}</div>
  return (
    <>
      <DataTable label="Targets" columns={COLUMNS} rows={targets.slice(0, MOST_ROWS)} rowKey={(target) => `${activeKey(target)} ${labelText(target.labels)}`} onOpen={(target) => onOpen(activeKey(target))} isOpen={(target) => activeKey(target) === open} />
      <More all={targets.length} />
    </>
  )
}

const DROPPED: Column<DroppedTarget>[] = [
  { name: 'job', heading: 'Job', cell: ({ scrapePool }) => scrapePool, sort: ({ scrapePool }) => scrapePool },
  { name: 'url', heading: 'Target', cell: (target) => <span className="mono">{droppedUrl(target)}</span>, sort: droppedUrl },
  { name: 'labels', heading: 'Labels it was found with', cell: ({ discoveredLabels }) => <Labels labels={Object.fromEntries(Object.entries(discoveredLabels).filter(([name]) => !name.startsWith('__') || name.startsWith('__meta_')))} />, wide: true },
]

export function DroppedTable({ targets, notKept, open, onOpen, nothing }: TableProps<DroppedTarget> & { notKept: number }) {
  return (
    <>
      {targets.length === 0 ? (
        <div className={styles.none}>{nothing}</div>
      ) : (
        <DataTable label="Dropped targets" columns={DROPPED} rows={targets.slice(0, MOST_ROWS)} rowKey={(target) => `${target.scrapePool} ${labelText(target.discoveredLabels)}`} onOpen={(target) => onOpen(droppedKey(target))} isOpen={(target) => droppedKey(target) === open} />
      )}
      <More all={targets.length} />
      {notKept > 0 && <p className="footnote">{notKept.toLocaleString('en')} more were dropped and are only counted: their jobs keep no more (keep_dropped_targets).</p>}
    </>
  )
}

const More = ({ all }: { all: number }) => (all > MOST_ROWS ? <p className="footnote">The first {MOST_ROWS} of {all.toLocaleString('en')} are shown: a filter finds the others.</p> : null)
