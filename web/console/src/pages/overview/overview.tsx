// How everything is: what changed, who calls whom, what fails, and which alerts fire.
import { useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import { duration, percent } from '../../format'
import { useKeys } from '../../keys'
import { Answer } from '../../parts/answer'
import { ButtonLink, Select } from '../../parts/controls'
import type { GraphItem } from '../../parts/graph'
import { Panel } from '../../parts/panel'
import { useEvent } from '../../parts/use-event'
import { oneOf, text, useParameters } from '../../router'
import { type TimeRange, useTime } from '../../time'
import { FiringAlerts } from './alerts'
import { ChangeStrip } from './change-strip'
import { EdgesTable } from './edges-table'
import type { Place } from '../../failures/failure-data'
import { failedShare, MANY_FAIL, type ServiceEdge, type ServiceMapData, SOME_FAIL, toneOf, useMap } from './map-data'
import { readFailuresAhead } from '../../failures/near'
import styles from './overview.module.css'
import { PlaceDrawer } from './place-drawer'
import { ServiceMap } from './service-map'
import { useChanges } from './use-changes'

const FIELDS = { over: oneOf(['1m', '5m', 'all'] as const, '5m'), service: text(), client: text(), server: text() }
const OVER_SECONDS = { '1m': 60, '5m': 300, all: Infinity }

const lengthOf = (time: TimeRange) => Math.max(1, Math.round((time.to - time.from) / 1000))

export default function Overview() {
  const time = useTime()
  const [state, change] = useParameters(FIELDS)
  const over = Math.min(OVER_SECONDS[state.over], lengthOf(time))
  const map = useMap(time, over)
  const changes = useChanges(time)
  const client = useQueryClient()
  const data = map.data
  const place = placeOf(state, data)
  const open = useEvent((item: GraphItem) => change('node' in item ? { service: item.node, client: undefined, server: undefined } : { service: undefined, client: item.edge[0], server: item.edge[1] }))
  const openEdge = useEvent(({ client, server }: ServiceEdge) => open({ edge: [client, server] }))
  const near = useEvent((item: GraphItem) => {
    const pointed = placeOf('node' in item ? { service: item.node, client: '', server: '' } : { service: '', client: item.edge[0], server: item.edge[1] }, data)
    if (pointed !== null) readFailuresAhead(client, pointed, time)
  })
  useKeys('Overview', [{ keys: 'e', does: 'Open where most fails', run: () => data && openWorst(data, open) }])
  const openItem = useMemo(() => itemOf(state.service, state.client, state.server), [state.service, state.client, state.server])
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Overview</h1>
        {data && <Verdict map={data} />}
      </header>
      <ChangeStrip changes={changes} time={time} />
      <div className={styles.columns}>
        <Panel title="Services" request={map.request} flush className={styles.map} actions={<Over value={state.over} onChange={(next) => change({ over: next === '5m' ? undefined : next })} />}>
          <Answer reading={map} what="the service map" skeleton={<div className={styles.waiting} />} isEmpty={({ nodes }) => nodes.length === 0} empty={<NoCalls over={over} />}>
            {(found) => <ServiceMap map={found} open={openItem} onOpen={open} onNear={near} />}
          </Answer>
          <Key />
        </Panel>
        <Panel title="Calls between services" request={map.request} sql={graphStatement(time, over)} flush className={styles.table}>
          <Answer reading={map} what="calls between services" isEmpty={({ edges }) => edges.length === 0} empty={<NoCalls over={over} />}>
            {(found) => <EdgesTable label="Calls between services" edges={found.edges} onOpen={openEdge} client={state.client} server={state.server} />}
          </Answer>
        </Panel>
        <FiringAlerts time={time} />
      </div>
      {place && <PlaceDrawer place={place} calls={callsOf(place, data)} over={duration(over * 1e9)} time={time} onClose={() => change({ service: undefined, client: undefined, server: undefined })} />}
    </div>
  )
}

const Over = ({ value, onChange }: { value: keyof typeof OVER_SECONDS; onChange: (value: keyof typeof OVER_SECONDS) => void }) => (
  <Select aria-label="Over which time" className={styles.over} value={value} onChange={(event) => onChange(event.target.value as keyof typeof OVER_SECONDS)}>
    <option value="1m">last minute</option>
    <option value="5m">last 5 minutes</option>
    <option value="all">the whole time</option>
  </Select>
)

const NoCalls = ({ over }: { over: number }) => (
  <>
    <span>No service was called in the last {duration(over * 1e9)} of this time.</span>
    <span>Services are known by their spans: send them by OTLP to this address, or look at another time.</span>
    <ButtonLink change={{ over: 'all' }}>Look at the whole time</ButtonLink>
  </>
)

/** What lines mean. */
const Key = () => (
  <p className={styles.key}>
    <span>Lines: the wider, the more calls (each step ten times as many); rate · failed · p95</span>
    <span data-tone="warn">some fail: {percent(SOME_FAIL)} or more</span>
    <span data-tone="bad">many fail: {percent(MANY_FAIL)} or more</span>
    <span>Arrow keys, Enter; e opens where most fails</span>
  </p>
)

/** One sentence on the worst of it. */
function Verdict({ map }: { map: ServiceMapData }) {
  const worst = useMemo(() => worstOf(map), [map])
  const busy = map.nodes.filter(({ rate, isOuter }) => rate > 0 && !isOuter).length
  const fine = `${busy} ${busy === 1 ? 'service is' : 'services are'} called`
  return (
    <p className="muted">
      {worst === undefined ? `${fine}; nothing fails noticeably.` : `${fine}; ${percent(failedShare(worst))} fail from ${worst.client.slice(0, 60)} to ${worst.server.slice(0, 60)}.`}
    </p>
  )
}

/** Returns the calls of which the greatest share fails; of those that hand failures on, the ones where they begin. */
function worstOf({ edges }: ServiceMapData): ServiceEdge | undefined {
  const failing = edges.filter((edge) => toneOf(edge) !== undefined)
  const origins = failing.filter(({ server }) => !failing.some(({ client }) => client === server))
  return (origins.length > 0 ? origins : failing).toSorted((a, b) => failedShare(b) - failedShare(a))[0]
}

function openWorst(map: ServiceMapData, open: (item: GraphItem) => void) {
  const worst = worstOf(map)
  if (worst !== undefined) open({ edge: [worst.client, worst.server] })
}

function itemOf(service: string, client: string, server: string): GraphItem | null {
  if (service !== '') return { node: service }
  return client === '' || server === '' ? null : { edge: [client, server] }
}

function placeOf({ service, client, server }: { service: string; client: string; server: string }, map: ServiceMapData | undefined): Place | null {
  if (service !== '') return { service }
  if (client === '' || server === '') return null
  const type = map?.edges.find((edge) => edge.client === client && edge.server === server)?.type
  if (type === 'database') return { client, server, outer: 'server' }
  if (type !== 'virtual_node') return { client, server }
  return { client, server, outer: map?.nodes.find((node) => node.service === server)?.isOuter ? 'server' : 'client' }
}

function callsOf(place: Place, map: ServiceMapData | undefined) {
  if ('service' in place) return map?.nodes.find(({ service }) => service === place.service) ?? null
  return map?.edges.find(({ client, server }) => client === place.client && server === place.server) ?? null
}

/** The same as the engine counts calls, to the minute. */
const graphStatement = ({ to }: TimeRange, over: number) =>
  `SELECT client, server, calls FROM service_graph(TIMESTAMP '${new Date(to - over * 1000).toISOString()}', TIMESTAMP '${new Date(to).toISOString()}') ORDER BY calls DESC`
