// A trace as rows: its shape, its times, what is folded, and where it failed. Also traces that no one should send.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { deepestError, spansOf } = await load('./spans.ts', import.meta.url)
const { finder, foldsOf, itemsOf, pathTo, withAncestors } = await load('./rows.ts', import.meta.url)
const { mergedApart, mergedTree } = await load('./call-tree.ts', import.meta.url)
const { flameLayout, neighbour, nodeAt } = await load('./flame-layout.ts', import.meta.url)
const { moved, readZoom, scaled, ticksOf, WHOLE, within, zoomText } = await load('./zoom.ts', import.meta.url)
const { verdictOf } = await load('./verdict.ts', import.meta.url)
const { changedOnly, presenceOf } = await load('../traces/difference.ts', import.meta.url)

const distinct = (all) => [...new Set(all)]

/** Returns a trace of rows `[parent, 'service name', start, duration, message of a failure]`; pieces of its critical path are `[row, start, end]`. */
function traceOf(rows, pieces = []) {
  const [services, names] = [distinct(rows.map(([, of]) => of.split(' ')[0])), distinct(rows.map(([, of]) => of.split(' ')[1]))]
  const messages = distinct(rows.flatMap(([, , , , message]) => message ?? []))
  const column = (read) => rows.map(read)
  return spansOf({
    trace_id: 'a'.repeat(32),
    start_ns: '0',
    duration_ns: Math.max(0, ...rows.map(([, , start, duration]) => start + duration)),
    spans: rows.length,
    total: rows.length,
    services,
    names,
    kinds: ['server'],
    messages,
    columns: {
      id: column((_, row) => `id${row}`),
      parent: column(([parent]) => parent),
      service: column(([, of]) => services.indexOf(of.split(' ')[0])),
      name: column(([, of]) => names.indexOf(of.split(' ')[1])),
      start: column(([, , start]) => start),
      duration: column(([, , , duration]) => duration),
      kind: column(() => 0),
      error: column(([, , , , message]) => (message === undefined ? 0 : 1)),
      message: column(([, , , , message]) => messages.indexOf(message)),
    },
    critical_path: { span: pieces.map(([row]) => row), start: pieces.map(([, start]) => start), end: pieces.map(([, , end]) => end), likely: pieces.map(() => 0) },
    problems: [],
  })
}

const PURCHASE = [
  [-1, 'shop POST', 0, 100, 'declined'],
  [0, 'carts Get', 5, 20],
  [1, 'db SELECT', 10, 10],
  [0, 'pay Charge', 20, 70, 'declined'],
  [3, 'bank Authorize', 30, 50, 'no funds'],
]
const PIECES = [[0, 90, 100], [3, 80, 90], [4, 30, 80], [3, 25, 30], [1, 20, 25], [2, 10, 20], [1, 5, 10], [0, 0, 5]]

test('the shape of a trace', () => {
  const spans = traceOf(PURCHASE, PIECES)
  const of = (name) => [...spans[name]]
  deepStrictEqual(of('depth'), [0, 1, 2, 1, 2])
  deepStrictEqual(of('size'), [5, 2, 1, 2, 1])
  deepStrictEqual(of('children'), [2, 1, 0, 1, 0])
  deepStrictEqual(of('errors'), [3, 0, 0, 2, 1])
  // What overlaps is taken away from the parent once: 20 to 25 is of both children.
  deepStrictEqual(of('self'), [15, 10, 10, 20, 50])
  deepStrictEqual(of('critical'), [15, 10, 10, 15, 50])
  deepStrictEqual(of('onPath'), [1, 1, 1, 1, 1])
  deepStrictEqual(spans.pieces.slice(spans.pieceAt[3], spans.pieceAt[4]), Int32Array.of(1, 3))
})

