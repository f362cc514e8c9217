// Reads the data of the page that is shown again, and shows what has changed.
import { DataContext, PageSource, type Result } from '@vitrine/kit/src/data'
import { useCallback, useContext } from 'react'
import { address, usePage } from './page'

/** Returns a function that reads the page's data again; it fails where the shop does not answer, and what is shown stays. */
export function useRefresh(): () => Promise<void> {
  const page = usePage()
  const source = useContext(DataContext)
  const href = address(page, page.path, page.query)
  return useCallback(async () => {
    if (!(source instanceof PageSource)) return
    const response = await fetch(href, { headers: { accept: 'application/json' } })
    if (!response.ok) throw new Error(`the shop answered ${response.status}`)
    source.replace((await response.json()) as Result[])
  }, [href, source])
}
