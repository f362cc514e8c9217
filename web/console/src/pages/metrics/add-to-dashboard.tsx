// Puts queries on a dashboard, as a panel of their own.
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { Button, Field, Input, Select } from '../../parts/controls'
import { Question } from '../../parts/question'
import { addressOf, navigate } from '../../router'
import { change, create, readNow, useDashboards } from '../dashboards/api'
import { type Dashboard, emptyDashboard, freeName, nameFrom, type PanelDocument } from '../dashboards/document'
import { withPanel } from '../dashboards/layout'

/** How often it is tried again when somebody else changes the dashboard at the same time. */
const MOST_TRIES = 3

export function AddToDashboard({ queries }: { queries: string[] }) {
  const [isAsking, setAsking] = useState(false)
  return (
    <>
      <Button icon="dashboards" disabled={queries.length === 0} onClick={() => setAsking(true)}>
        Add to dashboard
      </Button>
      {isAsking && <Ask queries={queries} onClose={() => setAsking(false)} />}
    </>
  )
}

function Ask({ queries, onClose }: { queries: string[]; onClose: () => void }) {
  const dashboards = useDashboards()
  const own = dashboards.data?.dashboards.filter(({ isShipped }) => !isShipped) ?? []
  const [name, setName] = useState('')
  const [dashboardTitle, setDashboardTitle] = useState('')
  const [title, setTitle] = useState('')
  const add = useMutation({
    mutationFn: () => (name === '' ? addToNew(dashboardTitle.trim(), title.trim(), queries, dashboards.data?.dashboards.map(({ name }) => name) ?? []) : addTo(name, title.trim(), queries)),
    onSuccess: (name) => navigate(addressOf(`/dashboards/${encodeURIComponent(name)}`)),
  })
  return (
    <Question title="Add to a dashboard" does="Add it" isReady={title.trim() !== '' && (name !== '' || dashboardTitle.trim() !== '')} isBusy={add.isPending} error={add.error ?? dashboards.error} onSubmit={() => add.mutate()} onClose={onClose}>
      <Field label="Dashboard">
        <Select value={name} onChange={(event) => setName(event.target.value)}>
          <option value="">A new one</option>
          {own.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </Select>
      </Field>
      {name === '' && (
        <Field label="Title of the dashboard">
          <Input value={dashboardTitle} maxLength={200} onChange={(event) => setDashboardTitle(event.target.value)} />
        </Field>
      )}
      <Field label="Title of the panel">
        <Input value={title} maxLength={200} onChange={(event) => setTitle(event.target.value)} />
      </Field>
    </Question>
  )
}

function panelOf(title: string, queries: string[]): PanelDocument {
  const asked = queries.map((query) => ({ kind: 'TimeSeriesQuery', spec: { plugin: { kind: 'PrometheusTimeSeriesQuery', spec: { query } } } }))
  return { kind: 'Panel', spec: { display: { name: title }, plugin: { kind: 'TimeSeriesChart', spec: {} }, queries: asked } }
}

const withOneMore = (document: Dashboard, title: string, queries: string[]) => withPanel(document, freeName(nameFrom(title), Object.keys(document.spec.panels)), panelOf(title, queries))

async function addToNew(dashboardTitle: string, title: string, queries: string[], taken: string[]): Promise<string> {
  return create(withOneMore(emptyDashboard(dashboardTitle, freeName(nameFrom(dashboardTitle), taken)), title, queries))
}

async function addTo(name: string, title: string, queries: string[]): Promise<string> {
  let stored = await readNow(name)
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const now = await change(withOneMore(stored.document, title, queries), stored.etag)
    if (now === 'stored') return name
    stored = now
  }
  throw new Error('Somebody else goes on changing this dashboard. Try again in a moment.')
}
