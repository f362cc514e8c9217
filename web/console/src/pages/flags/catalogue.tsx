// All flags: what each is, which variants are served, who reads it, and what was changed last.
import { useState } from 'react'
import { useInstant, type Series } from '../../data/prometheus'
import { ago, moment } from '../../format'
import { useKeys } from '../../keys'
import { Answer } from '../../parts/answer'
import { Badge, Button, Input, Select } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { addressOf, Link, navigate, text, useParameters } from '../../router'
import { useTime } from '../../time'
import { changeOf, type Declaration, type Entry, type Flag, flagPage, lastChanges, useFlagsApi } from './api'
import { Change } from './change'
import { EVALUATIONS } from './evaluations'
import { NewFlag } from './new-flag'
import { Switch } from './switch'
import { VariantBar } from './variant-bar'

const FIELDS = { q: text(), stage: text(), owner: text() }
const STAGES = ['declared', 'live', 'settled', 'unread']
/** How many changes are looked at for the last one of each flag. */
const CHANGES = 500

export function Catalogue({ set, may }: { set: string; may: boolean }) {
  const [{ q, stage, owner }, change] = useParameters(FIELDS)
  const [isNew, setNew] = useState(false)
  const time = useTime()
  const refetchMs = time.isLive ? 5000 : (false as const)
  const flags = useFlagsApi<{ flags: Flag[] }>('flags', { set }, { refetchMs })
  const history = useFlagsApi<{ entries: Entry[] }>('history', { limit: CHANGES }, { refetchMs })
  const span = Math.max(60, Math.round((time.to - time.from) / 1000))
  const served = useInstant(`sum by (feature_flag_key, feature_flag_result_variant) (increase(${EVALUATIONS}[${span}s]))`, time.to)
  useKeys('Flags', [
    { keys: '/', does: 'Search flags', run: () => document.getElementById('flag-search')?.focus() },
    ...(may ? [{ keys: 'n', does: 'Make a new flag', run: () => setNew(true) }] : []),
  ])
  const last = lastChanges(history.data?.entries ?? [], set)
  const owners = [...new Set((flags.data?.flags ?? []).flatMap(({ life }) => life?.owners ?? []))].toSorted()
  const isShown = (flag: Flag) => (q === '' || `${flag.key} ${flag.life?.purpose ?? ''}`.toLowerCase().includes(q.toLowerCase())) && (stage === '' || flag.life?.stage === stage) && (owner === '' || (flag.life?.owners.includes(owner) ?? false))
  return (
    <>
      <Unknown set={set} may={may} />
      <Panel
        title="Flags"
        request={flags.request}
        flush
        actions={
          <>
            <Input id="flag-search" type="search" aria-label="Search flags" placeholder="Search" value={q} onChange={(event) => change({ q: event.target.value }, { replace: true })} />
            <Choice label="Stage" all="Every stage" value={stage} values={STAGES} onChoose={(stage) => change({ stage })} />
            <Choice label="Read by" all="Read by anyone" value={owner} values={owners} onChoose={(owner) => change({ owner })} />
            <Button kind="main" icon="plus" disabled={!may} onClick={() => setNew(true)}>
              New flag
            </Button>
          </>
        }
      >
        <Answer reading={flags} what="flags" isEmpty={({ flags }) => !flags.some(isShown)} empty={<Nothing isFiltered={q !== '' || stage !== '' || owner !== ''} onAll={() => change({ q: undefined, stage: undefined, owner: undefined })} />}>
          {({ flags }) => <DataTable label="Flags" columns={columnsOf(set, may, last, servedBy(served.data ?? []))} rows={flags.filter(isShown)} rowKey={({ key }) => key} sorted="flag" onOpen={({ key }) => navigate(addressOf(flagPage(key), { set }))} />}
        </Answer>
      </Panel>
      {isNew && <NewFlag set={set} onClose={() => setNew(false)} />}
    </>
  )
}

