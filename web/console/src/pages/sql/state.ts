// What the address says of the page of SQL.
import { oneOf, text } from '../../router'

export const SQL_FIELDS = {
  /** The statement. */
  q: text(),
  /** The id of a statement that is too long for an address. */
  query: text(),
  view: oneOf(['table', 'chart'] as const, 'table'),
  /** How the chart is drawn. */
  draw: oneOf(['lines', 'bars', 'stacked'] as const, 'lines'),
  /** The place of the row of which all is shown. */
  row: text(),
}
