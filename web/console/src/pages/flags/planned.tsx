// What is to come: changes that wait for their time or for approval, and roll-outs. On a flag's page, those of the flag.
import { useState } from 'react'
import type { ApiRequest } from '../../data/http'
import { ago, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, type Tone } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import { type About, changeOf, type ChangeRequest, flagPage, type Operation, type RollOut, type Schedule, useFlagsApi } from './api'
import { Change } from './change'
import styles from './flags.module.css'

interface Asked {
  title: string
  does: string
  kind?: 'bad'
  request: (about: About) => ApiRequest
}

interface PlannedProps {
  set: string
  flag?: string
  may: boolean
}

const STEP_MS = 5000

export function Planned({ set, flag, may }: PlannedProps) {
  const [asked, setAsked] = useState<Asked | null>(null)
  const ask = may ? setAsked : null
  return (
    <>
      <RollOuts set={set} flag={flag} ask={ask} />
      <Schedules set={set} flag={flag} ask={ask} />
      <Requests set={set} flag={flag} ask={ask} />
      {asked && (
        <Change title={asked.title} does={asked.does} kind={asked.kind} isPlannable={false} onClose={() => setAsked(null)} request={asked.request} />
      )}
    </>
  )
}

interface ListProps {
  set: string
  flag: string | undefined
  /** Asks before something is done; null for who may not. */
  ask: ((asked: Asked) => void) | null
}

const isOf = (operation: Operation, flag: string | undefined) => flag === undefined || operation.key === flag

