// Stores what was changed, makes copies, deletes: and says what was refused.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { addressOf, navigate } from '../../router'
import { change, create, LIST, oneRequest, remove } from './api'
import type { Open } from './asked'
import type { EditedPage } from './dialogs'
import { copyOf, type Dashboard } from './document'

export interface Storing {
  isBusy: boolean
  error: Error | null
  /** Stores a document upon the revision of a tag. */
  store: (document: Dashboard, etag: string) => Promise<void>
  storeCopy: (title: string, name: string) => Promise<void>
  storeRemoval: () => Promise<void>
  close: () => void
}

export function useStoring(page: EditedPage, setOpen: (open: Open | null) => void): Storing {
  const { document, stored, setDraft } = page
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  const client = useQueryClient()
  const close = () => {
    setOpen(null)
    setError(null)
  }
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true)
    setError(null)
    try {
      await what()
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)))
      throw problem
    } finally {
      setBusy(false)
    }
  }
  const forget = () => Promise.all([LIST, oneRequest(document.metadata.name)].map((request) => client.invalidateQueries({ queryKey: ['api', request] })))
  return {
    isBusy,
    error,
    close,
    store: (mine, etag) =>
      attempt(async () => {
        const answer = await change(mine, etag)
        if (answer !== 'stored') return setOpen({ what: 'conflict', theirs: answer })
        close()
        await forget()
        page.finish()
      }).catch(() => setOpen({ what: 'failed', document: mine, etag })),
    storeCopy: (title, name) =>
      attempt(async () => {
        const made = await create(copyOf(document, title, name))
        await forget()
        close()
        setDraft(null)
        navigate(addressOf(`/dashboards/${encodeURIComponent(made)}`, { edit: true }))
      }).catch(() => {}),
    storeRemoval: () =>
      attempt(async () => {
        await remove(document.metadata.name, stored.etag)
        setDraft(null)
        await client.invalidateQueries({ queryKey: ['api', LIST] })
        navigate(addressOf('/dashboards'))
      }).catch(() => {}),
  }
}
