// A flag's definition: as it was written, what changed of it, and its rule in words.
import { deepStrictEqual, match, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { definitionText, mistakeIn, spread } = await load('./json-text.ts', import.meta.url)
const { differenceOf } = await load('./difference.ts', import.meta.url)
const { waysOf, words } = await load('./rule-words.ts', import.meta.url)

test('JSON keeps its numbers as they were written', () => {
  strictEqual(definitionText('{"key":"a","definition":{"v":1.0}}'), '{"v":1.0}')
  strictEqual(definitionText('{"key":"a"}'), '{}')
  strictEqual(spread('{"a":1.0,"b":[1e3,{"c":"x, \\"}"}],"d":{},"e":[]}'), '{\n  "a": 1.0,\n  "b": [1e3, { "c": "x, \\"}" }],\n  "d": {},\n  "e": []\n}')
  const long = JSON.stringify({ a: Array.from({ length: 40 }, (_, place) => place) })
  strictEqual(spread(long).split('\n').length, 44)
  deepStrictEqual(JSON.parse(spread(long)), JSON.parse(long))
  strictEqual(mistakeIn('{}'), null)
  match(mistakeIn('[1]'), /object is expected/)
  match(mistakeIn('{'), /JSON/)
})

test('two definitions are told line by line', () => {
  const check = (before, after, expected) => strictEqual(differenceOf(before, after).map(({ sign, text }) => sign + text.trim()).join('|'), expected)
  check({ a: 1, b: 2 }, { a: 1, b: 3 }, ' {| "a": 1,|−"b": 2|+"b": 3| }')
  check(null, { a: 1 }, '+{|+"a": 1|+}')
  check({ a: 1 }, undefined, '−{|−"a": 1|−}')
  check({ a: 1 }, { a: 1 }, ' {| "a": 1| }')
  const many = Array.from({ length: 500 }, (_, place) => place)
  deepStrictEqual([...new Set(differenceOf(many, many).map(({ sign }) => sign))], ['−', '+'])
})

test('a rule is said way by way', () => {
  const check = (rule, ...expected) => deepStrictEqual(waysOf(rule).map(({ when, gives }) => (when === null ? gives : `${when} → ${gives}`)), expected)
  check({})
  check(null)
  check({ if: [{ in: [{ var: 'country' }, ['DE', 'AT']] }, 'on', { '==': [{ var: 'plan' }, 'pro'] }, 'half', 'off'] }, 'country is one of DE, AT → on', 'plan is pro → half', 'off')
  check({ if: [{ $ref: 'staff' }, 'on', { if: [{ '!': { var: 'x' } }, 'off', null] }] }, 'segment staff → on', 'not (x) → off')
  check({ fractional: [{ var: 'user' }, ['a', 1], ['b', 3]] }, '25% a, 75% b by user')
  check({ fractional: [['a'], ['b', 0]] }, '100% a, 0% b')
  strictEqual(words({ and: [{ or: [{ var: 'a' }, { var: '' }] }, { '!!': [{ var: 'b' }] }] }), '(a or the context) and b is there')
  strictEqual(words({ in: ['x', { var: 'tags' }] }), 'tags contains x')
  strictEqual(words({ sem_ver: [{ var: 'v' }, '>=', '2.0.0'] }), 'v >= 2.0.0')
  strictEqual(words({ unknown: [1, true] }), 'unknown(1, true)')
})
