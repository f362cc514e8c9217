// One rule: what it asks, its course, and what it says when it fires.
import { ago, duration, moment } from '../../format'
import { rangeRequest } from '../../data/prometheus'
import { Badge, Button, ButtonLink } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { useTime } from '../../time'
import { LabelList } from './alert-row'
import styles from './alerts.module.css'
import { ExpressionChart } from './expression-chart'
import { keyOf } from './model'
import { type Place, RuleState } from './rules'
import { comparisonOf } from './threshold'

interface RuleDrawerProps {
  place: Place
  isGiven: boolean
  mayChange: boolean
  onEdit: () => void
  onRemove: () => void
  onClose: () => void
}

export function RuleDrawer({ place, isGiven, mayChange, onEdit, onRemove, onClose }: RuleDrawerProps) {
  const { rule, group, key } = place
  const time = useTime()
  return (
    <Drawer title={rule.name} of={key} onClose={onClose}>
      <div className="row">
        <RuleState rule={rule} />
        <Badge>{group.name}</Badge>
        {rule.lastEvaluation && <span className="muted">{`evaluated ${ago(Date.parse(rule.lastEvaluation))} in ${duration((rule.evaluationTime ?? 0) * 1e9)}`}</span>}
      </div>
      {rule.lastError && (
        <p className="callout" data-tone="bad" role="alert">
          {rule.lastError}
        </p>
      )}
      <Panel title="Its course" level={3} request={rangeRequest(comparisonOf(rule.query)?.left ?? rule.query, time)}>
        <ExpressionChart label={`Course of ${rule.name}`} query={rule.query} time={time} />
      </Panel>
      <pre className={`listing ${styles.expression}`}>{rule.query}</pre>
      <div className="row">
        <ButtonLink icon="metrics" to="/metrics" parameters={{ q: rule.query }}>
          In metrics
        </ButtonLink>
        {mayChange && isGiven && (
          <>
            <Button icon="edit" onClick={onEdit}>
              Change
            </Button>
            <Button kind="bad" onClick={onRemove}>
              Remove
            </Button>
          </>
        )}
        {mayChange && !isGiven && (
          <Button icon="copy" onClick={onEdit}>
            Make one like it
          </Button>
        )}
      </div>
      <dl className="facts">
        <dt>Fires after</dt>
        <dd>{rule.duration ? duration(rule.duration * 1e9) : 'at once'}</dd>
        {rule.keepFiringFor ? (
          <>
            <dt>Fires on for</dt>
            <dd>{duration(rule.keepFiringFor * 1e9)}</dd>
          </>
        ) : null}
        <dt>From</dt>
        <dd>{group.file}</dd>
        {Object.entries(rule.annotations ?? {}).map(([name, value]) => (
          <div key={name} className="contents">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <LabelList labels={rule.labels ?? {}} />
      {(rule.alerts?.length ?? 0) > 0 && (
        <section className="stack">
          <h3>Its alerts now</h3>
          <ul className="stack">
            {rule.alerts?.map((alert) => (
              <li key={keyOf(alert.labels)}>
                {alert.state}
                {alert.activeAt && ` since ${moment(Date.parse(alert.activeAt))}`}
                <LabelList labels={alert.labels} without={['alertname', ...Object.keys(rule.labels ?? {})]} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </Drawer>
  )
}
