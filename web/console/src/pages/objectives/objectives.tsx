// Objectives: all of them, and the one that is looked at.
import { instantRequest, type Series, useInstant, useRange } from '../../data/prometheus'
import { useAgain } from '../../data/use-again'
import { useApi } from '../../data/use-api'
import { moment } from '../../format'
import { Answer, Problem } from '../../parts/answer'
import { Panel } from '../../parts/panel'
import { type Column, DataTable } from '../../parts/data-table'
import { SpanChoice, spanField, timeOfSpan } from '../../parts/span-choice'
import { Sparkline } from '../../parts/sparkline'
import { text, useParameters } from '../../router'
import { useTime } from '../../time'
import { BudgetBar, StateBadge } from './budget'
import { ObjectiveDetail } from './objective-detail'
import { BUDGET, burnText, lasting, type Objective, objectivesOf, OF_NOW, promise, type RuleGroup } from './objective-data'
import styles from './objectives.module.css'

const FIELDS = { objective: text(), over: spanField('7d') }
const RULES = { path: '/prometheus/api/v1/rules' }

interface Rules {
  data: { groups: RuleGroup[] }
}

export default function Page() {
  const time = useTime()
  const [{ objective, over }, change] = useParameters(FIELDS)
  const groups = useApi(RULES, { read: (json) => (json as Rules).data.groups.filter(({ name }) => name.startsWith('slo:')) })
  const hasAny = (groups.data?.length ?? 0) > 0
  const now = useInstant(hasAny ? OF_NOW : null, time.to)
  const past = useRange(hasAny ? BUDGET : null, timeOfSpan(over, time))
  useAgain([groups], time)
  const found = groups.data && (now.data || now.error) ? objectivesOf(groups.data, now.data ?? []) : []
  const open = found.find(({ name }) => name === objective) ?? found[0]
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Objectives</h1>
        <p className="muted">What is promised, how much of each error budget is left, and how fast it burns.</p>
      </header>
      {hasAny && !time.isRelative && <p className="muted">Budgets are those of {moment(time.to)}; whether alerts fire is told of now.</p>}
      {now.error && <Problem error={now.error} onRetry={() => now.refetch()} />}
      <Panel title={hasAny ? `Promised (${groups.data?.length})` : 'Promised'} request={instantRequest(OF_NOW, time.to)} sql={`SELECT labels, value FROM promql('${OF_NOW}') ORDER BY value`} actions={<SpanChoice label="Budget over" span={over} onChoose={(over) => change({ over: over === '7d' ? undefined : over })} />} flush>
        <Answer reading={groups} what="objectives" isEmpty={(all) => all.length === 0} empty={<NoObjectives />}>
          {() => (now.error ? <All objectives={found} past={past.data ?? []} open={open} onOpen={(name) => change({ objective: name })} /> : (
            <Answer reading={now} what="budgets">
              {() => <All objectives={found} past={past.data ?? []} open={open} onOpen={(name) => change({ objective: name })} />}
            </Answer>
          ))}
        </Answer>
      </Panel>
      {open && <ObjectiveDetail objective={open} past={past} span={over} onRegion={(from, to) => change({ from: Math.round(from), to: Math.round(to), live: false, over: 'time' })} />}
    </div>
  )
}

interface AllProps {
  objectives: Objective[]
  past: Series[]
  open: Objective | undefined
  onOpen: (name: string) => void
}

function All({ objectives, past, open, onOpen }: AllProps) {
  const lines = new Map(past.map((series) => [series.labels.slo ?? '', series.values]))
  const columns: Column<Objective>[] = [
    { name: 'state', heading: 'State', cell: ({ state }) => <StateBadge state={state} />, sort: ({ state }) => state },
    { name: 'name', heading: 'Objective', cell: ({ name }) => <b>{name}</b>, sort: ({ name }) => name, wide: true },
    { name: 'promised', heading: 'Promised', cell: ({ promised }) => promise(promised), sort: ({ promised }) => promised ?? NaN, end: true },
    { name: 'window', heading: 'Over', cell: ({ window }) => window ?? '–', end: true },
    { name: 'left', heading: 'Budget left', cell: ({ left }) => <BudgetBar left={left} />, sort: ({ left }) => left ?? NaN, end: true },
    { name: 'hour', heading: 'Burn, 1 h', cell: ({ lately }) => burnText(lately.hour), sort: ({ lately }) => lately.hour ?? NaN, end: true },
    { name: 'six', heading: '6 h', cell: ({ lately }) => burnText(lately.sixHours), sort: ({ lately }) => lately.sixHours ?? NaN, end: true },
    { name: 'lasts', heading: 'Rest lasts', cell: restOf, sort: ({ lastsS }) => lastsS ?? Infinity, end: true },
    { name: 'past', heading: 'Course', cell: ({ name }) => <Sparkline values={(lines.get(name) ?? []).map((value) => Math.max(0, value))} width={96} /> },
  ]
  return <DataTable label="Objectives" columns={columns} rows={objectives} rowKey={({ group }) => `${group.file}\n${group.name}`} onOpen={({ name }) => onOpen(name)} isOpen={(row) => row === open} />
}

/** Returns for how long the rest of the budget lasts. */
function restOf({ left, lastsS }: Objective): string {
  if (left !== null && left <= 0) return 'used up'
  return lastsS === null ? '–' : lasting(lastsS)
}

const EXAMPLE = `[[observatory.slo]]
name = "checkout"
good = 'http_server_request_duration_seconds_count{http_response_status_code!~"5.."}'
total = 'http_server_request_duration_seconds_count'
objective = 0.999
window = "30d"`

const NoObjectives = () => (
  <div className={styles.none}>
    <p>Nothing is promised yet. An objective is set in the settings of the observatory:</p>
    <pre className="listing" tabIndex={0}>{EXAMPLE}</pre>
  </div>
)
