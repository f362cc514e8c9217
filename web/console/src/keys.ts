// Everything by keyboard: who is on the page says which keys do what, and `?` lists them.
import { useEffect, useRef, useSyncExternalStore } from 'react'

export interface Key {
  /** As `KeyboardEvent.key` has it: `j`, `?`, `Enter`; two of them with a blank between, one after the other: `g t`; `Ctrl+k` works in fields, too. */
  keys: string
  /** What it does, for the list: "Next line". */
  does: string
  run: (event: KeyboardEvent) => void
}

/** How long the second of two keys is waited for. */
const SECOND_KEY_MS = 1200
const PLAIN_KEYS = 'vitrine.plain-keys'

let groups: { name: string; keys: Key[] }[] = []
const listeners = new Set<() => void>()
let first: { key: string; at: number } | null = null

function tell() {
  for (const listener of listeners) listener()
}

/** Returns whether keys without Ctrl do something: they can be switched off, for those whose tools type them. */
export const arePlainKeysOn = () => localStorage.getItem(PLAIN_KEYS) !== 'off'

export function setPlainKeys(on: boolean) {
  localStorage.setItem(PLAIN_KEYS, on ? 'on' : 'off')
  tell()
}

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || (target.matches('input, textarea, select') && !target.matches('[type=checkbox], [type=radio]')))

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing) return
  // What is typed into an editor in a shadow root has the editor's host as its target.
  const target = event.composedPath()[0] ?? event.target
  const isCtrl = event.ctrlKey || event.metaKey
  const pressed = isCtrl ? `Ctrl+${event.key.toLowerCase()}` : event.key
  // What a dialog covers takes no keys.
  const isCovered = document.querySelector('dialog:modal') !== null
  if (!isCtrl && (event.altKey || isCovered || isTyping(target) || !arePlainKeysOn())) return
  if (event.key === 'Enter' && target instanceof HTMLElement && target.closest('a, button, summary')) return
  const before = first !== null && Date.now() - first.at < SECOND_KEY_MS ? `${first.key} ` : ''
  first = null
  // The newest group first: a drawer's keys before those of the page behind it.
  const all = groups.toReversed().flatMap((group) => group.keys)
  const found = all.find(({ keys }) => keys === before + pressed) ?? all.find(({ keys }) => keys === pressed)
  if (found !== undefined) {
    event.preventDefault()
    found.run(event)
  } else if (all.some(({ keys }) => keys.startsWith(`${pressed} `))) {
    first = { key: pressed, at: Date.now() }
  }
})

/** Has keys do something as long as the component is there. `name` is their heading in the list: "Traces". */
export function useKeys(name: string, keys: Key[]) {
  const latest = useRef(keys)
  latest.current = keys
  const said = keys.map(({ keys, does }) => `${keys}\n${does}`).join('\n')
  useEffect(() => {
    const group = {
      name,
      keys: latest.current.map((key, place) => ({ ...key, run: (event: KeyboardEvent) => latest.current[place]?.run(event) })),
    }
    groups = [...groups, group]
    tell()
    return () => {
      groups = groups.filter((other) => other !== group)
      tell()
    }
  }, [name, said])
}

/** Returns all keys that do something now, by their headings. */
export function useAllKeys() {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => groups,
  )
}
