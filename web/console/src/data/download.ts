// Answers as files.
import { type ApiRequest, send } from './http'

/** Asks, and has the browser keep the answer as a file. */
export async function download(request: ApiRequest, name: string, signal?: AbortSignal) {
  const response = await send(request, signal)
  const address = URL.createObjectURL(await response.blob())
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // The browser has taken it by the next turn.
  setTimeout(() => URL.revokeObjectURL(address))
}