function RollOuts({ set, flag, ask }: ListProps) {
  const reading = useFlagsApi<{ rollouts: RollOut[] }>('rollouts', {}, { refetchMs: STEP_MS })
  const shown = (all: RollOut[]) => all.filter((rollout) => rollout.set === set && (flag === undefined || rollout.key === flag))
  if (flag !== undefined && shown(reading.data?.rollouts ?? []).length === 0) return null
  return (
    <Panel title="Roll-outs" request={reading.request}>
      <Answer reading={reading} what="roll-outs" isEmpty={({ rollouts }) => shown(rollouts).length === 0} empty="None yet. A flag’s page begins one.">
        {({ rollouts }) => (
          <ul className="lined">
            {shown(rollouts).map((rollout) => (
              <RollOutLine key={rollout.id} rollout={rollout} isNamed={flag === undefined} ask={ask} />
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}

const STATES: Record<RollOut['state'], Tone> = { running: 'info', paused: 'warn', stopped: 'bad', done: 'ok', reverted: 'warn' }

function RollOutLine({ rollout, isNamed, ask }: { rollout: RollOut; isNamed: boolean; ask: ListProps['ask'] }) {
  const { id, key, plan, shares, reached, state, because, nextMs, why, who } = rollout
  const share = shares[reached - 1] ?? 0
  const act = (does: string, path: string, kind?: 'bad') => ask?.({ title: `${does} the roll-out of ${key}?`, does, kind, request: (about) => changeOf('POST', `rollouts/${id}/${path}`, {}, about) })
  return (
    <li className={styles.rollout}>
      <div className="row">
        <Badge tone={STATES[state]}>{state}</Badge>
        {isNamed && (
          <Link to={flagPage(key)} parameters={{ set: rollout.set }} className="mono">
            {key}
          </Link>
        )}
        <span>
          <code>{plan.to}</code> in the place of <code>{plan.from}</code>
        </span>
        <span className="muted">
          {who}: {why}
        </span>
        {state === 'running' && <span>next step {ago(nextMs)}</span>}
        <span className="space" />
        {ask && state === 'running' && <Button onClick={() => act('Pause', 'pause')}>Pause</Button>}
        {ask && (state === 'paused' || state === 'stopped') && <Button onClick={() => act('Resume', 'resume')}>Resume</Button>}
        {ask && state !== 'reverted' && state !== 'done' && (
          <Button kind="bad" onClick={() => act('Revert', 'revert', 'bad')}>
            Revert
          </Button>
        )}
      </div>
      <label className={styles.steps}>
        <progress max={100} value={share} aria-label={`${share}% of ${key}`} />
        <span>
          {share}% · steps {shares.join(', ')}
        </span>
      </label>
      {because && <p className="warn">{because}</p>}
      {plan.guard && (
        <p className="muted">
          Guard: <code>{plan.guard.query}</code> not {plan.guard.is} {plan.guard.value}, else {plan.guard.then ?? 'stop'}
        </p>
      )}
    </li>
  )
}

/** Returns what a kept change does, in words. */
function saidOf({ do: does, key, name, enabled }: Operation): string {
  const what = key ?? name ?? ''
  if (does === 'switch') return `switch ${what} ${enabled ? 'on' : 'off'}`
  return `${does.replace('-', ' ')} ${what}`
}

function Schedules({ set, flag, ask }: ListProps) {
  const reading = useFlagsApi<{ schedules: Schedule[] }>('schedules', {}, { refetchMs: STEP_MS })
  const shown = (all: Schedule[]) => all.filter((schedule) => schedule.set === set && isOf(schedule.operation, flag))
  if (flag !== undefined && shown(reading.data?.schedules ?? []).length === 0) return null
  return (
    <Panel title="Planned for a time" request={reading.request}>
      <Answer reading={reading} what="planned changes" isEmpty={({ schedules }) => shown(schedules).length === 0} empty="Nothing is planned. Each change can be: “Later” is in its question.">
        {({ schedules }) => (
          <ul className="lined">
            {shown(schedules).map(({ id, operation, author, atMs, failed }) => (
              <li key={id} className="row">
                <Badge tone={failed ? 'bad' : 'info'}>{failed ? 'failed' : ago(atMs)}</Badge>
                <strong>{saidOf(operation)}</strong>
                <span className="muted">
                  {moment(atMs)}, {author.who}: {author.why}
                </span>
                {failed && <span className="bad">{failed}</span>}
                <span className="space" />
                {ask && <Button onClick={() => ask({ title: failed ? 'Take it away?' : `Cancel: ${saidOf(operation)}?`, does: failed ? 'Take away' : 'Cancel the change', kind: 'bad', request: (about) => changeOf('DELETE', `schedules/${id}`, {}, about) })}>{failed ? 'Take away' : 'Cancel …'}</Button>}
              </li>
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}

function Requests({ set, flag, ask }: ListProps) {
  const reading = useFlagsApi<{ requests: ChangeRequest[] }>('requests', {}, { refetchMs: STEP_MS })
  const shown = (all: ChangeRequest[]) => all.filter((request) => request.set === set && isOf(request.operation, flag))
  if (shown(reading.data?.requests ?? []).length === 0 && (flag !== undefined || reading.data !== undefined)) return null
  return (
    <Panel title="Asked for approval" request={reading.request}>
      <Answer reading={reading} what="change requests">
        {({ requests }) => (
          <ul className="lined">
            {shown(requests).map(({ id, operation, author, hash, approvals, state, because }) => (
              <li key={id} className="row">
                <Badge tone={state === 'open' ? 'info' : state === 'applied' ? 'ok' : 'bad'}>{state}</Badge>
                <strong>{saidOf(operation)}</strong>
                <span className="muted">
                  {author.who}: {author.why}; {approvals.length === 0 ? 'nobody approved yet' : `approved by ${approvals.map(({ who }) => who).join(', ')}`}
                </span>
                {because && <span className="warn">{because}</span>}
                <span className="space" />
                {ask && state === 'open' && (
                  <>
                    <Button onClick={() => ask({ title: `Approve: ${saidOf(operation)}?`, does: 'Approve', request: (about) => changeOf('POST', `requests/${id}/approve`, { hash }, about) })}>Approve …</Button>
                    <Button onClick={() => ask({ title: `Turn down: ${saidOf(operation)}?`, does: 'Turn down', kind: 'bad', request: (about) => changeOf('POST', `requests/${id}/reject`, {}, about) })}>Turn down …</Button>
                  </>
                )}
              </li>
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}
