// Records as they come: lines of JSON that one request goes on being answered with.
import { useEffect, useRef, useState } from 'react'
import { ApiError, send } from '../../data/http'
import { type LogRecord, tailRequest } from './log-api'

/** Records a second that are shown; the rest is counted. */
const MOST_A_SECOND = 200
const FLUSH_MS = 250
/** How long it waits before it follows again after the connection broke. */
const AGAIN_MS = 3000

export interface Tail {
  state: 'off' | 'connecting' | 'following' | 'broken'
  /** Records that came too fast to be shown, or to be sent. */
  dropped: number
  error: Error | null
}

interface TailOptions {
  query: string
  isOn: boolean
  /** From now on everything comes. */
  onStart: () => void
  onRecords: (logs: LogRecord[]) => void
}

const OFF: Tail = { state: 'off', dropped: 0, error: null }

/** Follows what a query finds from now on. */
export function useTail({ query, isOn, onStart, onRecords }: TailOptions): Tail {
  const [tail, setTail] = useState<Tail>(OFF)
  const latest = useRef({ onStart, onRecords })
  latest.current = { onStart, onRecords }
  useEffect(() => {
    if (!isOn) {
      setTail(OFF)
      return
    }
    const control = new AbortController()
    const told = { dropped: 0 }
    let waiting: LogRecord[] = []
    const flush = () => {
      const most = (MOST_A_SECOND * FLUSH_MS) / 1000
      const shown = waiting.slice(-most)
      const dropped = told.dropped + waiting.length - shown.length
      waiting = []
      told.dropped = 0
      if (shown.length > 0) latest.current.onRecords(shown.toReversed())
      if (dropped > 0) setTail((tail) => ({ ...tail, dropped: tail.dropped + dropped }))
    }
    const timer = setInterval(flush, FLUSH_MS)
    const onLine = (line: LogRecord | { dropped: number } | { error: string }) => {
      if ('error' in line) throw new ApiError(0, line.error)
      if ('dropped' in line) told.dropped += line.dropped
      else waiting.push(line)
    }
    const onOpen = () => {
      setTail((tail) => ({ ...tail, state: 'following', error: null }))
      latest.current.onStart()
    }
    void follow(query, control.signal, onOpen, onLine, (error) => setTail((tail) => ({ ...tail, state: 'broken', error })))
    setTail({ ...OFF, state: 'connecting' })
    return () => {
      clearInterval(timer)
      control.abort()
    }
  }, [query, isOn])
  return tail
}

type OnLine = (line: LogRecord | { dropped: number } | { error: string }) => void

async function follow(query: string, signal: AbortSignal, onOpen: () => void, onLine: OnLine, onBroken: (error: Error) => void) {
  while (!signal.aborted) {
    try {
      const response = await send(tailRequest(query), signal)
      onOpen()
      await eachLine(response, (line) => onLine(JSON.parse(line) as LogRecord))
      onBroken(new ApiError(0, 'The observatory ended it.'))
    } catch (error) {
      if (signal.aborted) return
      onBroken(error instanceof Error ? error : new Error(String(error)))
      // A query that is wrong stays so.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) return
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

async function eachLine(response: Response, onLine: (line: string) => void) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    const lines = (rest + value).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') onLine(line)
  }
}
