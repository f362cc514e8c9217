// Which traces are asked for, and what is told of them.
import { type ApiRequest, withParameters } from '../../data/http'
import type { TraceSummary } from '../../data/traces'
import type { Box, TraceQuery } from './trace-query'

export interface FoundTrace {
  id: string
  service: string
  operation: string
  spans: number
  errors: number
  services: { name: string; errors: number }[]
  /** Milliseconds since 1970, and nanoseconds. */
  start: number
  duration: number
}

/** Returns the request for traces with a span that meets all of a query; null if it asks for what cannot be. */
export function tracesRequest(query: TraceQuery, time: { from: number; to: number }, box: Box | null, limit: number): ApiRequest {
  const min = Math.max(query.min ?? 0, box?.min ?? 0)
  const max = Math.min(query.max ?? Number.POSITIVE_INFINITY, box?.max ?? Number.POSITIVE_INFINITY)
  const attributes = query.isFailed ? { ...query.attributes, error: 'true' } : query.attributes
  return {
    path: withParameters('/jaeger/api/v3/trace-summaries', {
      'query.startTimeMin': box ? rfc3339(box.start) : new Date(time.from).toISOString(),
      'query.startTimeMax': box ? rfc3339(box.end) : new Date(time.to).toISOString(),
      'query.serviceName': query.service,
      'query.operationName': query.operation,
      'query.attributes': Object.keys(attributes).length > 0 ? JSON.stringify(attributes) : undefined,
      'query.durationMin': min > 0 ? `${Math.floor(min)}ns` : undefined,
      'query.durationMax': Number.isFinite(max) ? `${Math.floor(max)}ns` : undefined,
      'query.searchDepth': limit,
    }),
  }
}

function rfc3339(ns: bigint): string {
  const fraction = String(ns % 1_000_000_000n).padStart(9, '0')
  return `${new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19)}.${fraction}Z`
}

export function readFound(answer: unknown): FoundTrace[] {
  const { summaries = [] } = answer as { summaries?: TraceSummary[] }
  return summaries.map((trace) => {
    const start = BigInt(trace.minStartTimeUnixNano)
    return {
      id: trace.traceId,
      service: trace.rootServiceName ?? trace.services?.[0]?.name ?? '',
      operation: trace.rootOperationName ?? '',
      spans: trace.spanCount ?? 0,
      errors: trace.errorSpanCount ?? 0,
      services: (trace.services ?? []).map(({ name, errorSpanCount = 0 }) => ({ name, errors: errorSpanCount })),
      start: Number(start / 1_000_000n),
      duration: Number(BigInt(trace.maxEndTimeUnixNano) - start),
    }
  })
}
