// How components change things: one hook over TanStack Query, after which everything that is shown is read again.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ApiRequest, send } from './http'

export interface Changed {
  status: number
  /** What was answered, if it was JSON. */
  body: unknown
}

/** Returns what sends a request that changes something. What it refuses is its `error`, until it is sent again. */
export function useChange(onDone?: (changed: Changed) => void) {
  const client = useQueryClient()
  return useMutation<Changed, Error, ApiRequest>({
    mutationFn: async (request) => {
      const response = await send(request)
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    onSuccess: (changed) => {
      onDone?.(changed)
      return client.invalidateQueries({ queryKey: ['api'] })
    },
  })
}
