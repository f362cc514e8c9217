// What a query says at one moment, whatever the type of its result.
import { numberOf } from '../../data/prometheus'

export interface InstantRow {
  key: string
  labels: Record<string, string>
  /** Null for what is no single number. */
  value: number | null
  text: string
}

interface Histogram {
  count: string
  sum: string
}

interface Answered {
  data: { resultType: string; result: unknown }
}

interface One {
  metric: Record<string, string>
  value?: [number, string]
  values?: [number, string][]
  histogram?: [number, Histogram]
  histograms?: [number, Histogram][]
}

export function readInstant(answer: unknown): InstantRow[] {
  const { resultType, result } = (answer as Answered).data
  if (resultType === 'scalar' || resultType === 'string') {
    const [, text] = result as [number, string]
    return [{ key: '', labels: {}, value: resultType === 'scalar' ? numberOf(text) : null, text }]
  }
  return (result as One[]).map((one) => ({ key: JSON.stringify(one.metric), labels: one.metric, ...valueOf(one) }))
}

function valueOf({ value, values, histogram, histograms }: One): Pick<InstantRow, 'value' | 'text'> {
  if (value) return { value: numberOf(value[1]), text: value[1] }
  if (histogram) return { value: null, text: `${histogram[1].count} observations, sum ${histogram[1].sum}` }
  if (values) return { value: null, text: `${values.length} samples, the last ${values.at(-1)?.[1]}` }
  return { value: null, text: `${histograms?.length ?? 0} histograms` }
}
