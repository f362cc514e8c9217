// All rules, group by group: what they ask, and how their evaluations go. Those that were given by the ruler's API can be changed here.
import { useState } from 'react'
import { mayChange, useSession } from '../../data/session'
import { ago, duration } from '../../format'
import { useKeys } from '../../keys'
import { Answer } from '../../parts/answer'
import { Badge, Button, Input } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Link, text, useParameters } from '../../router'
import styles from './alerts.module.css'
import { type Given, isNone, isRulerOff, RULES, useGivenRules, useRules } from './api'
import { type Rule, type RuleGroup, severityTone } from './model'
import { RemoveRule } from './remove-rule'
import { RuleDrawer } from './rule-drawer'
import { RuleEditor } from './rule-editor'

const FIELDS = { find: text(), open: text() }

export interface Place {
  group: RuleGroup
  rule: Rule
  key: string
}

const keyOf = (group: RuleGroup, place: number) => `${group.file};${group.name};${place}`

export function Rules() {
  const [{ find, open }, change] = useParameters(FIELDS)
  const reading = useRules()
  const ruler = useGivenRules()
  const given: Given = ruler.data ?? (isNone(ruler.error) ? {} : null)
  const may = mayChange(useSession().data) && given !== null
  const [removed, setRemoved] = useState<Place | null>(null)
  useKeys('Rules', [
    { keys: '/', does: 'Find a rule', run: () => document.querySelector<HTMLElement>('main input[type="search"]')?.focus() },
    ...(may ? [{ keys: 'n', does: 'New rule', run: () => change({ open: 'new' }) }] : []),
  ])
  const places = (reading.data ?? []).flatMap((group) => group.rules.map((rule, at): Place => ({ group, rule, key: keyOf(group, at) })))
  const edited = open.startsWith('edit;') ? places.find(({ key }) => key === open.slice(5)) : undefined
  const shown = places.find(({ key }) => key === open)
  return (
    <>
      <div className={styles.filters}>
        <Input type="search" aria-label="Find a rule" placeholder="Name, or a part of what it asks" value={find} onChange={(event) => change({ find: event.target.value }, { replace: true })} />
        {may && (
          <Button kind="main" icon="plus" onClick={() => change({ open: 'new' })}>
            New rule
          </Button>
        )}
      </div>
      {isRulerOff(ruler.error) && (
        <p className="notice">
          Rules come from files only. To make them here, set <code>observatory.prometheus.ruler_api = true</code>.
        </p>
      )}
      <Answer reading={reading} what="rules" isEmpty={(groups) => groups.length === 0} empty="There are no rules. They come from files (observatory.rules.files), or are made here where the ruler API is on.">
        {(groups) => <Groups groups={groups} find={find} given={given} onOpen={(key) => change({ open: key })} onAll={() => change({ find: undefined })} />}
      </Answer>
      {shown && <RuleDrawer place={shown} isGiven={isGiven(given, shown)} mayChange={may} onEdit={() => change({ open: `edit;${shown.key}` })} onRemove={() => setRemoved(shown)} onClose={() => change({ open: undefined })} />}
      {may && (open === 'new' || edited) && <RuleEditor key={open} place={edited ?? null} given={given ?? {}} onClose={() => change({ open: undefined })} />}
      {removed && <RemoveRule place={removed} given={given ?? {}} onDone={() => change({ open: undefined })} onClose={() => setRemoved(null)} />}
    </>
  )
}

/** Returns whether a rule was given by the API, and so can be changed by it. */
const isGiven = (given: Given, { group }: Place) => given?.[group.file]?.some(({ name }) => name === group.name) ?? false

interface GroupsProps {
  groups: RuleGroup[]
  find: string
  given: Given
  onOpen: (key: string) => void
  onAll: () => void
}

function Groups({ groups, find, given, onOpen, onAll }: GroupsProps) {
  const wanted = find.trim().toLowerCase()
  const fits = ({ name, query }: Rule) => `${name} ${query}`.toLowerCase().includes(wanted)
  const found = groups.map((group) => ({ group, places: group.rules.map((rule, at): Place => ({ group, rule, key: keyOf(group, at) })).filter(({ rule }) => fits(rule)) })).filter(({ places }) => places.length > 0)
  if (found.length === 0) {
    return (
      <p className={styles.none}>
        No rule has “{find}” in it. <Button onClick={onAll}>Show all</Button>
      </p>
    )
  }
  return (
    <div className="stack">
      {found.map(({ group, places }) => (
        <Panel key={`${group.file} ${group.name}`} title={group.name} request={RULES} flush actions={<span className="muted">{`${isGiven(given, places[0]!) ? 'made here, ' : ''}${group.file}, each ${duration(group.interval * 1e9)}`}</span>}>
          <DataTable label={`Rules of ${group.name}`} columns={COLUMNS} rows={places} rowKey={({ key }) => key} onOpen={({ key }) => onOpen(key)} />
        </Panel>
      ))}
    </div>
  )
}

const STATES: Record<string, { tone?: 'bad' | 'warn' | 'ok'; icon: 'alerts' | 'pause' | 'check' }> = { firing: { tone: 'bad', icon: 'alerts' }, pending: { tone: 'warn', icon: 'pause' }, inactive: { tone: 'ok', icon: 'check' } }

export function RuleState({ rule }: { rule: Rule }) {
  if (rule.health === 'err') {
    return (
      <Badge tone="bad" icon="error">
        cannot be evaluated
      </Badge>
    )
  }
  if (rule.type === 'recording') return <Badge>records</Badge>
  const { tone, icon } = STATES[rule.state ?? ''] ?? { tone: undefined, icon: 'pause' }
  const count = rule.alerts?.length ?? 0
  return (
    <Badge tone={tone} icon={icon}>
      {rule.state === 'inactive' ? 'quiet' : `${rule.state ?? 'not evaluated yet'}${count > 1 ? ` ${count}` : ''}`}
    </Badge>
  )
}

const COLUMNS: Column<Place>[] = [
  { name: 'state', heading: 'State', cell: ({ rule }) => <RuleState rule={rule} /> },
  { name: 'name', heading: 'Rule', sort: ({ rule }) => rule.name, cell: ({ rule, key }) => <Link change={{ open: key }}>{rule.name}</Link> },
  { name: 'severity', heading: 'Severity', sort: ({ rule }) => rule.labels?.severity ?? '', cell: ({ rule }) => (rule.labels?.severity ? <Badge tone={severityTone(rule.labels.severity)}>{rule.labels.severity}</Badge> : '') },
  { name: 'query', heading: 'What it asks', wide: true, cell: ({ rule }) => <code title={rule.query}>{rule.query}</code> },
  { name: 'for', heading: 'For', end: true, sort: ({ rule }) => rule.duration ?? 0, cell: ({ rule }) => (rule.duration ? duration(rule.duration * 1e9) : '') },
  { name: 'evaluated', heading: 'Evaluated', end: true, cell: ({ rule }) => (rule.lastEvaluation && !rule.lastEvaluation.startsWith('0001') ? ago(Date.parse(rule.lastEvaluation)) : 'not yet') },
]
