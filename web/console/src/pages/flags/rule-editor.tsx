// A flag's definition: in words, and as text that is changed. What was typed stays in this browser until it is saved or thrown away.
import { useEffect, useMemo, useRef, useState } from 'react'
import { Badge, Button, Menu, MenuItem, TextArea } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import type { ApiRequest } from '../../data/http'
import { useKeys } from '../../keys'
import { changeOfFlag, type Definition, type Flag, useFlagsApi } from './api'
import { Change } from './change'
import styles from './flags.module.css'
import { mistakeIn, spread } from './json-text'
import { waysOf } from './rule-words'

interface RuleEditorProps {
  flag: Flag
  /** The definition as it was sent. */
  source: string
  set: string
  may: boolean
  request: ApiRequest | null
  onDraft: (isDraft: boolean) => void
}

const draftName = (set: string, key: string) => `vitrine.flag-draft.${set}.${key}`

/** A draft, and the revision that it was begun from. */
interface Draft {
  text: string
  revision: number
}

function readDraft(name: string): Draft | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(name) ?? 'null') as Draft | null
    return kept !== null && typeof kept.text === 'string' && typeof kept.revision === 'number' ? kept : null
  } catch {
    return null
  }
}

export function RuleEditor({ flag, source, set, may, request, onDraft }: RuleEditorProps) {
  const name = draftName(set, flag.key)
  const [draft, setDraft] = useState(() => readDraft(name))
  const [isSaving, setSaving] = useState(false)
  const area = useRef<HTMLTextAreaElement>(null)
  const saved = useMemo(() => spread(source), [source])
  const value = draft?.text ?? saved
  const mistake = mistakeIn(value)
  const isStale = draft !== null && draft.revision !== flag.revision
  const keep = (next: Draft | null) => {
    setDraft(next)
    if (next === null) sessionStorage.removeItem(name)
    else sessionStorage.setItem(name, JSON.stringify(next))
  }
  const type = (text: string) => keep(text === saved ? null : { text, revision: draft?.revision ?? flag.revision })
  useEffect(() => onDraft(draft !== null), [draft, onDraft])
  useKeys('Flag', [{ keys: 'e', does: 'Edit the rule', run: () => area.current?.focus() }])
  const targeting = mistake === null ? ((JSON.parse(value) as Definition).targeting ?? null) : undefined
  return (
    <Panel title="Rule" request={request} actions={<Add text={value} set={set} isBroken={mistake !== null || !may} onText={type} />}>
      <div className="stack">
        {targeting !== undefined && <Words targeting={targeting} otherwise={(JSON.parse(value) as Definition).defaultVariant ?? null} />}
        {isStale && <Theirs saved={saved} revision={flag.revision} onTake={() => keep(null)} onMine={() => keep({ text: value, revision: flag.revision })} />}
        <TextArea ref={area} aria-label="Definition" aria-invalid={mistake !== null} className={styles.editor} rows={Math.max(10, Math.min(28, value.split('\n').length + 1))} spellCheck={false} readOnly={!may} value={value} onChange={(event) => type(event.target.value)} onKeyDown={(event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && draft !== null && setSaving(true)} />
        <div className="row">
          <Button kind="main" disabled={draft === null || mistake !== null || isStale} onClick={() => setSaving(true)}>
            Save …
          </Button>
          <Button disabled={draft === null} onClick={() => keep(null)}>
            Throw away
          </Button>
          <span className={mistake ? 'bad' : 'muted'} role="status">
            {mistake ?? (draft === null ? `Revision ${flag.revision}` : 'Not saved yet')}
          </span>
        </div>
      </div>
      {isSaving && <Change title={`Save ${flag.key}`} does="Save" onClose={() => setSaving(false)} onDone={() => keep(null)} request={(about, revision = draft?.revision ?? flag.revision) => changeOfFlag('PUT', { key: flag.key, set, revision }, '', about, value)} />}
    </Panel>
  )
}

function Words({ targeting, otherwise }: { targeting: unknown; otherwise: string | null }) {
  const ways = waysOf(targeting)
  const isOpen = ways.at(-1)?.when !== null || ways.length === 0
  return (
    <ol className={styles.ways}>
      {ways.map(({ when, gives }, place) => (
        <li key={place}>
          {when === null ? (place === 0 ? 'everyone' : 'everyone else') : `where ${when}`} <strong>→ {gives}</strong>
        </li>
      ))}
      {isOpen && (
        <li>
          {ways.length === 0 ? 'everyone' : 'everyone else'} <strong>→ {otherwise ?? 'what stands in code'}</strong>
        </li>
      )}
    </ol>
  )
}

function Theirs({ saved, revision, onTake, onMine }: { saved: string; revision: number; onTake: () => void; onMine: () => void }) {
  return (
    <div className="callout" role="alert">
      <strong>It was changed meanwhile.</strong> What you typed is below, and nothing of it is lost. Revision {revision} is:
      <pre className={`listing ${styles.code}`}>{saved}</pre>
      <div className="row">
        <Button onClick={onMine}>Go on with mine</Button>
        <Button onClick={onTake}>Take theirs</Button>
        <Badge>Copy from above what you want of it.</Badge>
      </div>
    </div>
  )
}

/** Puts the beginning of a rule into the definition. */
function Add({ text, set, isBroken, onText }: { text: string; set: string; isBroken: boolean; onText: (text: string) => void }) {
  const segments = useFlagsApi<{ segments: { name: string }[] }>('segments', { set }, { staleMs: 30_000 })
  if (isBroken) return null
  const definition = JSON.parse(text) as Definition
  const [first = 'on', second = first] = Object.keys(definition.variants ?? {})
  const add = (when: unknown) => onText(withWay(text, when, first))
  return (
    <Menu label="Add to the rule" icon="plus">
      <MenuItem onChoose={() => add({ in: [{ var: 'country' }, ['DE', 'AT']] })}>Where an attribute is one of …</MenuItem>
      <MenuItem onChoose={() => add({ ends_with: [{ var: 'email' }, '@example.com'] })}>Where an attribute ends with …</MenuItem>
      <MenuItem onChoose={() => add({ sem_ver: [{ var: 'version' }, '>=', '1.2.0'] })}>Where a version is at least …</MenuItem>
      {segments.data?.segments.map(({ name }) => (
        <MenuItem key={name} onChoose={() => add({ $ref: name })}>
          Where segment {name} holds
        </MenuItem>
      ))}
      <MenuItem onChoose={() => onText(withRule(text, withRest(definition.targeting, { fractional: [[first, 10], [second, 90]] })))}>Everyone else by shares …</MenuItem>
    </Menu>
  )
}

/** Returns a definition in which the rule begins with one more way. */
function withWay(text: string, when: unknown, then: string): string {
  const { targeting } = JSON.parse(text) as Definition
  const ways = operandsOfIf(targeting)
  return withRule(text, { if: [when, then, ...(ways ?? [targeting && Object.keys(targeting).length > 0 ? targeting : null])] })
}

function operandsOfIf(targeting: unknown): unknown[] | null {
  const ways = (targeting as { if?: unknown } | undefined)?.if
  return Array.isArray(ways) ? ways : null
}

/** Returns a rule whose last way is another. */
function withRest(targeting: unknown, rest: unknown): unknown {
  const ways = operandsOfIf(targeting)
  return ways === null ? rest : { if: [...(ways.length % 2 === 1 ? ways.slice(0, -1) : ways), rest] }
}

/** Returns a definition with another rule; what else stands in it stays as it was written. */
function withRule(text: string, rule: unknown): string {
  const definition = JSON.parse(text) as Record<string, unknown>
  if (!('targeting' in definition)) return spread(text.trimEnd().replace(/\}$/, `${Object.keys(definition).length > 0 ? ',' : ''}"targeting":${JSON.stringify(rule)}}`))
  return spread(replaced(spread(text), rule))
}

function replaced(text: string, rule: unknown): string {
  const start = text.indexOf('\n  "targeting":')
  const from = start + '\n  "targeting":'.length
  const next = /\n {2}"|\n\}$/.exec(text.slice(from))
  const end = next === null ? text.length - 1 : from + next.index
  const comma = text.slice(from, end).trimEnd().endsWith(',') ? ',' : ''
  return `${text.slice(0, from)}${JSON.stringify(rule)}${comma}${text.slice(end)}`
}
