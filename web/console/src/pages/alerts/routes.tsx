// The tree of routes: which alerts go to whom, and when. Labels that are typed show which way they take.
import { Answer } from '../../parts/answer'
import { Badge, Field, Input } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link, text, useParameters } from '../../router'
import styles from './alerts.module.css'
import { STATUS, useConfiguration, useSentAlerts } from './api'
import { matcherText, readMatchers } from './matchers'
import type { SentAlert } from './model'
import { type Configuration, type Route, routesFor } from './routing'

const FIELDS = { labels: text(), open: text() }

export function Routes() {
  const [{ labels, open }, change] = useParameters(FIELDS)
  const reading = useConfiguration()
  const sent = useSentAlerts().data ?? []
  const { matchers, wrong } = readMatchers(labels)
  const tried = Object.fromEntries(matchers.map(({ name, value }) => [name, value]))
  return (
    <div className="stack">
      <div className={styles.filters}>
        <Field label="Which way would an alert go?" hint={wrong.length > 0 ? `No label: ${wrong.join(', ')}` : 'Its labels: severity="page", job="vitrine/checkout"'}>
          <Input value={labels} aria-invalid={wrong.length > 0} onChange={(event) => change({ labels: event.target.value }, { replace: true })} />
        </Field>
      </div>
      <Panel title="Routes" request={STATUS}>
        <Answer reading={reading} what="routes">
          {(configuration) => <Tree configuration={configuration} tried={labels.trim() === '' ? null : tried} sent={sent} open={open} />}
        </Answer>
      </Panel>
      {(reading.data?.inhibitions.length ?? 0) > 0 && (
        <Panel title="What keeps others quiet">
          <ul className="stack">
            {reading.data?.inhibitions.map(({ source, target, equal }, place) => (
              <li key={place}>
                An alert with <code>{source.join(', ')}</code> keeps those with <code>{target.join(', ')}</code> quiet
                {equal.length > 0 && `, where ${equal.join(', ')} ${equal.length === 1 ? 'is' : 'are'} the same`}.
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </div>
  )
}

interface TreeProps {
  configuration: Configuration
  tried: Record<string, string> | null
  sent: SentAlert[]
  open: string
}

function Tree({ configuration: { root }, tried, sent, open }: TreeProps) {
  const taken = new Set(tried === null ? [] : routesFor(root, tried).map(({ path }) => path))
  const counts = new Map<string, number>()
  for (const alert of sent) for (const { path } of routesFor(root, alert.labels)) counts.set(path, (counts.get(path) ?? 0) + 1)
  return (
    <>
      {tried !== null && <p role="status">{`It would be told to ${[...new Set(routesFor(root, tried).map(({ receiver }) => receiver))].join(', ')}.`}</p>}
      <ul className="tree">
        <Branch route={root} isRoot taken={taken} counts={counts} open={open} />
      </ul>
    </>
  )
}

interface BranchProps {
  route: Route
  isRoot?: boolean
  taken: Set<string>
  counts: Map<string, number>
  open: string
}

function Branch({ route, isRoot, ...rest }: BranchProps) {
  const { taken, counts, open } = rest
  const { path, receiver, matchers, goesOn, groupBy, groupWait, groupInterval, repeatInterval, muted, active, routes } = route
  const count = counts.get(path) ?? 0
  return (
    <li>
      <div className={styles.route} data-taken={taken.has(path) ? '' : undefined} data-open={open === path ? '' : undefined} ref={(element) => (open === path ? element?.scrollIntoView({ block: 'nearest' }) : undefined)}>
        <div className="row">
          {isRoot ? <span>All alerts</span> : matchers.map((matcher) => <code key={matcherText(matcher)}>{matcherText(matcher)}</code>)}
          <span aria-hidden="true">→</span>
          <Link change={{ tab: 'receivers', open: receiver }}>{receiver}</Link>
          {taken.has(path) && (
            <Badge tone="glass" icon="check">
              it goes here
            </Badge>
          )}
          {goesOn && <Badge>and to those below it, too</Badge>}
          {count > 0 && (
            <Badge tone="warn" icon="alerts">
              {count === 1 ? 'one alert now' : `${count} alerts now`}
            </Badge>
          )}
        </div>
        <small className="muted">
          {groupBy.length === 0 ? 'all together' : groupBy.includes('...') ? 'each alone' : `together by ${groupBy.join(', ')}`}; first after {groupWait}, changes after {groupInterval}, again each {repeatInterval}
          {muted.length > 0 && `; not during ${muted.join(', ')}`}
          {active.length > 0 && `; only during ${active.join(', ')}`}
        </small>
      </div>
      {routes.length > 0 && (
        <ul>
          {routes.map((child) => (
            <Branch key={child.path} route={child} {...rest} />
          ))}
        </ul>
      )}
    </li>
  )
}
