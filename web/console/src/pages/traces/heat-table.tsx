// What a heat-map shows, in rows of text.
import { msOf, type Heatmap } from '../../data/traces'
import { clock, duration } from '../../format'

const MOST_ROWS = 24

export function HeatTable({ heatmap }: { heatmap: Heatmap }) {
  const every = Math.ceil(heatmap.columns / MOST_ROWS)
  const rows = Array.from({ length: Math.ceil(heatmap.columns / every) }, () => ({ count: 0, errors: 0, longest: -1 }))
  const { column, row, count, errors } = heatmap.cells
  for (let cell = 0; cell < column.length; cell++) {
    const sums = rows[Math.floor(column[cell]! / every)]
    if (sums === undefined) continue
    sums.count += count[cell]!
    sums.errors += errors[cell]!
    sums.longest = Math.max(sums.longest, row[cell]!)
  }
  return (
    <div className="sr-only">
      <table>
        <caption>Spans by time</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Spans</th>
            <th scope="col">Failed</th>
            <th scope="col">Longest below</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ count, errors, longest }, place) => (
            <tr key={place}>
              <th scope="row">{clock(msOf(heatmap.start_ns) + (place * every * heatmap.column_ns) / 1e6, { fraction: false })}</th>
              <td>{count}</td>
              <td>{errors}</td>
              <td>{longest < 0 ? '–' : duration(heatmap.row_bounds_ns[longest + 1]!)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
