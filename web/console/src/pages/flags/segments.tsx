// Segments: rules with a name, which flags take in.
import { useState } from 'react'
import { Answer } from '../../parts/answer'
import { Badge, Button, Field, Input, TextArea } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import { changeOf, flagPage, useFlagsApi } from './api'
import { Change } from './change'
import styles from './flags.module.css'
import { mistakeIn, spread } from './json-text'
import { words } from './rule-words'

interface Segment {
  name: string
  rule: unknown
  usedBy: { flags: string[]; segments: string[] }
}

interface SegmentList {
  revision: number
  segments: Segment[]
}

const BEGINNING = { in: [{ var: 'country' }, ['DE', 'AT', 'CH']] }

export function Segments({ set, may }: { set: string; may: boolean }) {
  const reading = useFlagsApi<SegmentList>('segments', { set })
  const [edited, setEdited] = useState<Segment | 'new' | null>(null)
  const [deleted, setDeleted] = useState<string | null>(null)
  const latest = reading.data?.revision ?? 0
  return (
    <Panel
      title="Segments"
      request={reading.request}
      actions={
        <Button kind="main" icon="plus" disabled={!may} onClick={() => setEdited('new')}>
          New segment
        </Button>
      }
    >
      <Answer reading={reading} what="segments" isEmpty={({ segments }) => segments.length === 0} empty="None yet: a rule that several flags need gets a name here, and flags take it in.">
        {({ segments }) => (
          <ul className="lined">
            {segments.map((segment) => (
              <li key={segment.name} className="row">
                <code>{segment.name}</code>
                <span className={styles.grow}>{words(segment.rule)}</span>
                <span className="row">
                  {segment.usedBy.flags.map((key) => (
                    <Link key={key} to={flagPage(key)} parameters={{ set }} className="mono">
                      {key}
                    </Link>
                  ))}
                  {segment.usedBy.segments.map((name) => (
                    <Badge key={name}>segment {name}</Badge>
                  ))}
                  {segment.usedBy.flags.length + segment.usedBy.segments.length === 0 && <Badge>not used</Badge>}
                </span>
                <Button disabled={!may} onClick={() => setEdited(segment)}>
                  Edit …
                </Button>
                <Button disabled={!may} onClick={() => setDeleted(segment.name)}>
                  Delete …
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Answer>
      {edited && <Edit segment={edited === 'new' ? null : edited} set={set} latest={latest} onClose={() => setEdited(null)} />}
      {deleted !== null && <Change title={`Delete segment ${deleted}?`} does="Delete" kind="bad" onClose={() => setDeleted(null)} request={(about, revision = latest) => changeOf('DELETE', `segments/${encodeURIComponent(deleted)}`, { revision, set }, about)} />}
    </Panel>
  )
}

function Edit({ segment, set, latest, onClose }: { segment: Segment | null; set: string; latest: number; onClose: () => void }) {
  const [name, setName] = useState(segment?.name ?? '')
  const [rule, setRule] = useState(() => spread(JSON.stringify(segment?.rule ?? BEGINNING)))
  const mistake = mistakeIn(rule)
  return (
    <Change title={segment ? `Segment ${segment.name}` : 'New segment'} does="Save" isReady={name.trim() !== '' && mistake === null} onClose={onClose} request={(about, revision = latest) => changeOf('PUT', `segments/${encodeURIComponent(name.trim())}`, { revision, set }, about, rule)}>
      {!segment && (
        <Field label="Name">
          <Input value={name} onChange={(event) => setName(event.target.value)} className="mono" required />
        </Field>
      )}
      <Field label="Rule" hint={mistake ?? words(JSON.parse(rule))}>
        <TextArea className={styles.editor} rows={8} spellCheck={false} value={rule} aria-invalid={mistake !== null} onChange={(event) => setRule(event.target.value)} />
      </Field>
      {segment && segment.usedBy.flags.length > 0 && <p className="warn">It changes what {segment.usedBy.flags.join(', ')} give at once.</p>}
    </Change>
  )
}
