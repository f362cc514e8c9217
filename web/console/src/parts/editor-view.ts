// The editor itself. It lives in a shadow root, where CodeMirror adopts its style sheets instead of writing <style> elements, which the page's policy
// does not allow.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, completionStatus } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands'
import { bracketMatching, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { lintKeymap, setDiagnostics } from '@codemirror/lint'
import { Compartment, EditorState, type Extension, Prec } from '@codemirror/state'
import { drawSelection, EditorView, highlightSpecialChars, keymap, lineNumbers, placeholder } from '@codemirror/view'
import { colours, looks } from './editor-looks'

export type EditorLanguage = 'promql' | 'sql' | 'plain'

/** Where a text is wrong, in characters from its start, and how. */
export interface Mistake {
  from: number
  to: number
  message: string
}

/** What completion of SQL knows. */
export interface SqlNames {
  /** Columns by table. */
  tables: Record<string, string[]>
  functions: { name: string; detail?: string; info?: string }[]
}

interface EditorOptions {
  label: string
  language: EditorLanguage
  value: string
  placeholder?: string
  lineNumbers?: boolean
  minLines?: number
  /** Where the cursor is at once; null if it is elsewhere on the page. */
  cursor: number | null
  onChange: (text: string) => void
  onSubmit: (text: string) => void
}

export interface CodeEditor {
  setText: (text: string) => void
  setMistakes: (mistakes: Mistake[]) => void
  setNames: (names: SqlNames) => void
  insert: (text: string) => void
  focus: () => void
  destroy: () => void
}

async function languageOf(language: EditorLanguage, names?: SqlNames): Promise<Extension> {
  if (language === 'promql') return (await import('./editor-promql')).promql()
  if (language === 'sql') return (await import('./editor-sql')).sql(names)
  return []
}

export function createEditor(host: HTMLElement, options: EditorOptions): CodeEditor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  const language = new Compartment()
  const view = new EditorView({ root, parent: root, state: EditorState.create({ doc: options.value, extensions: extensionsOf(options, language) }) })
  let isGone = false
  // Without what knows its language, it is an editor of plain text.
  const speak = (names?: SqlNames) =>
    languageOf(options.language, names)
      .then((extension) => isGone || view.dispatch({ effects: language.reconfigure(extension) }))
      .catch(() => {})
  void speak()
  if (options.cursor !== null) {
    view.dispatch({ selection: { anchor: Math.min(options.cursor, view.state.doc.length) } })
    // It is shown in the same turn, after this.
    queueMicrotask(() => view.focus())
  }
  return {
    setText(text) {
      const { length } = view.state.doc
      if (text !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: length, insert: text }, selection: { anchor: text.length } })
    },
    setMistakes(mistakes) {
      const { length } = view.state.doc
      view.dispatch(setDiagnostics(view.state, mistakes.map(({ from, to, message }) => ({ from: Math.min(from, length), to: Math.min(Math.max(to, from), length), message, severity: 'error' as const }))))
    },
    setNames: (names) => void speak(names),
    insert(text) {
      view.dispatch(view.state.replaceSelection(text))
      view.focus()
    },
    focus: () => view.focus(),
    destroy() {
      isGone = true
      view.destroy()
    },
  }
}

/** A browser that types over a selection keeps its looks in a style attribute, which the page's policy refuses: the editor does it itself. */
const typingOver = EditorView.domEventHandlers({
  beforeinput({ inputType, data }, view) {
    if (inputType !== 'insertText' || data === null || view.composing || view.state.selection.main.empty || /^[([{"'`]$/.test(data)) return false
    view.dispatch(view.state.replaceSelection(data), { userEvent: 'input.type', scrollIntoView: true })
    return true
  },
})

function extensionsOf(options: EditorOptions, language: Compartment): Extension {
  const submit = (view: EditorView) => {
    options.onSubmit(view.state.doc.toString())
    return true
  }
  const isQuery = options.language === 'promql'
  const submitUnlessChoosing = (view: EditorView) => completionStatus(view.state) !== 'active' && submit(view)
  const enter = isQuery ? [{ key: 'Enter', run: submitUnlessChoosing }, { key: 'Shift-Enter', run: insertNewlineAndIndent }] : []
  return [
    Prec.highest(keymap.of([{ key: 'Mod-Enter', run: submit }, ...enter])),
    options.lineNumbers ? lineNumbers() : [],
    highlightSpecialChars(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    typingOver,
    autocompletion({ icons: false }),
    EditorView.lineWrapping,
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
    options.placeholder ? placeholder(options.placeholder) : [],
    EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false', autocapitalize: 'off' }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) options.onChange(update.state.doc.toString())
    }),
    syntaxHighlighting(colours),
    looks(options.minLines ?? 1),
    language.of([]),
  ]
}
