// Rate and failures of a place on the map over time.
import { promText } from '../../data/prometheus'
import type { Place } from '../../failures/failure-data'
import { edgeQueries, together } from './map-data'

/** Rates are taken over at least so many seconds, and over four steps, so that none is left out. */
const LEAST_OVER = 60

export const overStep = (step: number) => Math.max(LEAST_OVER, 4 * step)

/** Returns the query for what is called per second there, and what of it fails, labelled by `is`. */
export function placeQuery(place: Place, step: number): string {
  const over = overStep(step)
  if ('service' in place) {
    const calls = (more: string) => `sum(rate(traces_spanmetrics_calls_total{service=${promText(place.service)},span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"${more}}[${over}s]))`
    return together({ calls: calls(''), failed: calls(',status_code="STATUS_CODE_ERROR"') })
  }
  const { calls, failed } = edgeQueries(over, `{client=${promText(place.client)},server=${promText(place.server)}}`)
  return together({ calls: `sum(${calls})`, failed: `sum(${failed})` })
}
