// What is asked on a dashboard's page: names of copies and sections, whether to delete it, and what to do when somebody else changed it.
import { type ReactNode, useState } from 'react'
import { changedAddress, navigate } from '../../router'
import { type Stored } from './api'
import { Asked, type Open } from './asked'
import { type Dashboard, freeName } from './document'
import type { Draft } from './draft'
import { withCopy, withoutPanel, withoutSection, withPanel, withSection } from './layout'
import { useStoring } from './storing'

export interface EditedPage {
  document: Dashboard
  draft: Draft | null
  stored: Stored
  change: (document: Dashboard) => void
  setDraft: (draft: Draft | null) => void
  /** Goes back to looking at what is stored. */
  finish: () => void
}

export interface Dialogs {
  shown: ReactNode
  isBusy: boolean
  save: () => void
  saveCopy: () => void
  settings: () => void
  askRemove: () => void
  askDiscard: () => void
  addPanel: (section: number) => void
  duplicatePanel: (key: string) => void
  removePanel: (key: string) => void
  movePanel: (key: string, section: number) => void
  addSection: () => void
  renameSection: (section: number) => void
  removeSection: (section: number) => void
}

export function useDialogs(page: EditedPage): Dialogs {
  const { document, draft, change } = page
  const [open, setOpen] = useState<Open | null>(null)
  const storing = useStoring(page, setOpen)
  const keys = Object.keys(document.spec.panels)
  return {
    shown: open && <Asked open={open} page={page} storing={storing} onOpen={setOpen} />,
    isBusy: storing.isBusy,
    save: () => draft !== null && void storing.store(draft.document, draft.etag),
    saveCopy: () => setOpen({ what: 'copy' }),
    settings: () => setOpen({ what: 'settings' }),
    askRemove: () => setOpen({ what: 'remove' }),
    askDiscard: () => setOpen({ what: 'discard' }),
    addPanel: (section) => {
      const key = freeName('panel', keys)
      change(withPanel(document, key, NEW_PANEL, section))
      navigate(changedAddress({ edit: true, panel: key }))
    },
    duplicatePanel: (key) => change(withCopy(document, key, freeName(key, keys))),
    removePanel: (key) => change(withoutPanel(document, key)),
    movePanel: (key, section) => change(withSection(document, key, section)),
    addSection: () => setOpen({ what: 'section', section: null }),
    renameSection: (section) => setOpen({ what: 'section', section }),
    removeSection: (section) => change(withoutSection(document, section)),
  }
}

const NEW_PANEL = {
  kind: 'Panel' as const,
  spec: { display: { name: 'New panel' }, plugin: { kind: 'TimeSeriesChart', spec: { legend: { position: 'bottom' } } }, queries: [{ kind: 'TimeSeriesQuery', spec: { plugin: { kind: 'PrometheusTimeSeriesQuery', spec: { query: '' } } } }] },
}
