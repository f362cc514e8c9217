// An alert with all there is of it: its chart, its labels, whom it is told to and why, what keeps it quiet.
import { moment } from '../../format'
import { Badge, ButtonLink } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { rangeRequest } from '../../data/prometheus'
import { Failures } from '../../failures/failures'
import { Link } from '../../router'
import { useTime } from '../../time'
import { LabelList, Severity, StateBadge, toldTo } from './alert-row'
import styles from './alerts.module.css'
import type { Silence } from './api'
import { ExpressionChart } from './expression-chart'
import { matcherText } from './matchers'
import type { Alert } from './model'
import { type Configuration, routesFor } from './routing'
import { SilenceMenu } from './silence-menu'
import { comparisonOf } from './threshold'

interface AlertDrawerProps {
  alert: Alert
  configuration: Configuration | null
  silences: Silence[]
  onClose: () => void
}

export function AlertDrawer({ alert, configuration, silences, onClose }: AlertDrawerProps) {
  const { name, rule, labels, annotations, since, severity } = alert
  const time = useTime()
  const query = rule?.query ?? ''
  const service = labels.service ?? labels.service_name ?? labels.job?.replace(/^.*\//, '')
  return (
    <Drawer title={name || 'Alert'} of={alert.key} onClose={onClose} actions={<SilenceMenu alert={alert} silences={silences} />}>
      <div className="row">
        <Severity severity={severity} />
        <StateBadge alert={alert} silences={silences} />
        {!Number.isNaN(since) && <span className="muted">since {moment(since)}</span>}
      </div>
      {annotations.summary && <p className={styles.lead}>{annotations.summary}</p>}
      {annotations.description && <p>{annotations.description}</p>}
      {rule && (
        <Panel title="Its course" level={3} request={rangeRequest(comparisonOf(query)?.left ?? query, time)}>
          <ExpressionChart label={`Course of ${name}`} query={query} time={time} of={labels} />
          <pre className={`listing ${styles.expression}`}>{query}</pre>
          <div className="row">
            <ButtonLink icon="metrics" to="/metrics" parameters={{ q: query }}>
              In metrics
            </ButtonLink>
            <ButtonLink icon="alerts" change={{ tab: 'rules', open: undefined, find: rule.name }}>
              Its rule
            </ButtonLink>
            {service && (
              <ButtonLink icon="overview" to={`/services/${encodeURIComponent(service)}`}>
                {service}
              </ButtonLink>
            )}
          </div>
        </Panel>
      )}
      {service && <Failures place={{ service }} time={time} />}
      <section className="stack">
        <h3>Labels</h3>
        <LabelList labels={labels} />
      </section>
      <Told alert={alert} configuration={configuration} />
      <Quiet alert={alert} silences={silences} />
      {Object.entries(annotations).some(([key]) => key !== 'summary' && key !== 'description') && (
        <section className="stack">
          <h3>Annotations</h3>
          <dl className="facts">
            {Object.entries(annotations).map(([key, value]) => (
              <div key={key} className="contents">
                <dt>{key}</dt>
                <dd>{/^https?:\/\//.test(value) ? <a href={value}>{value}</a> : value}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
    </Drawer>
  )
}

function Told({ alert, configuration }: { alert: Alert; configuration: Configuration | null }) {
  const routes = configuration === null ? [] : routesFor(configuration.root, alert.labels)
  return (
    <section className="stack">
      <h3>Who is told</h3>
      <p>{toldTo(alert, configuration) || 'Where alerts go cannot be read.'}</p>
      {routes.map((route) => (
        <p key={route.path} className="muted">
          By the route{' '}
          <Link change={{ tab: 'routes', open: route.path }}>
            {route.matchers.length === 0 ? 'for all the rest' : route.matchers.map(matcherText).join(', ')}
          </Link>
          : first after {route.groupWait}, again when the group changes after {route.groupInterval}, and each {route.repeatInterval}
          {route.muted.length > 0 && `; not during ${route.muted.join(', ')}`}
        </p>
      ))}
    </section>
  )
}

function Quiet({ alert, silences }: { alert: Alert; silences: Silence[] }) {
  const status = alert.sent?.status
  if (status === undefined || (status.silencedBy.length === 0 && status.inhibitedBy.length === 0)) return null
  return (
    <section className="stack">
      <h3>What keeps it quiet</h3>
      {status.silencedBy.map((id) => {
        const silence = silences.find((each) => each.id === id)
        return (
          <p key={id}>
            <Badge icon="silence">silence</Badge> {silence ? `by ${silence.createdBy} until ${moment(Date.parse(silence.endsAt))}: ${silence.comment}` : id}
          </p>
        )
      })}
      {status.inhibitedBy.length > 0 && <p>Another alert that fires inhibits it: it would say nothing new.</p>}
    </section>
  )
}
