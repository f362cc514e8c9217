// One objective: what is left of its budget and was, how fast it burns against what its alerts ask, and its rules.
import { rangeRequest, type Series } from '../../data/prometheus'
import type { Reading } from '../../data/use-api'
import { ago, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { type Span, timeOfSpan } from '../../parts/span-choice'
import { TimeChart } from '../../parts/time-chart'
import { Link } from '../../router'
import { useTime } from '../../time'
import { BudgetLeft, StateBadge } from './budget'
import { BUDGET, type Burn, burnText, lasting, type Objective, own, promise, type Rule, type RuleGroup } from './objective-data'
import styles from './objectives.module.css'

interface DetailProps {
  objective: Objective
  past: Reading<Series[]>
  span: Span
  onRegion: (from: number, to: number) => void
}

export function ObjectiveDetail({ objective, past, span, onRegion }: DetailProps) {
  const { name, group, promised, window, left, lastsS, state } = objective
  return (
    <>
      <div className={styles.detail}>
        <Panel title={<span className="cut" title={name}>{name}</span>} actions={<StateBadge state={state} />}>
          <BudgetLeft left={left} />
          <dl className={`facts ${styles.facts}`}>
            <dt>Promised</dt>
            <dd>
              {promise(promised)}
              {window && ` over ${window}`}
            </dd>
            <dt>May fail</dt>
            <dd>{promised === null ? '–' : promise(1 - promised)}</dd>
            <dt>Rest lasts</dt>
            <dd>{left !== null && left <= 0 ? 'nothing is left' : lastsS === null ? 'nothing burns' : `${lasting(lastsS)}, at the speed of the last six hours`}</dd>
          </dl>
        </Panel>
        <Course objective={objective} past={past} span={span} onRegion={onRegion} />
      </div>
      <Burns burns={objective.burns} group={group} />
      <Rules group={group} />
    </>
  )
}

/** What was left of the budget. */
function Course({ objective: { name, group }, past, span, onRegion }: DetailProps) {
  const time = timeOfSpan(span, useTime())
  const expression = own(BUDGET, name)
  const began = group.rules.flatMap((rule) => (rule.alerts ?? []).map(({ activeAt }) => ({ time: Date.parse(activeAt), text: `${rule.name} began` })))
  const sql = `SELECT time, value FROM promql('${expression.replaceAll("'", "''")}', '${new Date(time.from).toISOString()}', '${new Date(time.to).toISOString()}', ${time.step})`
  return (
    <Panel title="Budget left" request={rangeRequest(expression, time)} sql={sql} actions={<Link to="/metrics" parameters={{ q: expression }}>As metrics</Link>}>
      <Answer reading={past} what="the course of the budget" isEmpty={(all) => !all.some(({ labels }) => labels.slo === name)} empty="Nothing was recorded in this time: budgets are told from the first event on.">
        {(all) => {
          const { times, values } = all.find(({ labels }) => labels.slo === name)!
          return (
            <>
              <TimeChart label={`Budget left of ${name}`} times={times} lines={[{ name: 'left', values, colour: 'var(--glass)' }]} unit="percent" kind="area" height={200} from={time.from} to={time.to} threshold={0} marks={began} onRegion={onRegion} />
              {began.length > 0 && <p className="muted">Dashed lines: {began.map(({ time, text }) => `${text} ${moment(time)}`).join(', ')}.</p>}
            </>
          )
        }}
      </Answer>
    </Panel>
  )
}

/** Whether an alert's condition on a pair of windows holds. */
const isAbove = ({ longBurn, shortBurn, limit }: Burn) => limit !== null && longBurn !== null && shortBurn !== null && longBurn > limit && shortBurn > limit

function Burns({ burns, group }: { burns: Burn[]; group: RuleGroup }) {
  const columns: Column<Burn>[] = [
    { name: 'over', heading: 'Over', cell: ({ long }) => <b>{long}</b> },
    { name: 'burn', heading: 'Burn', cell: (burn) => <BurnBar burn={burn.longBurn} limit={burn.limit} />, end: true },
    { name: 'short', heading: 'and over', cell: ({ short }) => short ?? '–' },
    { name: 'short-burn', heading: 'Burn', cell: (burn) => (burn.short === null ? '–' : <BurnBar burn={burn.shortBurn} limit={burn.limit} />), end: true },
    { name: 'limit', heading: 'Alerts above', cell: ({ limit }) => (limit === null ? '–' : burnText(limit)), end: true },
    { name: 'alert', heading: 'Alert', cell: (burn) => burn.alert && <RuleLink rule={burn.alert} group={group} /> },
    { name: 'is', heading: 'Now', cell: (burn) => <Speed burn={burn} />, wide: true },
  ]
  return (
    <Panel title="How fast it burns" flush>
      <DataTable label="How fast the budget burns" columns={columns} rows={burns} rowKey={({ long, alert }) => `${long} ${alert?.name}`} />
      <p className="footnote">At 1× the budget lasts exactly as long as the promise. An alert wants both windows above its limit, so that it matters, and ends when the burn does.</p>
    </Panel>
  )
}

function Speed({ burn }: { burn: Burn }) {
  if (burn.limit === null || burn.longBurn === null) return <span className="muted">–</span>
  return isAbove(burn) ? (
    <Badge tone="bad" icon="error">
      burns too fast
    </Badge>
  ) : (
    <Badge tone="ok" icon="check">
      below
    </Badge>
  )
}

/** How far a burn is from the limit. */
function BurnBar({ burn, limit }: { burn: number | null; limit: number | null }) {
  const isOver = burn !== null && limit !== null && burn > limit
  return (
    <span className={styles.budget} data-tone={isOver ? 'bad' : undefined}>
      {burn !== null && limit !== null && <span className={styles.bar} ref={(bar) => bar?.style.setProperty('--share', String(Math.min(1, burn / limit)))} aria-hidden="true" />}
      {burnText(burn)}
    </span>
  )
}

const RuleLink = ({ rule, group }: { rule: Rule; group: RuleGroup }) => (
  <Link to="/alerts" parameters={{ tab: 'rules', open: `${group.file};${group.name};${group.rules.indexOf(rule)}` }}>
    {rule.name}
  </Link>
)

function Rules({ group }: { group: RuleGroup }) {
  const { rules } = group
  const columns: Column<Rule>[] = [
    { name: 'name', heading: 'Rule', cell: (rule) => (rule.type === 'alerting' ? <RuleLink rule={rule} group={group} /> : <Link to="/metrics" parameters={{ q: rule.name }}>{rule.name}</Link>), sort: ({ name }) => name },
    { name: 'state', heading: 'State', cell: (rule) => (rule.state ? <StateBadge state={rule.state} /> : <Badge>{rule.type}</Badge>) },
    { name: 'health', heading: 'Evaluated', cell: (rule) => <Health rule={rule} /> },
    { name: 'query', heading: 'Expression', cell: ({ query }) => <Link to="/metrics" parameters={{ q: query }} className="mono" title={query}>{query}</Link>, wide: true },
  ]
  return (
    <Panel title={`Rules (${rules.length})`} request={{ path: `/prometheus/api/v1/rules?${new URLSearchParams({ 'rule_group[]': group.name })}` }} flush>
      <DataTable label="Rules of the objective" columns={columns} rows={rules} rowKey={({ name }) => name} />
    </Panel>
  )
}

function Health({ rule: { health, lastError, lastEvaluation } }: { rule: Rule }) {
  if (health === 'err') {
    return (
      <Badge tone="bad" icon="error">
        {lastError || 'failed'}
      </Badge>
    )
  }
  const at = Date.parse(lastEvaluation)
  return at > 0 ? <span title={moment(at)}>{ago(at)}</span> : <span className="muted">never</span>
}