function Choice({ label, all, value, values, onChoose }: { label: string; all: string; value: string; values: string[]; onChoose: (value: string | undefined) => void }) {
  return (
    <Select aria-label={label} value={value} onChange={(event) => onChoose(event.target.value || undefined)}>
      <option value="">{all}</option>
      {values.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </Select>
  )
}

function Nothing({ isFiltered, onAll }: { isFiltered: boolean; onAll: () => void }) {
  if (!isFiltered) return <>There are no flags in this set. Make one, or import a file of flagd’s with POST /api/v1/import.</>
  return (
    <>
      No flag fits what is searched for. <Button onClick={onAll}>Show all flags</Button>
    </>
  )
}

/** Returns how often each variant was served, by flag. */
function servedBy(series: Series[]): Map<string, [string, number][]> {
  const all = new Map<string, [string, number][]>()
  for (const { labels, values } of series) {
    const key = labels.feature_flag_key ?? ''
    all.set(key, [...(all.get(key) ?? []), [labels.feature_flag_result_variant ?? '', values[0] ?? 0]])
  }
  return all
}

function columnsOf(set: string, may: boolean, last: Map<string, Entry>, served: Map<string, [string, number][]>): Column<Flag>[] {
  const reads = (key: string) => (served.get(key) ?? []).reduce((sum, [, value]) => sum + value, 0)
  return [
    {
      name: 'flag',
      heading: 'Flag',
      sort: ({ key }) => key,
      cell: ({ key, life, definition }) => (
        <div className="two-lines">
          <Link to={flagPage(key)} parameters={{ set }} className="mono">
            {key}
          </Link>
          <small title={life?.purpose ?? ''}>{life?.purpose ?? String(definition.metadata?.purpose ?? '')}</small>
        </div>
      ),
    },
    { name: 'state', heading: 'State', sort: ({ enabled }) => (enabled ? 1 : 0), cell: (flag) => <Switch flag={flag} set={set} may={may} /> },
    {
      name: 'serves',
      heading: 'Serves',
      sort: ({ defaultVariant }) => defaultVariant ?? '',
      cell: (flag) => (
        <span className="row">
          <code>{flag.defaultVariant ?? 'code’s own'}</code>
          {flag.broken ? <Badge tone="bad" icon="error">broken</Badge> : flag.targeted && <Badge tone="glass" icon="filter">rule</Badge>}
        </span>
      ),
    },
    { name: 'evaluations', heading: 'Evaluations', sort: ({ key }) => reads(key), cell: ({ key }) => <VariantBar label={`Evaluations of ${key}`} variants={served.get(key) ?? []} /> },
    { name: 'stage', heading: 'Stage', sort: ({ life }) => life?.stage ?? '', cell: ({ life }) => <Stage stage={life?.stage} drift={life?.drift ?? []} /> },
    { name: 'owner', heading: 'Read by', sort: ({ life }) => life?.owners.join() ?? '', cell: ({ life }) => life?.owners.map((owner) => <Link key={owner} to={`/services/${encodeURIComponent(owner)}`}>{owner} </Link>) },
    { name: 'changed', heading: 'Last change', sort: ({ changedMs }) => changedMs, cell: ({ key, changedMs }) => <LastChange at={changedMs} entry={last.get(key)} /> },
  ]
}

export function Stage({ stage, drift }: { stage: string | undefined; drift: string[] }) {
  return (
    <span className="row">
      <Badge tone={stage === 'live' ? 'ok' : stage === 'settled' || stage === 'unread' ? 'warn' : undefined}>{stage ?? '–'}</Badge>
      {drift.length > 0 && (
        <span title={drift.join('\n')}>
          <Badge tone="warn" icon="error">
            {drift[0]}
          </Badge>
        </span>
      )}
    </span>
  )
}

function LastChange({ at, entry }: { at: number; entry: Entry | undefined }) {
  return (
    <div className="two-lines" title={`${moment(at)}${entry ? ` ${entry.who}: ${entry.why}` : ''}`}>
      <span>{ago(at)}</span>
      {entry && (
        <small>
          {entry.who}: {entry.why}
        </small>
      )}
    </div>
  )
}

/** What code declares and the catalogue does not have, or has as something else. */
function Unknown({ set, may }: { set: string; may: boolean }) {
  const [making, setMaking] = useState<string | null>(null)
  const declared = useFlagsApi<{ declarations: Declaration[] }>('declarations', {}, { staleMs: 10_000 })
  const odd = set === '' ? (declared.data?.declarations.filter(({ drift }) => drift !== null) ?? []) : []
  if (odd.length === 0) return null
  return (
    <Panel title="What code reads, and the catalogue does not have" request={declared.request}>
      <ul className="lined">
        {odd.map(({ key, owner, drift, purpose }) => (
          <li key={`${owner} ${key}`} className="row">
            <code>{key}</code> {owner} <Badge tone="warn" icon="error">{drift}</Badge> <span className="muted">{purpose}</span>
            {drift === 'unknown to catalogue' && (
              <Button disabled={!may} onClick={() => setMaking(key)}>
                Create it
              </Button>
            )}
          </li>
        ))}
      </ul>
      {making !== null && (
        <Change title={`Create ${making}`} does="Create" isPlannable={false} onClose={() => setMaking(null)} request={(about) => changeOf('POST', `declarations/${encodeURIComponent(making)}/create`, {}, about)}>
          <p>It does what code does without it.</p>
        </Change>
      )}
    </Panel>
  )
}
