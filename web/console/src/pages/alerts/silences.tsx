// Silences: those that hold, that are to come, and that are over.
import { useState } from 'react'
import { mayChange, useSession } from '../../data/session'
import { ago, moment } from '../../format'
import { useKeys } from '../../keys'
import { Answer } from '../../parts/answer'
import { Badge, Button } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Question } from '../../parts/question'
import { flag, list, text, useParameters } from '../../router'
import styles from './alerts.module.css'
import { expireSilence, type Silence, SILENCES, useSilences } from './api'
import { matcherText } from './matchers'
import { NewSilenceDialog } from './silence-dialog'
import { useLookAgain } from './silence-menu'

const FIELDS = { open: text(), matchers: list(), over: flag() }

export function Silences() {
  const [{ open, matchers, over }, change] = useParameters(FIELDS)
  const reading = useSilences()
  const may = mayChange(useSession().data)
  const [ending, setEnding] = useState<Silence | null>(null)
  useKeys('Silences', may ? [{ keys: 'n', does: 'New silence', run: () => change({ open: 'new' }) }] : [])
  const edited = reading.data?.find(({ id }) => id === open)
  const close = () => change({ open: undefined, matchers: undefined })
  return (
    <>
      <div className={styles.filters}>
        <label>
          <input type="checkbox" checked={over} onChange={(event) => change({ over: event.target.checked })} /> Those that are over, too
        </label>
        {may && (
          <Button kind="main" icon="plus" onClick={() => change({ open: 'new' })}>
            New silence
          </Button>
        )}
      </div>
      <Panel title="Silences" request={SILENCES} flush>
        <Answer reading={reading} what="silences" isEmpty={(all) => shownOf(all, over).length === 0} empty={over ? 'There never was one.' : 'Nothing is silenced. A silence is made from an alert’s row in two clicks.'}>
          {(all) => <DataTable label="Silences" columns={columnsOf(may, setEnding)} rows={shownOf(all, over)} rowKey={({ id }) => id} onOpen={may ? ({ id }) => change({ open: id }) : undefined} />}
        </Answer>
      </Panel>
      {may && (open === 'new' || edited) && <NewSilenceDialog key={open} silence={edited ?? null} matchers={edited ? edited.matchers.map(matcherText) : matchers} onClose={close} />}
      {ending && <End silence={ending} onClose={() => setEnding(null)} />}
    </>
  )
}

const ORDER = { active: 0, pending: 1, expired: 2 }

const shownOf = (all: Silence[], over: boolean) => all.filter(({ status }) => over || status.state !== 'expired').toSorted((a, b) => ORDER[a.status.state] - ORDER[b.status.state] || Date.parse(b.endsAt) - Date.parse(a.endsAt))

const STATES = { active: { text: 'holds', tone: 'glass' }, pending: { text: 'to come', tone: 'info' }, expired: { text: 'over', tone: undefined } } as const

function columnsOf(may: boolean, onEnd: (silence: Silence) => void): Column<Silence>[] {
  return [
    { name: 'state', heading: 'State', cell: ({ status }) => <Badge tone={STATES[status.state].tone}>{STATES[status.state].text}</Badge> },
    { name: 'matchers', heading: 'What it silences', wide: true, cell: ({ matchers }) => <code title={matchers.map(matcherText).join(', ')}>{matchers.map(matcherText).join(', ')}</code> },
    { name: 'comment', heading: 'Why', cell: ({ comment }) => <span title={comment}>{comment}</span> },
    { name: 'by', heading: 'By', sort: ({ createdBy }) => createdBy, cell: ({ createdBy }) => createdBy },
    { name: 'ends', heading: 'Ends', sort: ({ endsAt }) => Date.parse(endsAt), cell: ({ endsAt }) => <time dateTime={endsAt} title={moment(Date.parse(endsAt))}>{ago(Date.parse(endsAt))}</time> },
    {
      name: 'end',
      heading: <span className="sr-only">What can be done</span>,
      cell: (silence) =>
        may && silence.status.state !== 'expired' ? (
          <Button kind="plain" onClick={() => onEnd(silence)}>
            End it
          </Button>
        ) : null,
    },
  ]
}

function End({ silence, onClose }: { silence: Silence; onClose: () => void }) {
  const lookAgain = useLookAgain()
  const [error, setError] = useState<Error | null>(null)
  const end = async () => {
    try {
      await expireSilence(silence.id)
      await lookAgain()
      onClose()
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)))
    }
  }
  return (
    <Question title="End this silence?" does="End it" kind="bad" error={error} onSubmit={() => void end()} onClose={onClose}>
      <p>
        <code>{silence.matchers.map(matcherText).join(', ')}</code>
      </p>
      <p>What it silences is told to people again.</p>
    </Question>
  )
}