test('roots that are missing or many, spans that stick out, and deep chains', () => {
  // The server makes roots of what has no parent, or has itself above it.
  const several = traceOf([[-1, 'a x', 50, 10], [0, 'a y', 40, 100], [-1, 'b z', 0, 20, 'lost']])
  deepStrictEqual([...several.depth], [0, 1, 0])
  deepStrictEqual([...several.size], [2, 1, 1])
  // A child before and after its parent takes no more than all of it.
  deepStrictEqual([...several.self], [0, 100, 20])
  strictEqual(deepestError(several), 2)
  strictEqual(traceOf([]).length, 1)
  deepStrictEqual(verdictOf(traceOf([])), { row: -1, text: 'It took 1 ns', isFailed: false })
  const deep = traceOf(Array.from({ length: 50_000 }, (_, row) => [row - 1, 'a x', row, 100_000 - 2 * row]))
  deepStrictEqual([deep.depth.at(-1), deep.size[0]], [49_999, 50_000])
  strictEqual(mergedTree([deep]).count, 50_000)
  strictEqual(pathTo(deep, foldsOf(deep), 49_999).rows.length, 49_999)
})

test('a failure began at the deepest span on the critical path', () => {
  const check = (rows, pieces, expected) => strictEqual(deepestError(traceOf(rows, pieces)), expected)
  check(PURCHASE, PIECES, 4)
  check(PURCHASE.map((row) => row.slice(0, 4)), PIECES, -1)
  // What failed elsewhere is deeper, but nothing waited for it.
  const aside = [[-1, 'a x', 0, 100, 'no'], [0, 'b y', 0, 90, 'no'], [0, 'c z', 0, 10], [2, 'd u', 0, 5], [3, 'e v', 0, 5, 'aside']]
  check(aside, [[1, 0, 90], [0, 90, 100]], 1)
  check(aside, [], 4)
  deepStrictEqual([...traceOf(aside, [[1, 0, 90], [0, 90, 100]]).onPath], [1, 1, 0, 0, 0])
  strictEqual(verdictOf(traceOf(PURCHASE, PIECES)).text, 'bank took 50 ns of 100 ns in Authorize, and failed: no funds')
  strictEqual(verdictOf(traceOf(aside, [[1, 0, 30], [0, 30, 100]])).text, 'a took 70 ns of 100 ns in x; b y failed: no')
})

const LOOP = [[-1, 'a x', 0, 100], ...Array.from({ length: 20 }, (_, at) => [0, 'db SELECT', at * 2, 1, ...(at === 3 ? ['slow'] : [])]), [0, 'db COMMIT', 50, 1]]

test('siblings of one operation fold, and open', () => {
  const spans = traceOf(LOOP)
  const folds = foldsOf(spans)
  deepStrictEqual(folds.of.slice(0, 3), Int32Array.of(-1, 0, 0))
  deepStrictEqual([folds.first, folds.count, folds.last, folds.duration, folds.errors], [[1], [20], [39], [20], [1]])
  strictEqual(foldsOf(traceOf(LOOP.toSpliced(1, 1))).first.length, 0)
  // The same below another parent, and another service's below the same, are folds of their own.
  const rows = (parent, of) => Array.from({ length: 20 }, () => [parent, of, 0, 1])
  deepStrictEqual(foldsOf(traceOf([[-1, 'a x', 0, 9], ...rows(0, 'db SELECT'), ...rows(0, 'cache SELECT'), [0, 'a y', 0, 9], ...rows(41, 'db SELECT')])).first, [1, 21, 42])
  const none = new Set()
  const shown = (more) => [...itemsOf(spans, folds, { collapsed: none, opened: none, kept: null, ...more })]
  deepStrictEqual(shown({}), [0, -1, 21])
  strictEqual(shown({ opened: new Set([0]) }).length, 23)
  deepStrictEqual(shown({ collapsed: new Set([0]) }), [0])
  deepStrictEqual(shown({ kept: withAncestors(spans, (row) => spans.error[row] === 1) }), [0, 4])
  deepStrictEqual(pathTo(spans, folds, 4), { rows: [0], folds: [0] })
  const finds = (text) => { const isFound = finder(spans, text); return isFound && [...spans.id.keys()].filter(isFound) }
  deepStrictEqual([finds(''), finds('SLOW db'), finds('id21'), finds('commit nowhere')], [null, [4], [21], []])
})

