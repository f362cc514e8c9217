// Faults: which are at work and what they hit, what can be broken, and those of the OpenTelemetry Demo by their names.
import { useEffect, useState } from 'react'
import { ago, figures, percent } from '../../format'
import { useKeys } from '../../keys'
import { Answer } from '../../parts/answer'
import { Badge, Button, ButtonLink, type Tone } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Link, number, text, useParameters } from '../../router'
import { useFlagsApi } from './api'
import { ArmDemo, type DemoFlag } from './demo-faults'
import { endOf, type Guard, type Incident, isAtWork, PLACES, placeOf, type Sites } from './fault'
import { FaultDrawer } from './fault-drawer'
import { FaultForm } from './fault-form'
import styles from './flags.module.css'
import { useFaults } from './stop-all'

const FIELDS = { fault: number(0), arm: text() }
/** Faults that are over and listed. */
const PAST = 30

export function FaultsTab({ may }: { may: boolean }) {
  const [{ fault, arm }, change] = useParameters(FIELDS)
  const faults = useFaults()
  const all = faults.data?.faults ?? []
  const shown = [...all.filter(isAtWork), ...all.filter((each) => !isAtWork(each)).slice(0, PAST)]
  const open = all.find(({ id }) => id === fault)
  const close = () => change({ fault: undefined })
  useKeys('Faults', may ? [{ keys: 'n', does: 'Arm a fault', run: () => change({ arm: 'callee' }) }] : [])
  return (
    <>
      <Panel
        title="Armed, and how the last ones ended"
        request={faults.request}
        flush
        actions={
          <Button kind="main" icon="plus" disabled={!may || Boolean(faults.data?.stopped)} onClick={() => change({ arm: 'callee' })}>
            Arm a fault
          </Button>
        }
      >
        <Answer reading={faults} what="faults" isEmpty={() => shown.length === 0} empty="None was ever armed. Below is what can be broken.">
          {() => <DataTable label="Faults" columns={COLUMNS} rows={shown} rowKey={({ id }) => String(id)} onOpen={({ id }) => change({ fault: id })} isOpen={({ id }) => id === fault} />}
        </Answer>
      </Panel>
      <div className={styles.pair}>
        <WhatCanBeBroken may={may} />
        <Demo may={may} />
      </div>
      {open && <FaultDrawer incident={open} may={may} onClose={close} />}
      {arm !== '' && <FaultForm begin={arm} onClose={() => change({ arm: undefined })} />}
    </>
  )
}

const TONES: Record<Incident['state'], Tone | undefined> = { starting: 'info', running: 'bad', ending: 'warn', ended: undefined }
const ENDS: Record<string, string> = { ttl: 'its time was over', operator: 'somebody ended it', guard: 'a guard tripped', stop_all: 'all were stopped', no_site: 'no site carried it' }

const COLUMNS: Column<Incident>[] = [
  { name: 'id', heading: '#', cell: ({ id }) => id, end: true },
  {
    name: 'state',
    heading: 'State',
    cell: ({ state, hitsNothing }) => (
      <span className="row">
        <Badge tone={TONES[state]} icon={state === 'running' ? 'error' : state === 'ended' ? 'check' : undefined}>
          {state}
        </Badge>
        {hitsNothing && state !== 'ended' && <Badge tone="warn">hits nothing</Badge>}
      </span>
    ),
  },
  { name: 'effect', heading: 'What', cell: ({ effect }) => <code>{effect}</code> },
  { name: 'place', heading: 'Where', cell: ({ fault }) => placeOf(fault) },
  { name: 'share', heading: 'Intensity', cell: ({ fault }) => <Intensity rate={fault.share?.rate ?? 1} of={fault.share?.of ?? 'traces'} /> },
  { name: 'left', heading: 'Time to live', cell: (incident) => <TimeLeft incident={incident} /> },
  { name: 'hits', heading: 'Hits', end: true, cell: ({ hit, eligible }) => `${figures(hit)} of ${figures(eligible)}` },
  { name: 'guard', heading: 'Guard', cell: ({ fault: { guards = [] } }) => (guards.length === 0 ? <span className="muted">none</span> : <span title={guards.map(guardSaid).join('\n')}>{guards.map(guardShort).join('; ')}</span>) },
  { name: 'why', heading: 'Why', wide: true, cell: ({ who, why }) => <span title={`${who}: ${why}`}>{`${who}: ${why}`}</span> },
]

