// SQL in the editor: tables, columns and functions are completed.
import { completeFromList } from '@codemirror/autocomplete'
import { PostgreSQL, sql as language } from '@codemirror/lang-sql'
import type { Extension } from '@codemirror/state'
import type { SqlNames } from './editor-view'

export function sql(names?: SqlNames): Extension {
  const functions = (names?.functions ?? []).map(({ name, detail, info }) => ({ label: name, type: 'function', detail, info, apply: `${name}(` }))
  return [
    language({ dialect: PostgreSQL, schema: names?.tables ?? {}, upperCaseKeywords: true }),
    PostgreSQL.language.data.of({ autocomplete: completeFromList(functions) }),
  ]
}
