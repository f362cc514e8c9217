// What a trace says in one line: where its time went, and why it failed.
import { duration } from '../../format'
import { shortOperation } from '../../data/traces'
import { deepestError, type Spans } from './spans'

export interface Verdict {
  /** The span that waited longest by itself on the critical path; -1 if it is not known. */
  row: number
  text: string
  isFailed: boolean
}

export function verdictOf(spans: Spans): Verdict {
  const { service, name, time, row, times } = slowest(spans)
  const failed = deepestError(spans)
  const spent = row < 0 ? `It took ${duration(spans.length)}` : `${service} took ${duration(time)} of ${duration(spans.length)} in ${name}${times > 1 ? ` (${times} times)` : ''}`
  if (failed < 0) return { row, text: spent, isFailed: false }
  const message = spans.messages[spans.message[failed]!]
  const where = `${spans.services[spans.service[failed]!]} ${shortOperation(spans.names[spans.name[failed]!]!)}`
  const isSame = row >= 0 && spans.service[failed] === spans.service[row] && spans.name[failed] === spans.name[row]
  const why = isSame ? `, and failed${message ? `: ${message}` : ''}` : `; ${where} failed${message ? `: ${message}` : ''}`
  return { row: failed, text: spent + why, isFailed: true }
}

/** Which operation of which service the trace waited for longest. */
function slowest(spans: Spans) {
  const times = new Map<number, { time: number; row: number; times: number }>()
  for (let row = 0; row < spans.count; row++) {
    const time = spans.critical[row]!
    if (time === 0) continue
    const key = spans.service[row]! * spans.names.length + spans.name[row]!
    const known = times.get(key)
    if (known === undefined) times.set(key, { time, row, times: 1 })
    else {
      if (time > spans.critical[known.row]!) known.row = row
      known.time += time
      known.times++
    }
  }
  let most = { time: 0, row: -1, times: 0 }
  for (const each of times.values()) if (each.time > most.time) most = each
  const { row } = most
  return { ...most, service: row < 0 ? '' : spans.services[spans.service[row]!]!, name: row < 0 ? '' : shortOperation(spans.names[spans.name[row]!]!) }
}
