// The flags that a service reads, and what each is now.
import { withParameters } from '../../data/http'
import { flagsPath } from '../../data/session'
import { useApi } from '../../data/use-api'
import { ago } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'

interface Declaration {
  key: string
  owner: string
  purpose: string
  drift: string | null
}

interface Flag {
  key: string
  enabled: boolean
  targeted: boolean
  defaultVariant: string | null
  changedMs: number
  life?: { purpose: string | null; reads: number; lastReadMs: number | null; stage: string; drift: string[] }
}

interface Line {
  key: string
  purpose: string
  drift: string | null
  /** None where the catalogue does not have what code declares. */
  flag?: Flag
}

const COLUMNS: Column<Line>[] = [
  { name: 'key', heading: 'Flag', cell: ({ key, purpose }) => <Link to={`/flags/${encodeURIComponent(key)}`} title={purpose}>{key}</Link>, sort: ({ key }) => key, wide: true },
  { name: 'now', heading: 'Now', cell: ({ flag, drift }) => <Now flag={flag} drift={drift} /> },
  { name: 'reads', heading: 'Reads', cell: ({ flag }) => flag?.life?.reads.toLocaleString('en') ?? '–', sort: ({ flag }) => flag?.life?.reads ?? NaN, end: true },
  { name: 'changed', heading: 'Changed', cell: ({ flag }) => (flag ? ago(flag.changedMs) : '–'), sort: ({ flag }) => flag?.changedMs ?? NaN, end: true },
]

function Now({ flag, drift }: Pick<Line, 'flag' | 'drift'>) {
  return (
    <>
      {flag === undefined ? <Badge tone="warn">not in the catalogue</Badge> : flag.enabled ? <Badge tone="glass">{flag.targeted ? 'by rule, else ' : ''}{flag.defaultVariant ?? 'code’s own'}</Badge> : <Badge>disabled: code’s own</Badge>}{' '}
      {drift && (
        <Badge tone="warn" icon="error">
          {drift}
        </Badge>
      )}
    </>
  )
}

export function FlagsRead({ service }: { service: string }) {
  const declared = useApi<{ declarations: Declaration[] }>({ path: flagsPath('/api/v1/declarations') }, { staleMs: 30_000 })
  const flags = useApi<{ flags: Flag[] }>({ path: flagsPath(withParameters('/api/v1/flags', { owner: service })) }, { staleMs: 10_000 })
  const lines = linesOf(declared.data?.declarations.filter(({ owner }) => owner === service) ?? [], flags.data?.flags ?? [])
  return (
    <Panel title="Flags that it reads" request={flags.request} flush>
      <Answer reading={declared} what="flags" isEmpty={() => lines.length === 0 && !flags.isFetching} empty="Its code declares no flags.">
        {() => <DataTable label="Flags that it reads" columns={COLUMNS} rows={lines} rowKey={({ key }) => key} />}
      </Answer>
    </Panel>
  )
}

/** Returns what code declares beside what the catalogue has. */
function linesOf(declarations: Declaration[], flags: Flag[]): Line[] {
  const byKey = new Map(flags.map((flag) => [flag.key, flag]))
  const declared = declarations.map(({ key, purpose, drift }) => ({ key, purpose, drift, flag: byKey.get(key) }))
  const others = flags.filter(({ key }) => !declared.some((line) => line.key === key)).map((flag) => ({ key: flag.key, purpose: flag.life?.purpose ?? '', drift: null, flag }))
  return [...declared, ...others]
}
