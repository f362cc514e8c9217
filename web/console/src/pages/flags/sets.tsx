// Sets of flags: how two of them differ, and flags taken from one into the other.
import { useState } from 'react'
import { Answer } from '../../parts/answer'
import { Badge, Button, Select } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link, text, useParameters } from '../../router'
import { changeOf, flagPage, useFlagsApi } from './api'
import { Change } from './change'
import { differenceOf } from './difference'
import styles from './flags.module.css'
import type { SetList } from './flags'

// A set's name may be empty, so an underscore stands before it in the address.
const FIELDS = { from_set: text(), into_set: text() }

interface Side {
  revision: number
  definition: unknown
}

interface Compared {
  flags: { key: string; from: Side | null; to: Side | null }[]
  sharedDiffers: boolean
}

const nameOf = (set: string) => (set === '' ? 'the default set' : set)

export function Sets({ may }: { may: boolean }) {
  const sets = useFlagsApi<SetList>('sets')
  return (
    <Panel title="Sets" request={sets.request}>
      <Answer reading={sets} what="sets of flags">
        {({ sets }) =>
          sets.length < 2 ? (
            <p className="muted">
              There is the default set alone, with {sets[0]?.flags ?? 0} flags. A set comes about with its first flag: <code>PUT /api/v1/flags/KEY?set=staging</code>.
            </p>
          ) : (
            <Two names={sets.map(({ name }) => name)} may={may} />
          )
        }
      </Answer>
    </Panel>
  )
}

function Two({ names, may }: { names: string[]; may: boolean }) {
  const [{ from_set, into_set }, change] = useParameters(FIELDS)
  const from = names.find((name) => `_${name}` === from_set) ?? names[1]!
  const into = names.find((name) => `_${name}` === into_set) ?? names[0]!
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [isAsked, setAsked] = useState(false)
  const reading = useFlagsApi<Compared>(`sets/compare?from=${encodeURIComponent(from)}&to=${encodeURIComponent(into)}`)
  const choice = (label: string, value: string, onChoose: (name: string) => void) => (
    <label className="row">
      {label}
      <Select value={value} onChange={(event) => onChoose(`_${event.target.value}`)}>
        {names.map((name) => (
          <option key={name} value={name}>
            {nameOf(name)}
          </option>
        ))}
      </Select>
    </label>
  )
  const toggle = (key: string) => setChosen(new Set(chosen.has(key) ? [...chosen].filter((other) => other !== key) : [...chosen, key]))
  const flags = (reading.data?.flags ?? []).filter(({ key, from }) => chosen.has(key) && from !== null)
  return (
    <div className="stack">
      <div className="row">
        {choice('From', from, (from_set) => change({ from_set }))}
        {choice('into', into, (into_set) => change({ into_set }))}
        <Button kind="main" disabled={!may || flags.length === 0} onClick={() => setAsked(true)}>
          Promote {flags.length > 0 ? flags.length : ''} …
        </Button>
      </div>
      <Answer reading={reading} what="differences" isEmpty={({ flags }) => flags.length === 0} empty={`Flags of ${nameOf(from)} and ${nameOf(into)} are the same.`}>
        {({ flags, sharedDiffers }) => (
          <>
            {sharedDiffers && <Badge tone="warn" icon="error">What flags share differs, too</Badge>}
            <ul className="lined">
              {flags.map(({ key, from: here, to: there }) => (
                <li key={key}>
                  <div className="row">
                      <input type="checkbox" aria-label={`Take ${key}`} disabled={here === null} checked={chosen.has(key)} onChange={() => toggle(key)} />
                      <Link to={flagPage(key)} parameters={{ set: from }} className="mono">
                        {key}
                      </Link>
                      <Badge tone={here === null ? 'info' : there === null ? 'ok' : 'warn'}>{here === null ? `only in ${nameOf(into)}` : there === null ? `new in ${nameOf(into)}` : 'differs'}</Badge>
                  </div>
                  <details>
                    <summary>What differs</summary>
                    <pre className={`listing ${styles.code}`}>
                      {differenceOf(there?.definition, here?.definition).map(({ sign, text }, place) => (
                        <span key={place} data-sign={sign}>
                          {sign} {text}
                          {'\n'}
                        </span>
                      ))}
                    </pre>
                  </details>
                </li>
              ))}
            </ul>
          </>
        )}
      </Answer>
      {isAsked && (
        <Change title={`Promote to ${nameOf(into)}`} does="Promote" onClose={() => setAsked(false)} onDone={() => setChosen(new Set())} request={(about) => changeOf('POST', 'promote', { set: into }, about, { from, flags: flags.map(({ key, from, to }) => ({ key, from: from!.revision, to: to?.revision ?? 0 })) })}>
          <p>{flags.map(({ key }) => key).join(', ')} will be in {nameOf(into)} as in {nameOf(from)}, as one change.</p>
        </Change>
      )}
    </div>
  )
}
