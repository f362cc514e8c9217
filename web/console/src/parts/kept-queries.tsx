// The queries of a page that were asked before, in this browser, and those that somebody keeps under a name.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { KEPT_QUERIES, type KeptOf, keepQuery, type KeptQuery, removeQuery, useKeptQueries } from '../data/kept-queries'
import { Button, Field, Input, Menu, MenuItem } from './controls'
import styles from './kept-queries.module.css'
import { Question } from './question'
import { recentQueries } from './recent-queries'

interface KeptQueriesProps {
  of: KeptOf
  /** What would be kept now. */
  text: string
  onChoose: (text: string) => void
}

/** How much of a query is shown. */
const SHOWN = 200

export function KeptQueries({ of, text, onChoose }: KeptQueriesProps) {
  const [isAsking, setAsking] = useState(false)
  return (
    <>
      <Menu label="Queries that were asked before, and that are kept" text="Queries">
        <Choices of={of} onChoose={onChoose} onKeep={text.trim() === '' ? undefined : () => setAsking(true)} />
      </Menu>
      {isAsking && <Keep of={of} text={text} onClose={() => setAsking(false)} />}
    </>
  )
}

function Choices({ of, onChoose, onKeep }: { of: KeptOf; onChoose: (text: string) => void; onKeep?: () => void }) {
  const kept = useKeptQueries(of)
  const recent = recentQueries(of)
  return (
    <div className={styles.list}>
      {onKeep && (
        <MenuItem icon="plus" onChoose={onKeep}>
          Keep this query …
        </MenuItem>
      )}
      <h3>Kept</h3>
      {kept.error && <p>They cannot be read: {kept.error.message}</p>}
      {kept.data?.length === 0 && <p>None yet.</p>}
      {kept.data?.map((query) => <Kept key={query.id} query={query} onChoose={onChoose} />)}
      <h3>Asked before, in this browser</h3>
      {recent.length === 0 && <p>None yet.</p>}
      {recent.map((text) => (
        <MenuItem key={text} onChoose={() => onChoose(text)}>
          <span className={styles.text}>
            <code>{text.slice(0, SHOWN)}</code>
          </span>
        </MenuItem>
      ))}
    </div>
  )
}

function Kept({ query, onChoose }: { query: KeptQuery; onChoose: (text: string) => void }) {
  const client = useQueryClient()
  const remove = useMutation({ mutationFn: () => removeQuery(query.id), onSuccess: () => client.invalidateQueries({ queryKey: ['api', KEPT_QUERIES] }) })
  return (
    <div className={styles.kept}>
      <MenuItem onChoose={() => onChoose(query.text)}>
        <span className={styles.text}>
          <span>{query.title}</span>
          <code>{query.text.slice(0, SHOWN)}</code>
        </span>
      </MenuItem>
      <Button
        kind="plain"
        icon="close"
        label={remove.error ? `Not removed: ${remove.error.message}` : `Keep ${query.title} no longer`}
        onClick={(event) => {
          event.stopPropagation()
          remove.mutate()
        }}
      />
    </div>
  )
}

function Keep({ of, text, onClose }: { of: KeptOf; text: string; onClose: () => void }) {
  const client = useQueryClient()
  const [title, setTitle] = useState('')
  const keep = useMutation({
    mutationFn: () => keepQuery(of, title.trim(), text),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['api', KEPT_QUERIES] })
      onClose()
    },
  })
  return (
    <Question title="Keep this query" does="Keep it" isReady={title.trim() !== ''} isBusy={keep.isPending} error={keep.error} onSubmit={() => keep.mutate()} onClose={onClose}>
      <Field label="Name" hint="Everybody who may read sees it.">
        <Input value={title} onChange={(event) => setTitle(event.target.value)} maxLength={200} />
      </Field>
      <pre className={styles.text}>{text.slice(0, 2000)}</pre>
    </Question>
  )
}