function Intensity({ rate, of }: { rate: number; of: string }) {
  return (
    <span className={styles.intensity}>
      <progress max={1} value={rate} aria-label={`${percent(rate)} of ${of}`} />
      {percent(rate)} {rate < 1 && `of ${of}`}
    </span>
  )
}

/** Returns the time, anew each second as long as it is looked at. */
function useNow(isLookedAt: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!isLookedAt) return
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [isLookedAt])
  return now
}

function TimeLeft({ incident }: { incident: Incident }) {
  const { ended } = incident
  const now = useNow(ended === null)
  const left = Math.max(0, Math.round((endOf(incident) - now) / 1000))
  if (ended) return <span className="muted">{`${ENDS[ended.by] ?? ended.by}, ${ago(ended.atNs / 1e6)}`}</span>
  return (
    <span className={styles.intensity}>
      <progress max={incident.fault.timing.ttl_s} value={left} aria-label={`${left} seconds left`} />
      {left} s left
    </span>
  )
}

/** Returns a guard as short as it can be said. */
function guardShort({ if: signal, above, below }: Guard): string {
  return `${Object.keys(signal)[0]} ${above !== undefined ? `> ${above}` : `< ${below}`}`
}

/** Returns a guard in words. */
export function guardSaid({ if: signal, above, below, for_s }: Guard): string {
  const [[name, subject] = ['', '']] = Object.entries(signal)
  return `ends if ${name} of ${subject} is ${above !== undefined ? `above ${above}` : `below ${below}`} for ${for_s} s`
}

function WhatCanBeBroken({ may }: { may: boolean }) {
  const reading = useFlagsApi<Sites>('faults/sites', {}, { staleMs: 30_000 })
  return (
    <Panel title="What can be broken" request={reading.request}>
      <Answer reading={reading} what="sites" isEmpty={({ processes }) => processes.length === 0} empty="No process follows: start services with --place flags=grpc://HOST:PORT.">
        {({ processes, carries }) => {
          const sites = processes.flatMap(({ sites }) => sites)
          const services = [...new Set(sites.map(({ service }) => service))].toSorted()
          const places = Object.keys(carries).filter((at) => sites.some((site) => site.at === at))
          return (
            <div className={styles.matrix} role="region" aria-label="Services and places" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">Service</th>
                    {places.map((at) => (
                      <th scope="col" key={at} title={`${PLACES[at]}: ${carries[at]!.join(', ')}`}>
                        {at}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {services.map((service) => (
                    <tr key={service}>
                      <th scope="row">
                        <Link to={`/services/${encodeURIComponent(service)}`}>{service}</Link>
                      </th>
                      {places.map((at) => (
                        <td key={at}>{sites.some((site) => site.service === service && site.at === at) && may ? <ButtonLink kind="plain" icon="plus" change={{ arm: `${at}:${service}` }} label={`Break ${service}: ${PLACES[at]}`} /> : sites.some((site) => site.service === service && site.at === at) && '•'}</td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }}
      </Answer>
    </Panel>
  )
}

function Demo({ may }: { may: boolean }) {
  const reading = useFlagsApi<{ flags: DemoFlag[] }>('faults/demo', {}, { staleMs: 300_000 })
  return (
    <Panel title="The OpenTelemetry Demo’s faults" request={reading.request}>
      <Answer reading={reading} what="faults of the demo">
        {({ flags }) => (
          <ul className="lined">
            {flags.map((flag) => (
              <ArmDemo key={flag.key} flag={flag} may={may} />
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}
