// Search of everything: pages, services, operations of the shop, trace ids, metrics, and whatever is typed as a query of logs or traces.
import { useState } from 'react'
import { useApi } from '../data/use-api'
import { Combobox, type Proposal } from '../parts/combobox'
import { Dialog } from '../parts/dialog'
import { addressOf, navigate } from '../router'
import { type Area, ROUTES } from '../routes'

const MOST = 8

export function Palette({ areas, onClose }: { areas: Area[]; onClose: () => void }) {
  const [typed, setTyped] = useState('')
  const services = useApi<{ data: string[] }>({ path: '/jaeger/api/services' }, { staleMs: 60_000 })
  const metrics = useApi<{ data: string[] }>({ path: '/prometheus/api/v1/label/__name__/values' }, { staleMs: 60_000 })
  const go = (address: string) => {
    onClose()
    navigate(address)
  }
  const proposals = proposalsFor(typed.trim(), areas, services.data?.data ?? [], metrics.data?.data ?? [])
  return (
    <Dialog title="Search everything" onClose={onClose}>
      <Combobox label="Search everything" icon="search" placeholder="A page, a service, a metric, a trace's id, words of a log line" value={typed} onChange={setTyped} proposals={proposals} onChoose={({ value }) => go(value)} onSubmit={() => proposals[0] && go(proposals[0].value)} />
      <div className="palette-space" />
    </Dialog>
  )
}

function proposalsFor(typed: string, areas: Area[], services: string[], metrics: string[]): Proposal[] {
  const pages = [...areas.map(({ name, path }) => ({ name, path })), ...pagesWithin(areas)].map(({ name, path }) => ({ text: name, detail: 'page', value: addressOf(path) }))
  if (typed === '') return pages
  const has = (text: string) => text.toLowerCase().includes(typed.toLowerCase())
  const trace = /^[0-9a-f]{16,32}$/i.test(typed) ? [{ text: typed, detail: 'trace', value: addressOf(`/trace/${typed.toLowerCase()}`) }] : []
  return [
    ...trace,
    ...pages.filter(({ text }) => has(text)),
    ...services.filter(has).map((name) => ({ text: name, detail: 'service', value: addressOf(`/services/${encodeURIComponent(name)}`) })),
    ...metrics.filter(has).slice(0, MOST).map((name) => ({ text: name, detail: 'metric', value: addressOf('/metrics', { q: name }) })),
    { text: typed, detail: 'in logs', value: addressOf('/logs', { q: typed }) },
    { text: typed, detail: 'in traces', value: addressOf('/traces', { q: typed }) },
  ]
}

/** Pages that the rail does not name, of areas that it does. */
function pagesWithin(areas: Area[]) {
  const isWithin = ({ pattern, area }: (typeof ROUTES)[number]) => /^\/[^/:]+$/.test(pattern) && areas.some(({ path }) => path === area) && areas.every(({ path }) => path !== pattern)
  return ROUTES.filter(isWithin).map(({ title, pattern }) => ({ name: title, path: pattern }))
}
