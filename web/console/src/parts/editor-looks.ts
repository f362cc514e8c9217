// How the editor looks: the page's own colours, which change with its theme.
import { HighlightStyle } from '@codemirror/language'
import { EditorView } from '@codemirror/view'
import { tags } from '@lezer/highlight'

export const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: 'var(--series-4)', fontWeight: '500' },
  { tag: [tags.function(tags.variableName), tags.standard(tags.name), tags.typeName], color: 'var(--series-6)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--series-3)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--series-5)' },
  { tag: [tags.labelName, tags.propertyName], color: 'var(--series-1)' },
  { tag: [tags.operator, tags.punctuation, tags.bracket], color: 'var(--ink-2)' },
  { tag: [tags.comment], color: 'var(--ink-2)', fontStyle: 'italic' },
  { tag: tags.invalid, color: 'var(--bad)' },
])

const LINE_PX = 20
const PADDING_PX = 5

/** Returns the editor's styles; it is at least so many lines high. */
export const looks = (minLines: number) =>
  EditorView.theme({
    '&': { color: 'var(--ink)', backgroundColor: 'transparent', fontSize: '12.5px' },
    '&.cm-focused': { outline: 'none' },
    '.cm-scroller': { fontFamily: 'var(--mono)', fontVariantLigatures: 'none', lineHeight: `${LINE_PX}px`, maxHeight: '50vh', overflow: 'auto' },
    '.cm-content': { padding: `${PADDING_PX}px 0`, minHeight: `${minLines * LINE_PX + 2 * PADDING_PX}px`, caretColor: 'var(--ink)' },
    '.cm-line': { padding: '0 8px' },
    '.cm-cursor': { borderLeftColor: 'var(--ink)', borderLeftWidth: '1.5px' },
    '.cm-placeholder': { color: 'var(--ink-2)' },
    '& > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': { backgroundColor: 'color-mix(in oklab, var(--glass) 28%, transparent)' },
    '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--glass-weak)', outline: '1px solid var(--edge)' },
    '&.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'transparent', color: 'var(--bad)' },
    '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--ink-2)', border: 'none' },
    '.cm-lineNumbers .cm-gutterElement': { minWidth: '28px', padding: '0 4px 0 8px' },
    '.cm-tooltip': { border: '1px solid var(--line)', borderRadius: '10px', backgroundColor: 'var(--sheet)', color: 'var(--ink)', boxShadow: 'var(--shadow)', overflow: 'hidden', maxWidth: 'min(520px, 92vw)' },
    '.cm-tooltip.cm-completionInfo': { padding: '8px 10px', font: '400 12px/1.5 var(--text)', whiteSpace: 'pre-wrap', overflow: 'auto', maxHeight: '220px' },
    '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '280px', padding: '4px' },
    '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px', borderRadius: '6px', lineHeight: '20px' },
    '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--glass-weak)', color: 'var(--ink)' },
    '.cm-completionMatchedText': { textDecoration: 'none', color: 'var(--glass)', fontWeight: '600' },
    '.cm-completionDetail': { color: 'var(--ink-2)', fontStyle: 'normal', fontFamily: 'var(--text)' },
    '.cm-diagnostic': { padding: '6px 10px', font: '400 12px/1.5 var(--text)', whiteSpace: 'pre-wrap', borderLeft: '3px solid var(--bad)' },
    '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad) 1px', textUnderlineOffset: '3px' },
    '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline dashed var(--warn) 1px', textUnderlineOffset: '3px' },
    '.cm-lintRange-active': { backgroundColor: 'color-mix(in oklab, var(--bad) 14%, transparent)' },
    '.cm-panels': { backgroundColor: 'var(--sunk)', color: 'var(--ink)' },
  })
