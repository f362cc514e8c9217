// The newest queries of each page, in this browser.
const MOST = 10

const key = (of: string) => `vitrine.recent.${of}`

/** Returns the newest queries, the newest first. */
export function recentQueries(of: string): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key(of)) ?? '[]')
    return Array.isArray(kept) ? kept.filter((query) => typeof query === 'string') : []
  } catch {
    return []
  }
}

export function rememberQuery(of: string, query: string) {
  const text = query.trim()
  if (text === '') return
  const kept = [text, ...recentQueries(of).filter((other) => other !== text)].slice(0, MOST)
  localStorage.setItem(key(of), JSON.stringify(kept))
}
