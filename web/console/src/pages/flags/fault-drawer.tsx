// One fault: what it does where, what it hit, and the traces of those hits.
import { useState } from 'react'
import { ago, clock, duration, figures, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, ButtonLink } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import { changeOf, useFlagsApi } from './api'
import { Change } from './change'
import { type Hit, type Incident, isAtWork, placeOf, type Site } from './fault'
import { guardSaid } from './faults'
import styles from './flags.module.css'
import { StopAll } from './stop-all'

/** Hits that are listed; all are counted. */
const LISTED = 100

const siteName = ({ at, service, from }: Site) => (from ? `${at} ${from} → ${service}` : `${at} ${service}`)

export function FaultDrawer({ incident, may, onClose }: { incident: Incident; may: boolean; onClose: () => void }) {
  const [isAsked, setAsked] = useState(false)
  const { id, effect, fault, hit, eligible, ended } = incident
  const [from, to] = [incident.committedNs / 1e6, (ended?.atNs ?? Date.now() * 1e6) / 1e6]
  const margin = Math.max(60e3, (to - from) / 2)
  return (
    <Drawer
      title={`Fault ${id}: ${effect}`}
      of={String(id)}
      onClose={onClose}
      actions={
        isAtWork(incident) && (
          <Button kind="bad" disabled={!may} onClick={() => setAsked(true)}>
            End it …
          </Button>
        )
      }
    >
      <StopAll />
      <dl className="facts">
        <dt>Where</dt>
        <dd>{placeOf(fault)}</dd>
        <dt>Armed</dt>
        <dd>
          {moment(from)} by {incident.who}: {incident.why}
        </dd>
        <dt>Lives</dt>
        <dd>{duration(fault.timing.ttl_s * 1e9)}</dd>
        {fault.guards?.map((guard, place) => (
          <div className="contents" key={place}>
            <dt>Guard</dt>
            <dd>{guardSaid(guard)}</dd>
          </div>
        ))}
        {ended && (
          <>
            <dt>Ended</dt>
            <dd>
              {moment(ended.atNs / 1e6)}, {ended.by.replace('_', ' ')}
              {ended.who && ` by ${ended.who}`}
              {ended.why && `: ${ended.why}`}
            </dd>
          </>
        )}
        <dt>Hit</dt>
        <dd>
          {figures(hit)} of {figures(eligible)} calls that were meant
        </dd>
        {fault.remedy && (
          <>
            <dt>Remedy</dt>
            <dd>{fault.remedy}</dd>
          </>
        )}
      </dl>
      <div className="row">
        {fault.where.service.map((service) => (
          <ButtonLink key={service} icon="overview" to={`/services/${encodeURIComponent(service)}`} parameters={{ from: Math.round(from - margin), to: Math.round(to + margin) }}>
            {service} meanwhile
          </ButtonLink>
        ))}
      </div>
      <Panel title="Sites that carry it" level={3}>
        <ul className="lined">
          {Object.entries(incident.processes).map(([instance, carrier]) => (
            <li key={instance}>
              <code>{instance.slice(0, 12)}</code> {carrier.lost && <Badge tone="warn">not heard of any more</Badge>} {carrier.ended && <Badge>{carrier.ended}</Badge>}
              <div className="muted">{carrier.sites.map(siteName).join(', ') || 'none'}</div>
            </li>
          ))}
        </ul>
      </Panel>
      <Hits incident={incident} />
      <Panel title="The document" level={3}>
        <pre className={`listing ${styles.code}`}>{JSON.stringify(fault, null, 2)}</pre>
      </Panel>
      {isAsked && <Change title={`End fault ${id}?`} does="End it" kind="bad" isPlannable={false} onClose={() => setAsked(false)} request={(about) => changeOf('DELETE', `faults/${id}`, {}, about)} />}
    </Drawer>
  )
}

function Hits({ incident }: { incident: Incident }) {
  const reading = useFlagsApi<{ hits: Hit[]; overflow: number }>(`faults/${incident.id}/hits`, {}, { refetchMs: isAtWork(incident) ? 3000 : false })
  return (
    <Panel title="Hits" level={3} request={reading.request}>
      <Answer reading={reading} what="hits" isEmpty={({ hits }) => hits.length === 0 && incident.exemplars.length === 0} empty="It has hit nothing yet.">
        {({ hits, overflow }) => {
          const all = hits.length > 0 ? hits : incident.exemplars
          return (
            <>
              <p className="muted">{Object.entries(incident.hitsBySite).map(([site, count]) => `${site}: ${figures(count)}`).join(', ')}</p>
              <ul className={styles.hits}>
                {all
                  .slice(-LISTED)
                  .toReversed()
                  .map(({ site, traceId, spanId, atNs }, place) => (
                    <li key={`${spanId}${atNs}${place}`} className="row">
                      <span title={ago(atNs / 1e6)}>{clock(atNs / 1e6)}</span>
                      <span className="muted">{siteName(site)}</span>
                      {traceId ? (
                        <Link to={`/trace/${traceId}`} parameters={{ span: spanId || undefined }} className="mono">
                          {traceId.slice(0, 16)}…
                        </Link>
                      ) : (
                        <span className="muted">outside of any trace</span>
                      )}
                    </li>
                  ))}
              </ul>
              {all.length + overflow > LISTED && <p className="muted">The last {LISTED} of {figures(all.length + overflow)}.</p>}
            </>
          )
        }}
      </Answer>
    </Panel>
  )
}
