// All dashboards: those that people made, and those that come with the observatory.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { mayChange, useSession } from '../../data/session'
import { ago, moment } from '../../format'
import { useKeys } from '../../keys'
import { Answer } from '../../parts/answer'
import { Badge, Button, Field, Input } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Question } from '../../parts/question'
import { addressOf, changedAddress, Link, navigate, oneOf, text, useParameters } from '../../router'
import { create, LIST, type Listed, useDashboards } from './api'
import styles from './dashboards.module.css'
import { emptyDashboard, freeName, nameFrom } from './document'
import { Import } from './import'

const FIELDS = { find: text(), open: oneOf(['', 'new', 'import'], '') }

const pathOf = (name: string) => `/dashboards/${encodeURIComponent(name)}`

const COLUMNS: Column<Listed>[] = [
  { name: 'title', heading: 'Title', wide: true, sort: ({ title }) => title.toLowerCase(), cell: ({ name, title }) => <Link to={pathOf(name)}>{title || name}</Link> },
  { name: 'made', heading: 'Made by', sort: ({ by, isShipped }) => (isShipped ? '' : (by ?? '')), cell: ({ by, isShipped }) => (isShipped ? <Badge tone="glass">comes with the observatory</Badge> : (by ?? <span className="muted">–</span>)) },
  { name: 'updated', heading: 'Changed', sort: ({ updated }) => (updated ? Date.parse(updated) : 0), cell: ({ updated }) => (updated ? <time dateTime={updated} title={moment(Date.parse(updated))}>{ago(Date.parse(updated))}</time> : <span className="muted">–</span>) },
  { name: 'revision', heading: 'Revision', end: true, sort: ({ revision }) => revision, cell: ({ revision, isShipped }) => (isShipped ? '' : revision) },
]

export default function Page() {
  const [{ find, open }, change] = useParameters(FIELDS)
  const reading = useDashboards()
  const may = mayChange(useSession().data)
  useKeys('Dashboards', [
    { keys: '/', does: 'Find a dashboard', run: () => document.querySelector<HTMLElement>('main input[type="search"]')?.focus() },
    ...(may ? [{ keys: 'n', does: 'New dashboard', run: () => change({ open: 'new' }) }] : []),
  ])
  const close = () => change({ open: undefined })
  return (
    <>
      <header className={styles.head}>
        <div className={styles.title}>
          <h1>Dashboards</h1>
        </div>
        <div className={styles.tools}>
          <Input type="search" aria-label="Find a dashboard" placeholder="Find a dashboard" value={find} onChange={(event) => change({ find: event.target.value }, { replace: true })} />
          {may && (
            <>
              <Button icon="down" onClick={() => change({ open: 'import' })}>
                Import
              </Button>
              <Button kind="main" icon="plus" onClick={() => change({ open: 'new' })}>
                New
              </Button>
            </>
          )}
        </div>
      </header>
      <Panel title="All dashboards" request={LIST} flush>
        <Answer reading={reading} what="dashboards" isEmpty={({ dashboards }) => dashboards.length === 0} empty="There are none yet.">
          {({ dashboards }) => <Found dashboards={dashboards} find={find} />}
        </Answer>
      </Panel>
      {open === 'new' && may && <New taken={reading.data?.dashboards.map(({ name }) => name) ?? []} onClose={close} />}
      {open === 'import' && may && <Import taken={reading.data?.dashboards.map(({ name }) => name) ?? []} onClose={close} />}
    </>
  )
}

function Found({ dashboards, find }: { dashboards: Listed[]; find: string }) {
  const found = dashboards.filter(({ title, name }) => `${title} ${name}`.toLowerCase().includes(find.trim().toLowerCase()))
  if (found.length === 0) {
    return (
      <p className={styles.emptyGrid}>
        No dashboard has “{find}” in its title.
        <Link change={{ find: undefined }}>Show all</Link>
      </p>
    )
  }
  return <DataTable label="Dashboards" columns={COLUMNS} rows={found} rowKey={({ name }) => name} sorted="title" onOpen={({ name }) => navigate(addressOf(pathOf(name)))} />
}

/** Stores a new dashboard, and opens it for editing. */
export function useCreate(onDone?: () => void) {
  const client = useQueryClient()
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  const store = async (document: Parameters<typeof create>[0]) => {
    setBusy(true)
    setError(null)
    try {
      const name = await create(document)
      await client.invalidateQueries({ queryKey: ['api', LIST] })
      onDone?.()
      // The dialog that was open is no place to come back to.
      navigate(changedAddress({ open: undefined }), { replace: true })
      navigate(addressOf(pathOf(name), { edit: true }))
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)))
    } finally {
      setBusy(false)
    }
  }
  return { store, isBusy, error }
}

function New({ taken, onClose }: { taken: string[]; onClose: () => void }) {
  const [title, setTitle] = useState('')
  const { store, isBusy, error } = useCreate()
  const name = freeName(nameFrom(title), taken)
  return (
    <Question title="New dashboard" does="Create it" isBusy={isBusy} error={error} isReady={title.trim() !== ''} onSubmit={() => void store(emptyDashboard(title.trim(), name))} onClose={onClose}>
      <Field label="Title" hint={title.trim() === '' ? undefined : `Its address ends with /dashboards/${name}`}>
        <Input value={title} onChange={(event) => setTitle(event.target.value)} />
      </Field>
    </Question>
  )
}
