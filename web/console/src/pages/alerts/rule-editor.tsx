// A rule, written and tried against the last day before it is given to the ruler.
import { useState } from 'react'
import { useQueryClient } from '@tanstack/react-query'
import { Problem } from '../../parts/answer'
import { Button, Field, Input, Select, TextArea } from '../../parts/controls'
import { Dialog } from '../../parts/dialog'
import { Editor } from '../../parts/editor'
import { durationSeconds } from '../dashboards/interpolate'
import styles from './alerts.module.css'
import { type Given, giveGroup, type GivenGroup, type GivenRule, RULER_REQUEST, RULES } from './api'
import { RulePreview } from './rule-preview'
import type { Place } from './rules'
import { pairsText, readPairs, ruleOf, ruleWith } from './rule-text'

interface RuleEditorProps {
  /** One that is changed; or, where it is in a file, that is copied. */
  place: Place | null
  given: NonNullable<Given>
  onClose: () => void
}

export function RuleEditor({ place, given, onClose }: RuleEditorProps) {
  const group = place && given[place.group.file]?.find(({ name }) => name === place.group.name)
  const number = place ? Number(place.key.split(';').at(-1)) : -1
  const original = group?.rules[number] ?? null
  const [rule, setRule] = useState<GivenRule>(() => original ?? (place ? ruleOf(place.rule) : { alert: '', expr: '', for: '5m', labels: { severity: 'warning' }, annotations: { summary: '' } }))
  const [namespace, setNamespace] = useState(group && place ? place.group.file : (Object.keys(given)[0] ?? 'console'))
  const [groupName, setGroupName] = useState(group?.name ?? 'rules')
  const [labels, setLabels] = useState(() => pairsText(rule.labels ?? {}))
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  const client = useQueryClient()
  const set = (change: Partial<GivenRule>) => setRule({ ...rule, ...change })
  const isAlert = rule.alert !== undefined
  const readLabels = readPairs(labels)
  const problems = problemsOf(rule, namespace, groupName, readLabels.wrong)
  const save = async () => {
    setBusy(true)
    setError(null)
    try {
      const into: GivenGroup = given[namespace]?.find(({ name }) => name === groupName) ?? { name: groupName, interval: '1m', rules: [] }
      await giveGroup(namespace, ruleWith(into, group && into === group ? number : -1, { ...rule, labels: readLabels.pairs }))
      await Promise.all([client.invalidateQueries({ queryKey: ['api', RULES] }), client.invalidateQueries({ queryKey: ['api', RULER_REQUEST] })])
      onClose()
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)))
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className={styles.wide}>
      <Dialog title={original ? `Change ${rule.alert ?? rule.record ?? 'a rule'}` : 'New rule'} onClose={onClose}>
        <div className={styles.editor}>
          <div className="stack">
            <div className={styles.pair}>
              <Field label="What it does">
                <Select value={isAlert ? 'alert' : 'record'} onChange={(event) => setRule(event.target.value === 'alert' ? { ...rule, alert: rule.record ?? '', record: undefined } : { ...rule, record: rule.alert ?? '', alert: undefined, for: undefined, keep_firing_for: undefined, annotations: undefined })}>
                  <option value="alert">Alerts</option>
                  <option value="record">Records</option>
                </Select>
              </Field>
              <Field label="Name" hint={isAlert ? 'CamelCase, as a rule' : 'level:metric:operation'}>
                <Input value={rule.alert ?? rule.record ?? ''} onChange={(event) => set(isAlert ? { alert: event.target.value } : { record: event.target.value })} />
              </Field>
            </div>
            <Editor label="Expression" language="promql" value={rule.expr} onChange={(expr) => set({ expr })} onSubmit={() => {}} minLines={3} placeholder="sum by (job) (rate(errors_total[5m])) > 0.5" />
            {isAlert && <Times rule={rule} set={set} />}
            <Field label="Labels" hint={readLabels.wrong ? `Not of the form name: value: ${readLabels.wrong}` : 'A line for each: severity: page'}>
              <TextArea rows={2} className={styles.code} spellCheck={false} value={labels} onChange={(event) => setLabels(event.target.value)} />
            </Field>
            {isAlert && <Annotations rule={rule} set={set} />}
            <div className={styles.pair}>
              <Field label="Namespace">
                <Input value={namespace} disabled={original !== null} list="rule-namespaces" onChange={(event) => setNamespace(event.target.value)} />
              </Field>
              <Field label="Group" hint="Rules of a group are evaluated in order">
                <Input value={groupName} disabled={original !== null} onChange={(event) => setGroupName(event.target.value)} />
              </Field>
              <datalist id="rule-namespaces">
                {Object.keys(given).map((name) => (
                  <option key={name} value={name} />
                ))}
              </datalist>
            </div>
          </div>
          <RulePreview query={rule.expr} for={rule.for ?? ''} keepFiring={rule.keep_firing_for ?? ''} isAlert={isAlert} />
        </div>
        {error && <Problem error={error} />}
        <div className="row">
          <Button kind="main" disabled={problems.length > 0 || isBusy} onClick={() => void save()}>
            Save it
          </Button>
          <Button onClick={onClose}>Cancel</Button>
          {problems.length > 0 && <span className="muted">{problems[0]}</span>}
        </div>
      </Dialog>
    </div>
  )
}

function problemsOf(rule: GivenRule, namespace: string, group: string, wrongLabel: string): string[] {
  const name = rule.alert ?? rule.record ?? ''
  const isTime = (text: string | undefined) => !text || durationSeconds(text) !== null
  return [
    ...(name.trim() === '' ? ['It has no name yet.'] : []),
    ...(rule.record !== undefined && !/^[a-zA-Z_:][\w:]*$/.test(rule.record) ? ['A recorded metric has letters, digits, _ and : in its name.'] : []),
    ...(rule.expr.trim() === '' ? ['It has no expression yet.'] : []),
    ...(!isTime(rule.for) || !isTime(rule.keep_firing_for) ? ['A time is none: expected such as 5m.'] : []),
    ...(wrongLabel ? ['A label is none.'] : []),
    ...(namespace.trim() === '' || group.trim() === '' ? ['Its namespace or its group has no name.'] : []),
  ]
}

interface PartProps {
  rule: GivenRule
  set: (change: Partial<GivenRule>) => void
}

function Times({ rule, set }: PartProps) {
  return (
    <div className={styles.pair}>
      <Field label="Fires after" hint="Its condition has to hold for so long">
        <Input value={rule.for ?? ''} placeholder="0s" onChange={(event) => set({ for: event.target.value || undefined })} />
      </Field>
      <Field label="Fires on for" hint="After its condition holds no more">
        <Input value={rule.keep_firing_for ?? ''} placeholder="0s" onChange={(event) => set({ keep_firing_for: event.target.value || undefined })} />
      </Field>
    </div>
  )
}

function Annotations({ rule, set }: PartProps) {
  const { summary = '', description = '' } = rule.annotations ?? {}
  const put = (change: Record<string, string>) => set({ annotations: Object.fromEntries(Object.entries({ ...rule.annotations, ...change }).filter(([, value]) => value !== '')) })
  return (
    <>
      <Field label="Summary" hint="{{ $labels.job }} and {{ $value }} stand for what it is about">
        <Input value={summary} onChange={(event) => put({ summary: event.target.value })} />
      </Field>
      <Field label="What to do">
        <TextArea rows={2} value={description} onChange={(event) => put({ description: event.target.value })} />
      </Field>
    </>
  )
}
