// Sends a form to the shop and returns what it says, as JSON.

/** How long an answer may take, in milliseconds; buying takes the longest. */
const TIMEOUT_MS = 20_000

export async function send<Answer>(path: string, form: FormData): Promise<Answer> {
  const body = new URLSearchParams()
  for (const [name, value] of form) if (typeof value === 'string') body.append(name, value)
  const response = await fetch(path, {
    method: 'POST',
    body,
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (!response.ok) throw new Error(`the shop answered ${response.status}`)
  return (await response.json()) as Answer
}
