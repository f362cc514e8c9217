// Lines where something is missing.
import { deepStrictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../load.mjs'

const gaps = await load('./gaps.ts', import.meta.url)

test('a line is broken where nothing was measured', () => {
  const line = { name: 'a', values: [1, 2, 3, 4] }
  deepStrictEqual(gaps.withGaps([0, 10, 20, 60], [line]), { times: [0, 10, 20, 30, 60], lines: [{ name: 'a', values: [1, 2, 3, null, 4] }] })
  deepStrictEqual(gaps.withGaps([0, 10, 20, 30], [line]), { times: [0, 10, 20, 30], lines: [line] })
  deepStrictEqual(gaps.withGaps([], []), { times: [], lines: [] })
  deepStrictEqual(gaps.withGaps([5], [{ name: 'a', values: [1] }]).times, [5])
})
