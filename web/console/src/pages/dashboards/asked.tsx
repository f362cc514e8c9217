// The dialogs of a dashboard's page.
import { useState } from 'react'
import { Field, Input } from '../../parts/controls'
import { Question } from '../../parts/question'
import { type Stored, useDashboards } from './api'
import { Conflict } from './conflict'
import type { EditedPage } from './dialogs'
import { differences } from './differences'
import { type Dashboard, freeName, nameFrom, titleOf } from './document'
import { withNewSection, withSectionHead } from './layout'
import { RepeatFor, repeatable } from './repeat-fields'
import { Settings } from './settings'
import type { Storing } from './storing'

export type Open =
  | { what: 'copy' | 'settings' | 'remove' | 'discard' }
  /** A new section, or one that is renamed. */
  | { what: 'section'; section: number | null }
  | { what: 'conflict'; theirs: Stored }
  | { what: 'failed'; document: Dashboard; etag: string }

interface AskedProps {
  open: Open
  page: EditedPage
  storing: Storing
  onOpen: (open: Open) => void
}

export function Asked({ open, page, storing, onOpen }: AskedProps) {
  const { document, draft, stored, change, finish } = page
  const { isBusy, error, store, storeCopy, storeRemoval, close } = storing
  const shared = { isBusy, error, onClose: close }
  switch (open.what) {
    case 'copy':
      return <SaveCopy {...shared} title={`${titleOf(document)} copy`} onSubmit={(title, name) => void storeCopy(title, name)} />
    case 'settings':
      return <Settings document={document} onChange={change} onClose={close} />
    case 'remove':
      return (
        <Question {...shared} title={`Delete “${titleOf(document)}”?`} does="Delete it" kind="bad" onSubmit={() => void storeRemoval()}>
          <p>It is gone for everybody. Export it first if it may be wanted again.</p>
        </Question>
      )
    case 'discard':
      return (
        <Question
          {...shared}
          title="Discard all changes that are not saved?"
          does="Discard them"
          kind="bad"
          onSubmit={() => {
            close()
            finish()
          }}
        >
          <ul>{draft && differences(draft.base, draft.document).map((text) => <li key={text}>{text}</li>)}</ul>
        </Question>
      )
    case 'section':
      return <SectionHead document={document} section={open.section} onChange={change} onClose={close} />
    case 'conflict':
      return (
        <Conflict
          {...shared}
          base={draft?.base ?? stored.document}
          mine={document}
          theirs={open.theirs}
          onStore={(mine) => void store(mine, open.theirs.etag)}
          onCopy={() => onOpen({ what: 'copy' })}
          onDrop={() => {
            close()
            finish()
          }}
        />
      )
    case 'failed':
      return <Question {...shared} title="It is not saved" does="Try again" onSubmit={() => void store(open.document, open.etag)} />
  }
}

interface SaveCopyProps {
  title: string
  isBusy: boolean
  error: Error | null
  onSubmit: (title: string, name: string) => void
  onClose: () => void
}

/** Asks for the title of a copy; its name follows from it. */
function SaveCopy({ title: proposed, onSubmit, ...rest }: SaveCopyProps) {
  const [title, setTitle] = useState(proposed)
  const taken = useDashboards().data?.dashboards.map(({ name }) => name) ?? []
  const name = freeName(nameFrom(title), taken)
  return (
    <Question title="Save a copy" does="Save it" isReady={title.trim() !== ''} onSubmit={() => onSubmit(title.trim(), name)} {...rest}>
      <Field label="Title" hint={`Its address ends with /dashboards/${name}`}>
        <Input value={title} onChange={(event) => setTitle(event.target.value)} onFocus={(event) => event.target.select()} />
      </Field>
    </Question>
  )
}

function SectionHead({ document, section, onChange, onClose }: { document: Dashboard; section: number | null; onChange: (document: Dashboard) => void; onClose: () => void }) {
  const [title, setTitle] = useState(section === null ? '' : (document.spec.layouts[section]?.spec.display?.title ?? ''))
  const [repeat, setRepeat] = useState(section === null ? undefined : document.spec.layouts[section]?.spec.repeatVariable)
  const put = () => {
    onChange(section === null ? withNewSection(document, title.trim(), repeat) : withSectionHead(document, section, title.trim(), repeat))
    onClose()
  }
  return (
    <Question title={section === null ? 'Add a section' : 'Change the section'} does={section === null ? 'Add it' : 'Change it'} isReady={title.trim() !== ''} onSubmit={put} onClose={onClose}>
      <Field label="Title">
        <Input value={title} onChange={(event) => setTitle(event.target.value)} />
      </Field>
      <RepeatFor name={repeat} names={repeatable(document)} onChange={setRepeat} />
    </Question>
  )
}
