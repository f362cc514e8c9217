// What the address says of the page of logs.
import { flag, list, oneOf, text } from '../../router'

export const LOG_FIELDS = {
  /** The query. */
  q: text(),
  /** The id of a query that is too long for an address. */
  query: text(),
  view: oneOf(['lines', 'patterns'] as const, 'lines'),
  /** Whether what comes is shown as it comes. */
  tail: flag(),
  /** The cursor of the line around which others are shown. */
  at: text(),
  /** Which others: what the same instance logged, or what the query finds. */
  of: oneOf(['instance', 'query'] as const, 'instance'),
  /** The cursors of lines that are open. */
  open: list(),
  /** Fields that are shown in the lines. */
  show: list(),
}
