// What a part of a PromQL query does, in words.
import { promDuration, type PromNode } from './promql'

const AGGREGATIONS: Record<string, string> = {
  sum: 'The sum',
  avg: 'The mean',
  min: 'The least',
  max: 'The greatest',
  count: 'How many series',
  group: 'One for each group',
  stddev: 'The standard deviation',
  stdvar: 'The variance',
  topk: 'The greatest few',
  bottomk: 'The least few',
  quantile: 'A quantile',
  count_values: 'How many series have each value',
  limitk: 'Some series',
  limit_ratio: 'A share of series',
}

const CALLS: Record<string, string> = {
  rate: 'How much a counter rises a second, on average over the window',
  irate: 'How much a counter rises a second, by the last two samples of the window',
  increase: 'How much a counter rises within the window',
  delta: 'How much a gauge changes within the window',
  idelta: 'The difference of the last two samples of the window',
  deriv: 'How fast a gauge changes a second, by a line through the window',
  predict_linear: 'Where a line through the window will be',
  histogram_quantile: 'Below which value this share of observations is, estimated out of buckets',
  histogram_avg: 'The mean of observations',
  histogram_count: 'How many observations there are',
  histogram_sum: 'The sum of observations',
  histogram_fraction: 'Which share of observations is between two values',
  avg_over_time: 'The mean of each series over the window',
  sum_over_time: 'The sum of each series over the window',
  min_over_time: 'The least value of each series in the window',
  max_over_time: 'The greatest value of each series in the window',
  count_over_time: 'How many samples each series has in the window',
  last_over_time: 'The newest sample of each series in the window',
  quantile_over_time: 'A quantile of each series over the window',
  present_over_time: '1 for each series that has a sample in the window',
  changes: 'How often each series changed within the window',
  resets: 'How often each counter began anew within the window',
  absent: '1 if there is no such series',
  absent_over_time: '1 if no such series has a sample in the window',
  vector: 'A number as a series without labels',
  scalar: 'The value of the only series, as a number',
  time: 'The time of the evaluation, in seconds since 1970',
  timestamp: 'When each sample was taken, in seconds since 1970',
  label_replace: 'A label made of another one',
  label_join: 'A label made of several',
  clamp: 'Values kept between two bounds',
  clamp_min: 'Values kept above a bound',
  clamp_max: 'Values kept below a bound',
  abs: 'Values without their sign',
  round: 'Values rounded',
  sort: 'The least first',
  sort_desc: 'The greatest first',
}

const SETS: Record<string, string> = { and: 'Series of the first that the second has, too', or: 'Series of the first, and those of the second that the first lacks', unless: 'Series of the first that the second lacks' }
const COMPARISONS: Record<string, string> = { '==': 'equal to', '!=': 'other than', '>': 'greater than', '<': 'less than', '>=': 'at least', '<=': 'at most' }
const ARITHMETIC: Record<string, string> = { '+': 'added to', '-': 'less', '*': 'times', '/': 'divided by', '%': 'modulo', '^': 'to the power of', atan2: 'as an angle with' }

/** Returns what a part does, as one sentence. */
export function wordsOf(node: PromNode): string {
  switch (node.type) {
    case 'numberLiteral':
      return 'A number.'
    case 'stringLiteral':
      return 'A text.'
    case 'vectorSelector':
      return `The newest sample of each series${where(node.matchers)}.`
    case 'matrixSelector':
      return `The samples of each series${where(node.matchers)} within ${promDuration(node.range)}.`
    case 'subquery':
      return `What is below, again and again over ${promDuration(node.range)}.`
    case 'parenExpr':
      return 'What is in brackets.'
    case 'unaryExpr':
      return node.op === '-' ? 'The same with the opposite sign.' : 'The same.'
    case 'call':
      return `${CALLS[node.func.name] ?? (node.func.name.endsWith('_over_time') ? 'A value of each series over the window' : `The function ${node.func.name} of what is below`)}.`
    case 'aggregation':
      return `${AGGREGATIONS[node.op] ?? node.op}${grouped(node.grouping, node.without)}.`
    case 'binaryExpr':
      return `${binary(node.op, node.bool)}${matched(node.matching)}.`
    case 'placeholder':
      return ''
  }
}

const where = (matchers: { name: string; type: string; value: string }[]) => {
  const others = matchers.filter(({ name }) => name !== '__name__')
  const said = { '=': 'is', '!=': 'is not', '=~': 'matches', '!~': 'does not match' } as Record<string, string>
  return others.length === 0 ? '' : ` whose ${others.map(({ name, type, value }) => `${name} ${said[type]} ${value === '' ? 'empty' : value}`).join(' and ')}`
}

const grouped = (labels: string[], without: boolean) => (labels.length === 0 ? (without ? ' of what has the same labels' : ' of all') : without ? ` of what differs only in ${labels.join(', ')}` : ` for each ${labels.join(', ')}`)

function binary(op: string, isBool: boolean): string {
  if (SETS[op]) return SETS[op]
  const compared = COMPARISONS[op]
  if (compared) return isBool ? `1 where the first is ${compared} the second, else 0` : `Series of the first that are ${compared} the second`
  return `The first ${ARITHMETIC[op] ?? op} the second`
}

function matched(matching: { card: string; labels: string[]; on: boolean } | null): string {
  if (!matching || (!matching.on && matching.labels.length === 0)) return matching && matching.card !== 'many-to-many' ? ', where all labels are the same' : ''
  return matching.on ? `, where ${matching.labels.join(', ') || 'nothing'} is the same` : `, whatever ${matching.labels.join(', ')} is`
}
