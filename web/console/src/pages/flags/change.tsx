// Asks why before flags are changed: at once, at a time, or when others approved. When somebody was quicker it says what is there now.
import { type ReactNode, useState } from 'react'
import { ApiError, type ApiRequest } from '../../data/http'
import { type Changed, useChange } from '../../data/use-change'
import { Button, ButtonLink, Field, Input } from '../../parts/controls'
import { Dialog } from '../../parts/dialog'
import { Question } from '../../parts/question'
import { text, useParameters } from '../../router'
import type { About } from './api'
import styles from './flags.module.css'

interface ChangeProps {
  title: string
  does: string
  kind?: 'main' | 'bad'
  /** Makes the request of it; `revision` is what is there now, where somebody was quicker and it is to be done all the same. */
  request: (about: About, revision?: number) => ApiRequest
  /** Whether it can be made at a time, or proposed. */
  isPlannable?: boolean
  isReady?: boolean
  onClose: () => void
  onDone?: (changed: Changed) => void
  children?: ReactNode
}

export interface Conflict {
  revision: number
  definition: unknown
}

const FIELDS = { set: text() }
/** The answer to a change that waits for its time, or for approval. */
const KEPT = 202

/** Returns what is there now, if a change was refused because somebody was quicker. */
function conflictOf(error: Error | null): Conflict | null {
  if (!(error instanceof ApiError) || error.status !== 409) return null
  return (error.detail as { current?: Conflict } | undefined)?.current ?? null
}

export function Change({ title, does, kind, request, isPlannable = true, isReady = true, onClose, onDone, children }: ChangeProps) {
  const [why, setWhy] = useState('')
  const [at, setAt] = useState('')
  const [propose, setPropose] = useState(false)
  const [isKept, setKept] = useState(false)
  const change = useChange((changed) => {
    onDone?.(changed)
    if (changed.status === KEPT) setKept(true)
    else onClose()
  })
  const conflict = conflictOf(change.error)
  const about = { why: why.trim(), at: at === '' ? undefined : new Date(at).toISOString(), propose }
  if (isKept) return <Kept title={title} isProposed={propose} onClose={onClose} />
  return (
    <Question title={title} does={at === '' ? (propose ? `Propose: ${does}` : does) : `Plan: ${does}`} kind={kind} isBusy={change.isPending} isReady={isReady && why.trim() !== ''} error={conflict ? null : change.error} onClose={onClose} onSubmit={() => change.mutate(request(about))}>
      {children}
      <Field label="Why" hint="It stands in the history, for those who come later.">
        <Input value={why} onChange={(event) => setWhy(event.target.value)} required maxLength={1000} />
      </Field>
      {isPlannable && (
        <details>
          <summary>Later, or with approval</summary>
          <div className={styles.later}>
            <Field label="At (empty: at once)">
              <Input type="datetime-local" value={at} onChange={(event) => setAt(event.target.value)} />
            </Field>
            <label>
              <input type="checkbox" checked={propose} onChange={(event) => setPropose(event.target.checked)} /> Others approve it first
            </label>
          </div>
        </details>
      )}
      {conflict && <TheirChange conflict={conflict} onAgain={() => change.mutate(request(about, conflict.revision))} does={does} />}
    </Question>
  )
}

function Kept({ title, isProposed, onClose }: { title: string; isProposed: boolean; onClose: () => void }) {
  const [{ set }] = useParameters(FIELDS)
  return (
    <Dialog title={title} onClose={onClose}>
      <p role="status">{isProposed ? 'It is proposed: it is made when others approved it.' : 'It is planned: it is made when it is time.'}</p>
      <div className="row">
        <ButtonLink to="/flags" parameters={{ tab: 'planned', set }}>
          See what is planned
        </ButtonLink>
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  )
}

function TheirChange({ conflict, does, onAgain }: { conflict: Conflict; does: string; onAgain: () => void }) {
  return (
    <div className="callout" role="alert">
      <strong>Somebody was quicker.</strong> Nothing was changed. {conflict.definition ? `It is at revision ${conflict.revision} now:` : 'It is not there any more.'}
      {conflict.definition ? (
        <>
          <pre className={`listing ${styles.code}`}>{JSON.stringify(conflict.definition, null, 2)}</pre>
          <Button onClick={onAgain}>{does} all the same</Button>
        </>
      ) : null}
    </div>
  )
}
