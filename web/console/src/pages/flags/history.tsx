// Who changed what, when and why; each change can be taken back unless another came after it.
import { useState } from 'react'
import { ago, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, type Tone } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link, number, useParameters } from '../../router'
import { useTime } from '../../time'
import { changeOf, type Entry, flagPage, useFlagsApi } from './api'
import { Change } from './change'
import { differenceOf } from './difference'
import styles from './flags.module.css'

const FIELDS = { entry: number(0), most: number(50) }
/** What can be taken back: what is planned or only told of has another way. */
const UNDOABLE = ['set', 'delete', 'import', 'archive', 'promote', 'undo']
const TONES: Record<string, Tone> = { delete: 'bad', archive: 'bad', undo: 'warn', revert: 'warn', stop: 'warn', fail: 'bad' }
/** Flags of a change that are named; the others are counted. */
const NAMED = 6

/** The history of one flag, or of all flags in all sets. */
export function History({ set, flag, may }: { set?: string; flag?: string; may: boolean }) {
  const [{ entry: open, most }, change] = useParameters(FIELDS)
  const [undoing, setUndoing] = useState<Entry | null>(null)
  const path = flag === undefined ? 'history' : `flags/${encodeURIComponent(flag)}/history`
  const history = useFlagsApi<{ entries: Entry[] }>(path, { set, limit: most }, { refetchMs: useTime().isLive ? 5000 : false })
  const verified = useFlagsApi<{ entries: number; broken: unknown }>('history/verify', {}, { staleMs: 60_000 })
  return (
    <Panel title="History" request={history.request} flush actions={flag === undefined && <Verified verified={verified.data} />}>
      <Answer reading={history} what="changes" isEmpty={({ entries }) => entries.length === 0}>
        {({ entries }) => (
          <>
            <ol className={styles.history}>
              {entries.map((entry) => (
                <li key={entry.revision}>
                  <div className={styles.entry}>
                    <button type="button" className={styles.toggle} aria-expanded={open === entry.revision} onClick={() => change({ entry: open === entry.revision ? undefined : entry.revision })}>
                      <Badge tone={TONES[entry.action]}>{entry.action}</Badge>
                      <strong>{entry.why}</strong>
                    </button>
                    <span className="muted" title={moment(entry.atMs)}>
                      {entry.who}, {ago(entry.atMs)}
                    </span>
                    <span className={styles.grow}>{flag === undefined && <Named entry={entry} />}</span>
                    <span className="muted">#{entry.revision}</span>
                    {may && UNDOABLE.includes(entry.action) && (
                      <Button kind="plain" onClick={() => setUndoing(entry)}>
                        Undo … <span className="sr-only">change {entry.revision}</span>
                      </Button>
                    )}
                  </div>
                  {open === entry.revision && <Details entry={entry} flag={flag} />}
                </li>
              ))}
            </ol>
            {entries.length >= most && (
              <Button kind="plain" onClick={() => change({ most: most * 2 })}>
                Show more
              </Button>
            )}
          </>
        )}
      </Answer>
      {undoing && (
        <Change title={`Take change ${undoing.revision} back?`} does="Undo it" onClose={() => setUndoing(null)} request={(about) => changeOf('POST', `history/${undoing.revision}/undo`, {}, about)}>
          <p>
            What it changed is as it was before: <em>{undoing.why}</em>. Where another change came after it, nothing is done.
          </p>
        </Change>
      )}
    </Panel>
  )
}

function Verified({ verified }: { verified: { entries: number; broken: unknown } | undefined }) {
  if (verified === undefined) return null
  return verified.broken === null ? (
    <Badge tone="ok" icon="check">
      {verified.entries} entries, none altered
    </Badge>
  ) : (
    <Badge tone="bad" icon="error">
      altered: {JSON.stringify(verified.broken)}
    </Badge>
  )
}

function Named({ entry }: { entry: Entry }) {
  const keys = entry.changes.map(({ key }) => key)
  return (
    <>
      {entry.set && <Badge tone="glass">set {entry.set}</Badge>} {keys.slice(0, NAMED).map((key, place) => (
        <span key={place}>
          {key === null ? (
            'what flags share'
          ) : (
            <Link to={flagPage(key)} parameters={{ set: entry.set }} className="mono">
              {key}
            </Link>
          )}{' '}
        </span>
      ))}
      {keys.length > NAMED && <span className="muted">and {keys.length - NAMED} more</span>}
      {keys.length === 0 && <span className="muted">{entry.about}</span>}
    </>
  )
}

function Details({ entry, flag }: { entry: Entry; flag: string | undefined }) {
  const changes = entry.changes.filter(({ key }) => flag === undefined || key === flag)
  return (
    <div className={styles.details}>
      {entry.about && <p>{entry.about}</p>}
      {changes.map(({ key, before, after }) => (
        <figure key={key ?? ''}>
          {flag === undefined && <figcaption className="mono">{key ?? 'what flags share'}</figcaption>}
          <pre className={`listing ${styles.code}`}>
            {differenceOf(before, after).map(({ sign, text }, place) => (
              <span key={place} data-sign={sign}>
                {sign} {text}
                {'\n'}
              </span>
            ))}
          </pre>
        </figure>
      ))}
    </div>
  )
}
