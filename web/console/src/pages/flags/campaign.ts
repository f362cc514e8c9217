// What `vitrine range` writes, as it is read from files: incidents, and scores of who looked for their causes.

export interface Score {
  mean: number
  low: number
  high: number
  n: number
}

export interface Report {
  name: string
  all: { cases: number; abstained: number; of: Record<string, Score> }
  by_layer: Record<string, { cases: number; of: Record<string, Score> }>
  controls: Score
}

export interface RecordOfIncident {
  id: string
  ordinal: number
  control: 'none' | 'noop' | 'twin'
  fault?: { what: unknown; where: { at: string; service: string[] } }
  layer?: string
  hits: { hit: number; eligible: number }
  visible: boolean
  ended_by: string
  alerts_expected: string[]
  alerts_fired: string[]
}

export interface Campaign {
  reports: Report[]
  records: RecordOfIncident[]
  /** Files in which nothing was found, and why. */
  strange: string[]
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isReport = (value: unknown): value is Report => isObject(value) && typeof value.name === 'string' && isObject(value.all) && isObject((value.all as Record<string, unknown>).of)
const isRecord = (value: unknown): value is RecordOfIncident => isObject(value) && typeof value.id === 'string' && isObject(value.hits) && 'control' in value

/** Returns what files hold, each of which is a report, a record, or a list of either. */
export function campaignOf(files: { name: string; text: string }[]): Campaign {
  const campaign: Campaign = { reports: [], records: [], strange: [] }
  for (const { name, text } of files) {
    const found = candidatesIn(text)
    campaign.reports.push(...found.filter(isReport))
    campaign.records.push(...found.filter(isRecord))
    if (!found.some((each) => isReport(each) || isRecord(each))) campaign.strange.push(name)
  }
  campaign.records.sort((a, b) => a.ordinal - b.ordinal)
  return campaign
}

/** Returns what may be reports and records in a text: a value, the members of a list, and lists within an object. */
function candidatesIn(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value)) return value
    return isObject(value) ? [value, ...Object.values(value).flatMap((member) => (Array.isArray(member) ? member : []))] : []
  } catch {
    return []
  }
}
