// Asks before a rule goes; with the last one, its group goes.
import { useState } from 'react'
import { useQueryClient } from '@tanstack/react-query'
import { Question } from '../../parts/question'
import { type Given, giveGroup, removeGroup, RULER_REQUEST, RULES } from './api'
import type { Place } from './rules'

export function RemoveRule({ place, given, onDone, onClose }: { place: Place; given: NonNullable<Given>; onDone: () => void; onClose: () => void }) {
  const client = useQueryClient()
  const [error, setError] = useState<Error | null>(null)
  const { file, name } = place.group
  const remove = async () => {
    try {
      const group = given[file]?.find((each) => each.name === name)
      if (group === undefined) throw new Error('The rule is not there any more.')
      const rules = group.rules.toSpliced(Number(place.key.split(';').at(-1)), 1)
      await (rules.length === 0 ? removeGroup(file, name) : giveGroup(file, { ...group, rules }))
      await Promise.all([client.invalidateQueries({ queryKey: ['api', RULES] }), client.invalidateQueries({ queryKey: ['api', RULER_REQUEST] })])
      onClose()
      onDone()
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)))
    }
  }
  return (
    <Question title={`Remove ${place.rule.name}?`} does="Remove it" kind="bad" error={error} onSubmit={() => void remove()} onClose={onClose}>
      <p>{place.rule.type === 'alerting' ? 'What it fires now is told as resolved.' : 'What it recorded stays; nothing more is recorded.'}</p>
    </Question>
  )
}