test('traces are merged by path, and laid out as a flame', () => {
  const [one, two] = [traceOf(PURCHASE, PIECES), traceOf([[-1, 'shop POST', 0, 50], [0, 'pay Charge', 10, 20], [0, 'pay Charge', 30, 10]], [[1, 10, 30], [2, 30, 40], [0, 0, 10], [0, 40, 50]])]
  const { tree, each } = mergedApart([one, two])
  const names = [...tree.name]
  // The heaviest of siblings first.
  deepStrictEqual(names, ['POST', 'Charge', 'Authorize', 'Get', 'SELECT'])
  deepStrictEqual([...tree.calls], [2, 3, 1, 1, 1])
  deepStrictEqual([...tree.depth], [0, 1, 2, 1, 2])
  deepStrictEqual([...tree.allCritical], [150, 95, 50, 20, 10])
  deepStrictEqual(each.map(({ calls }) => [...calls]), [[1, 1, 1, 1, 1], [1, 2, 0, 0, 0]])
  deepStrictEqual(presenceOf({ tree, each }), { both: 2, a: 3, b: 0 })
  const flame = flameLayout(tree, 'critical', -1)
  deepStrictEqual([flame.total, flame.deepest, [...flame.x].map((x) => Math.round(x * 150))], [150, 2, [0, 0, 0, 95, 95]])
  deepStrictEqual([nodeAt(tree, flame, 0.1, 1), nodeAt(tree, flame, 0.7, 1), nodeAt(tree, flame, 0.99, 1), nodeAt(tree, flame, 0.7, 2)].map((node) => names[node]), ['Charge', 'Get', undefined, undefined])
  const go = (node, key) => names[neighbour(tree, flame, node, key)]
  deepStrictEqual([go(0, 'ArrowDown'), go(1, 'ArrowRight'), go(3, 'ArrowLeft'), go(2, 'ArrowUp'), go(2, 'ArrowRight'), go(0, 'ArrowUp')], ['Charge', 'Get', 'Charge', 'Charge', undefined, undefined])
  const inner = flameLayout(tree, 'critical', 1)
  deepStrictEqual([inner.total, inner.size[1], nodeAt(tree, inner, 0.2, 1)], [95, 1, 2])
  const same = mergedApart([one, one])
  strictEqual(changedOnly(same).tree.count, 0)
  deepStrictEqual([...changedOnly({ tree, each }).tree.name], names)
})

test('the part of a trace that is drawn', () => {
  const check = (text, expected) => deepStrictEqual(readZoom(text), expected)
  check('', WHOLE)
  check('0.25-0.5', { from: 0.25, to: 0.5 })
  check('0.5-0.25', WHOLE)
  check('1.5-2', { from: 0.5, to: 1 })
  check('x', WHOLE)
  strictEqual(zoomText(WHOLE), undefined)
  strictEqual(zoomText({ from: 0.1 + 0.2, to: 1 }), '0.3-1')
  deepStrictEqual(scaled({ from: 0.25, to: 0.75 }, 0.5), { from: 0.375, to: 0.625 })
  deepStrictEqual(scaled({ from: 0, to: 0.5 }, 8), WHOLE)
  deepStrictEqual(moved({ from: 0.5, to: 0.75 }, 9), { from: 0.75, to: 1 })
  deepStrictEqual(moved({ from: 0.5, to: 0.75 }, -1), { from: 0.25, to: 0.5 })
  deepStrictEqual(within(0.5, Number.NaN), WHOLE)
  deepStrictEqual(ticksOf(1000, WHOLE), [0, 200, 400, 600, 800, 1000])
  deepStrictEqual(ticksOf(1e9, { from: 0.5, to: 0.75 }), [500e6, 550e6, 600e6, 650e6, 700e6, 750e6])
})
