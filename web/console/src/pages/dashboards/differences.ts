// What one state of a dashboard has that another has not, in words.
import { type Dashboard, labelled, panelTitle, titleOf } from './document'

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** Returns what changed between two documents, a sentence for each thing; empty if nothing did. */
export function differences(before: Dashboard, after: Dashboard): string[] {
  const said: string[] = []
  if (titleOf(before) !== titleOf(after)) said.push(`Its title is “${titleOf(after)}” and was “${titleOf(before)}”.`)
  if (before.spec.display?.description !== after.spec.display?.description) said.push('Its description changed.')
  if (before.spec.duration !== after.spec.duration) said.push(`The time it opens with is ${after.spec.duration ?? 'not said'}.`)
  for (const key of new Set([...Object.keys(before.spec.panels), ...Object.keys(after.spec.panels)])) {
    const [old, now] = [before.spec.panels[key], after.spec.panels[key]]
    const name = `“${panelTitle((now ?? old)!) || key}”`
    if (old === undefined) said.push(`The panel ${name} is new.`)
    else if (now === undefined) said.push(`The panel ${name} was taken away.`)
    else if (!same(old, now)) said.push(`The panel ${name} changed.`)
  }
  const [oldVariables, newVariables] = [labelled(before.spec.variables ?? []), labelled(after.spec.variables ?? [])]
  for (const name of new Set([...oldVariables.keys(), ...newVariables.keys()])) {
    const [old, now] = [oldVariables.get(name), newVariables.get(name)]
    if (old === undefined) said.push(`The variable ${name} is new.`)
    else if (now === undefined) said.push(`The variable ${name} was taken away.`)
    else if (!same(old, now)) said.push(`The variable ${name} changed.`)
  }
  if (!same(before.spec.annotations, after.spec.annotations)) said.push('Its annotations changed.')
  if (!same(before.spec.layouts, after.spec.layouts)) said.push('Panels stand elsewhere, are repeated otherwise, or sections changed.')
  return said
}

/** Returns my changes upon theirs, where both changed different things; null where they touch. */
export function merged(base: Dashboard, mine: Dashboard, theirs: Dashboard): Dashboard | null {
  const panels: Dashboard['spec']['panels'] = {}
  for (const key of new Set([...Object.keys(theirs.spec.panels), ...Object.keys(mine.spec.panels)])) {
    const chosen = either(base.spec.panels[key], mine.spec.panels[key], theirs.spec.panels[key])
    if (chosen === null) return null
    if (chosen.value !== undefined) panels[key] = chosen.value
  }
  const layouts = either(base.spec.layouts, mine.spec.layouts, theirs.spec.layouts)
  const variables = either(base.spec.variables, mine.spec.variables, theirs.spec.variables)
  const annotations = either(base.spec.annotations, mine.spec.annotations, theirs.spec.annotations)
  const display = either(base.spec.display, mine.spec.display, theirs.spec.display)
  const duration = either(base.spec.duration, mine.spec.duration, theirs.spec.duration)
  if (layouts?.value === undefined || variables === null || annotations === null || display === null || duration === null) return null
  return { ...theirs, spec: { ...theirs.spec, panels, layouts: layouts.value, variables: variables.value, annotations: annotations.value, display: display.value, duration: duration.value } }
}

/** Returns what one side changed; null if both did, and not alike. */
function either<Value>(base: Value, mine: Value, theirs: Value): { value: Value } | null {
  if (same(mine, base) || same(mine, theirs)) return { value: theirs }
  return same(theirs, base) ? { value: mine } : null
}
