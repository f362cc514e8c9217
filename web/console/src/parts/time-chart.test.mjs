// What a chart over time draws, and which marks belong to which point. Run by `node --test`; Vite takes the types away.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const { axisEnds, drawnValues, marksByPoint, nextMarked, stackedPairs } = (await runnerImport(fileURLToPath(new URL('./time-chart-data.ts', import.meta.url)), { logLevel: 'error' })).module

const lines = [
  { name: 'a', values: [1, 2] },
  { name: 'b', axis: 'right', values: [10, null] },
  { name: 'c', values: [3, null] },
  { name: 'd', axis: 'right', values: [20, 20] },
]

test('lines stand upon each other at their own axis', () => {
  deepStrictEqual(drawnValues(lines, true, new Set()), [[1, 2], [10, 0], [4, 2], [30, 20]])
  deepStrictEqual(drawnValues(lines, true, new Set(['a'])), [[null, null], [10, 0], [3, 0], [30, 20]])
  deepStrictEqual(drawnValues(lines, false, new Set())[2], [3, null])
  deepStrictEqual(stackedPairs(lines), [[2, 0], [3, 1]])
})

test('an axis has zero, room above, and the ends that it was given', () => {
  const check = (given, expected) => deepStrictEqual(axisEnds(...given), expected)
  check([5, 100], [0, 108])
  check([-5, 0], [-5, 0])
  check([null, null], [0, 1])
  check([0, 1, 100], [0, 108])
  check([0, 1, 0, { min: 2, max: 7 }], [2, 7])
})

test('marks are told at the point next to them', () => {
  const mark = (time) => ({ time, text: String(time) })
  const marked = marksByPoint([mark(31), mark(14), mark(16), mark(15), mark(99), mark(0)], [10, 20, 30], 5, 40)
  deepStrictEqual([...marked].map(([place, marks]) => [place, marks.map(({ time }) => time)]), [[0, [14]], [1, [15, 16]], [2, [31]]])
  deepStrictEqual([nextMarked(marked, -1, 1), nextMarked(marked, 1, 1), nextMarked(marked, 2, 1), nextMarked(marked, 3, -1)], [0, 2, 2, 2])
  strictEqual(marksByPoint([mark(1)], []).size, 0)
})
