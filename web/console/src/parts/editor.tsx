// A field for queries and statements of more than a few words, by CodeMirror. Its code is loaded when the first one is shown; until then, and where
// it cannot be loaded, a plain field stands in its place.
import { type RefObject, useEffect, useRef, useState } from 'react'
import type { CodeEditor, EditorLanguage, Mistake, SqlNames } from './editor-view'
import styles from './editor.module.css'

export type { Mistake, SqlNames } from './editor-view'

/** What can be done to an editor from outside. */
export interface EditorHandle {
  focus: () => void
  /** Writes a text where the cursor is, in place of what is selected. */
  insert: (text: string) => void
}

interface EditorProps {
  /** What it is a field for, for who cannot see it. */
  label: string
  language: EditorLanguage
  value: string
  onChange: (text: string) => void
  /** Ctrl+Enter; of PromQL, Enter alone, too. It is given the text as it is in that moment. */
  onSubmit: (text: string) => void
  placeholder?: string
  /** Where in the text something is wrong. */
  mistakes?: Mistake[]
  /** What completion knows of a database. */
  names?: SqlNames
  lineNumbers?: boolean
  minLines?: number
  handle?: RefObject<EditorHandle | null>
}

const NO_MISTAKES: Mistake[] = []

export function Editor(props: EditorProps) {
  const { label, value, placeholder, mistakes = NO_MISTAKES, names, minLines = 1, handle } = props
  const host = useRef<HTMLDivElement>(null)
  const plain = useRef<HTMLTextAreaElement>(null)
  const [editor, setEditor] = useState<CodeEditor | null>(null)
  const latest = useRef(props)
  latest.current = props
  useEffect(() => {
    let isGone = false
    let made: CodeEditor | null = null
    void import('./editor-view')
      .then(({ createEditor }) => {
        if (isGone || host.current === null) return
        const { label, language, value, placeholder, lineNumbers, minLines } = latest.current
        const field = plain.current
        const hadFocus = field !== null && field === document.activeElement
        const cursor = hadFocus ? field.selectionStart : null
        made = createEditor(host.current, { label, language, value, placeholder, lineNumbers, minLines, cursor, onChange: (text) => latest.current.onChange(text), onSubmit: (text) => latest.current.onSubmit(text) })
        setEditor(made)
      })
      // The plain field goes on.
      .catch(() => {})
    return () => {
      isGone = true
      made?.destroy()
      setEditor(null)
    }
  }, [])
  useEffect(() => editor?.setText(value), [editor, value])
  useEffect(() => editor?.setMistakes(mistakes), [editor, mistakes])
  useEffect(() => {
    if (names) editor?.setNames(names)
  }, [editor, names])
  useEffect(() => {
    if (handle) handle.current = editor ?? { focus: () => plain.current?.focus(), insert: (text) => latest.current.onChange(latest.current.value + text) }
  }, [editor, handle])
  return (
    <div className={styles.editor} data-wrong={mistakes.length > 0 ? '' : undefined} data-editor="">
      <div ref={host} hidden={editor === null} />
      {editor === null && (
        <textarea
          ref={plain}
          className={styles.plain}
          aria-label={label}
          placeholder={placeholder}
          rows={minLines}
          spellCheck={false}
          autoCapitalize="off"
          value={value}
          onChange={(event) => latest.current.onChange(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey || (props.language === 'promql' && !event.shiftKey))) return
            event.preventDefault()
            latest.current.onSubmit(event.currentTarget.value)
          }}
        />
      )}
    </div>
  )
}
