// Panels and sections that stand once for each value of a variable, and at which axis queries stand. Run by `node --test`; Vite takes the types away.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const load = async (name) => (await runnerImport(fileURLToPath(new URL(name, import.meta.url)), { logLevel: 'error' })).module
const { choicesOf, cutOf, eachSetting, firstSetting, MOST_REPEATS, scopeOf, scopeTexts, spread } = await load('./repeat.ts')
const { emptyDashboard, readDashboard } = await load('./document.ts')
const { withCopy, withPanel, withRepeat, withSectionHead } = await load('./layout.ts')
const { queryLooks, rightRange, withoutQuerySettings, withQuerySettings } = await load('./panels/axes.ts')

const item = (key, x, y, width, height, repeatVariable) => ({ x, y, width, height, content: { $ref: `#/spec/panels/${key}` }, ...(repeatVariable && { repeatVariable }) })
const around = (node) => ({ values: { node, other: 'o' }, choices: { node }, scope: {} })
const places = (drawn) => drawn.map(({ item: { content, x, y, width, height }, setting }) => `${content.$ref.at(-1)}${setting.scope.node ?? ''} ${x},${y} ${width}x${height}`)

test('repeats stand side by side, and what is below them goes down', () => {
  const items = [item('a', 0, 0, 24, 4, { value: 'node', maxPer: 2 }), item('b', 0, 4, 12, 4), item('c', 12, 4, 6, 2, { value: 'node', alignment: 'vertical' }), item('d', 0, 8, 24, 2)]
  deepStrictEqual(places(spread(items, around(['1', '2', '3']))), [
    'a1 0,0 12x4', 'a2 12,0 12x4', 'a3 0,4 12x4',
    'b 0,8 12x4',
    'c1 12,8 6x2', 'c2 12,10 6x2', 'c3 12,12 6x2',
    'd 0,14 24x2',
  ])
  deepStrictEqual(places(spread(items, around(['1']))), ['a1 0,0 24x4', 'b 0,4 12x4', 'c1 12,4 6x2', 'd 0,8 24x2'])
})

test('widths that do not come out even fill the row, and four stand side by side where nothing is said', () => {
  const five = spread([item('a', 0, 0, 24, 4, { value: 'node', maxPer: 5 })], around(['1', '2', '3', '4', '5']))
  deepStrictEqual(five.map(({ item: { x, width } }) => [x, width]), [[0, 5], [5, 5], [10, 4], [14, 5], [19, 5]])
  const six = spread([item('a', 0, 0, 24, 4, { value: 'node' })], around(['1', '2', '3', '4', '5', '6']))
  deepStrictEqual(six.map(({ item: { x, y, width } }) => [x, y, width]), [[0, 0, 6], [6, 0, 6], [12, 0, 6], [18, 0, 6], [0, 4, 6], [6, 4, 6]])
})

test('each has its value alone, within a repeated section as well', () => {
  const [first] = eachSetting('node', around(['1', '2']))
  deepStrictEqual(first, { values: { node: '1', other: 'o' }, choices: { node: ['1'] }, scope: { node: '1' } })
  deepStrictEqual(places(spread([item('a', 0, 0, 24, 4, { value: 'node' })], first)), ['a1 0,0 24x4'])
  deepStrictEqual(eachSetting('unknown', around(['1'])).length, 1)
  deepStrictEqual(scopeOf(scopeTexts({ node: 'a=b', x: '' })), { node: 'a=b', x: '' })
})

test('all values are those on offer; while they are read nothing stands there, and too many are cut', () => {
  const state = (name, selected, options, isLoading = false) => ({ variable: { kind: 'ListVariable', spec: { name } }, selected, options, isLoading })
  deepStrictEqual(choicesOf([state('all', ['$__all'], ['1', '2']), state('two', ['2'], ['1', '2']), state('read', ['$__all'], [], true), state('none', [], [])]), { all: ['1', '2'], two: ['2'], read: [] })
  deepStrictEqual(spread([item('a', 0, 0, 24, 4, { value: 'node' })], around([])), [])
  const many = around(Array.from({ length: 60 }, (_, at) => String(at)))
  strictEqual(eachSetting('node', many).length, MOST_REPEATS)
  strictEqual(cutOf('node', many), 'The first 50 of 60 values of $node: choose fewer to see others.')
  strictEqual(cutOf('node', around(['1'])), null)
})

test('a panel and a section begin to repeat, and copies do as well', () => {
  const panel = { kind: 'Panel', spec: { plugin: { kind: 'StatChart', spec: {} } } }
  const empty = emptyDashboard('A', 'a')
  const repeated = withRepeat(withPanel(empty, 'p', panel), 'p', { value: 'node' })
  deepStrictEqual(repeated.spec.layouts[0].spec.items.map(({ x, width, repeatVariable }) => [x, width, repeatVariable]), [[0, 24, { value: 'node' }]])
  deepStrictEqual(withCopy(repeated, 'p', 'q').spec.layouts[0].spec.items[1].repeatVariable, { value: 'node' })
  deepStrictEqual(firstSetting(withSectionHead(repeated, 0, 'Of $node', 'node'), 'p', around(['1', '2'])).values.node, '1')
  const stored = JSON.parse(JSON.stringify(repeated))
  deepStrictEqual(readDashboard(stored).spec.layouts, stored.spec.layouts)
  const { repeatVariable } = withRepeat(repeated, 'p', undefined).spec.layouts[0].spec.items[0]
  strictEqual(repeatVariable, undefined)
})

test('queries of another unit stand at the right, and settings follow their queries', () => {
  const plugin = (querySettings) => ({ kind: 'TimeSeriesChart', spec: { yAxis: { format: { unit: 'seconds' } }, querySettings } })
  const axes = (querySettings, count) => queryLooks(plugin(querySettings), count).map(({ axis = 'left', unit }) => `${axis} ${unit}`)
  deepStrictEqual(axes(undefined, 1), ['left seconds'])
  deepStrictEqual(axes([{ queryIndex: 1, format: { unit: 'bytes' } }, { queryIndex: 2, axis: 'right' }, { queryIndex: 3, format: { unit: 'seconds' } }], 4), ['left seconds', 'right bytes', 'right seconds', 'left seconds'])
  deepStrictEqual(axes([{ queryIndex: 0, format: { unit: 'bytes' } }], 1), ['left bytes'])
  deepStrictEqual(rightRange(plugin([{ queryIndex: 0, max: 5 }, { queryIndex: 1, axis: 'right', format: { unit: 'percent' }, max: 100 }])), { min: undefined, max: 1 })
  const set = withQuerySettings(plugin([{ queryIndex: 0, colorValue: '#fff' }]), 2, { axis: 'right' })
  deepStrictEqual(withoutQuerySettings(set, 0).spec.querySettings, [{ queryIndex: 1, axis: 'right' }])
  deepStrictEqual(withQuerySettings(set, 2, { axis: undefined }).spec.querySettings, [{ queryIndex: 0, colorValue: '#fff' }])
})
