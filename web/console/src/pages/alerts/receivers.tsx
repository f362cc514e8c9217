// Contact points: who is told, by what, and whether that works.
import { useState } from 'react'
import { mayChange, useSession } from '../../data/session'
import { Answer } from '../../parts/answer'
import { Badge, Button } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link, text, useParameters } from '../../router'
import styles from './alerts.module.css'
import { STATUS, type Tested, testReceiver, useConfiguration } from './api'
import type { Receiver, Route } from './routing'

const FIELDS = { open: text() }

export function Receivers() {
  const [{ open }] = useParameters(FIELDS)
  const reading = useConfiguration()
  return (
    <Answer reading={reading} what="contact points" isEmpty={({ receivers }) => receivers.length === 0} empty="There are none. They stand in the file that observatory.alertmanager.config names.">
      {({ receivers, root }) => (
        <div className={styles.cards}>
          {receivers.map((receiver) => (
            <Card key={receiver.name} receiver={receiver} routes={countRoutes(root, receiver.name)} isOpen={open === receiver.name} />
          ))}
        </div>
      )}
    </Answer>
  )
}

const countRoutes = (route: Route, name: string): number => (route.receiver === name ? 1 : 0) + route.routes.reduce((sum, child) => sum + countRoutes(child, name), 0)

type Outcome = { tested: Tested } | { error: Error } | null

function Card({ receiver, routes, isOpen }: { receiver: Receiver; routes: number; isOpen: boolean }) {
  const may = mayChange(useSession().data)
  const [outcome, setOutcome] = useState<Outcome>(null)
  const [isBusy, setBusy] = useState(false)
  const test = async () => {
    setBusy(true)
    setOutcome(null)
    try {
      setOutcome({ tested: await testReceiver(receiver.name) })
    } catch (problem) {
      setOutcome({ error: problem instanceof Error ? problem : new Error(String(problem)) })
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className={styles.card} data-open={isOpen ? '' : undefined} ref={(element) => (isOpen ? element?.scrollIntoView({ block: 'nearest' }) : undefined)}>
      <Panel title={receiver.name} request={STATUS}>
        {receiver.integrations.length === 0 ? (
          <p className="muted">It tells nobody: alerts that go here are only shown.</p>
        ) : (
          <ul className={styles.integrations}>
            {receiver.integrations.map(({ kind, detail }, place) => (
              <li key={place}>
                <Badge>{kind}</Badge> <span title={detail}>{detail || <span className="muted">its address is secret</span>}</span>
              </li>
            ))}
          </ul>
        )}
        <p className="muted">
          {routes === 0 ? 'No route leads here.' : <Link change={{ tab: 'routes', open: undefined }}>{routes === 1 ? 'One route leads here' : `${routes} routes lead here`}</Link>}
        </p>
        {may && receiver.integrations.length > 0 && (
          <Button icon="play" disabled={isBusy} onClick={() => void test()}>
            {isBusy ? 'Sending …' : 'Send a test'}
          </Button>
        )}
        <div role="status">{outcome && <Result outcome={outcome} />}</div>
      </Panel>
    </div>
  )
}

function Result({ outcome }: { outcome: NonNullable<Outcome> }) {
  if ('error' in outcome) return <p className="bad">{outcome.error.message}</p>
  return (
    <ul className={styles.integrations}>
      {outcome.tested.integrations.map(({ kind, name, isSent, error, duration_ms }) => (
        <li key={name}>
          <Badge tone={isSent ? 'ok' : 'bad'} icon={isSent ? 'check' : 'error'}>
            {kind}
          </Badge>{' '}
          {isSent ? `was told in ${duration_ms} ms` : error}
        </li>
      ))}
    </ul>
  )
}
