// Sources of analytics and where their messages are sent on to.
import { useState } from 'react'
import { useChange } from '../../data/use-change'
import { Answer } from '../../parts/answer'
import { Badge, Button, Field, Input } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Question } from '../../parts/question'
import { text, useParameters } from '../../router'
import { type Page, shopChange, type Source, useShop } from './api'
import { PAGE_SIZE, Pager, When } from './list'
import { SourceDrawer } from './source-drawer'

const FIELDS = { cursor: text(), open: text() }

export function Sources({ may }: { may: boolean }) {
  const [{ cursor, open }, change] = useParameters(FIELDS)
  const [isNew, setNew] = useState(false)
  const reading = useShop<Page<Source>>('analytics/sources', { cursor, limit: PAGE_SIZE })
  return (
    <>
      <Panel
        title="Sources"
        request={reading.request}
        flush
        actions={
          <Button kind="main" icon="plus" disabled={!may} onClick={() => setNew(true)}>
            New source
          </Button>
        }
      >
        <Answer reading={reading} what="sources" isEmpty={({ items }) => items.length === 0}>
          {({ items, next_cursor }) => (
            <>
              <DataTable label="Sources" columns={COLUMNS} rows={items} rowKey={({ id }) => id} onOpen={({ id }) => change({ open: id })} isOpen={({ id }) => id === open} />
              <Pager cursor={cursor} next={next_cursor} />
            </>
          )}
        </Answer>
      </Panel>
      {isNew && <NewSource onClose={() => setNew(false)} onMade={(id) => change({ open: id })} />}
      {open !== '' && <SourceDrawer key={open} id={open} may={may} onClose={() => change({ open: undefined, destination: undefined, refused: undefined })} />}
    </>
  )
}

const COLUMNS: Column<Source>[] = [
  { name: 'name', heading: 'Source', wide: true, sort: ({ name }) => name, cell: ({ name }) => name },
  { name: 'id', heading: 'Id', cell: ({ id }) => <code>{id}</code> },
  { name: 'key', heading: 'Write key', cell: ({ write_key }) => <code>{write_key}</code> },
  { name: 'consent', heading: 'Consent', cell: ({ needs_consent }) => (needs_consent ? 'needed' : 'not needed') },
  { name: 'destinations', heading: 'Sent on to', cell: ({ destinations }) => (destinations.length === 0 ? <span className="muted">nowhere</span> : destinations.map(({ kind }) => <Badge key={kind} tone="glass">{kind}</Badge>)) },
  { name: 'owner', heading: 'Of', cell: ({ owner_id }) => <code>{owner_id}</code> },
  { name: 'created', heading: 'Made', cell: ({ created_at }) => <When at={created_at} /> },
]

function NewSource({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const [name, setName] = useState('')
  const [needs_consent, setConsent] = useState(true)
  const making = useChange(({ body }) => {
    onClose()
    onMade((body as Source).id)
  })
  return (
    <Question title="New source" does="Make it" isReady={name.trim() !== ''} isBusy={making.isPending} error={making.error} onClose={onClose} onSubmit={() => making.mutate(shopChange('POST', 'analytics/sources', { name: name.trim(), needs_consent }))}>
      <Field label="Name" hint="Its write key is made with it.">
        <Input value={name} maxLength={80} onChange={(event) => setName(event.target.value)} />
      </Field>
      <label>
        <input type="checkbox" checked={needs_consent} onChange={(event) => setConsent(event.target.checked)} /> Keep nothing of visitors who have not agreed
      </label>
    </Question>
  )
}
