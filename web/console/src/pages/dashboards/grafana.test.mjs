// Dashboards of Grafana as they are found in the world, and what becomes of them. Run by `node --test`; Vite takes the types away.
import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const load = async (name) => (await runnerImport(fileURLToPath(new URL(name, import.meta.url)), { logLevel: 'error' })).module
const { convertGrafana, isGrafana } = await load('./grafana.ts')
const { readDashboard } = await load('./document.ts')

const datasource = { type: 'prometheus', uid: '${ds_prometheus}' }

/** The form of Node Exporter Full: rows, gauges, stacked charts, chained variables. */
const nodeExporter = {
  title: 'Node Exporter Full',
  uid: 'rYdddlPWk',
  schemaVersion: 39,
  time: { from: 'now-24h', to: 'now' },
  refresh: '1m',
  annotations: { list: [{ builtIn: 1, name: 'Annotations & Alerts', type: 'dashboard' }] },
  links: [{ title: 'GitHub', type: 'link', url: 'https://github.com/x' }],
  templating: {
    list: [
      { name: 'ds_prometheus', type: 'datasource', query: 'prometheus', current: {} },
      { name: 'job', label: 'Job', type: 'query', datasource, query: { query: 'label_values(node_uname_info, job)', refId: 'A' }, sort: 1, current: {} },
      { name: 'node', label: 'Instance', type: 'query', datasource, definition: 'label_values(node_uname_info{job="$job"}, instance)', multi: true, includeAll: true, allValue: '.+', sort: 1, current: { text: ['All'], value: ['$__all'] } },
      { name: 'diskdevices', type: 'custom', hide: 2, query: '[a-z]+|nvme[0-9]+n[0-9]+|mmcblk[0-9]+', current: { value: '[a-z]+' } },
    ],
  },
  panels: [
    { id: 1, type: 'row', title: 'Quick CPU / Mem / Disk', collapsed: false, gridPos: { h: 1, w: 24, x: 0, y: 0 }, panels: [] },
    {
      id: 20,
      type: 'gauge',
      title: 'CPU Busy',
      description: 'Overall CPU busy percentage (averaged across all cores)',
      datasource,
      gridPos: { h: 4, w: 3, x: 3, y: 1 },
      fieldConfig: { defaults: { unit: 'percent', decimals: 1, min: 0, max: 100, thresholds: { mode: 'absolute', steps: [{ color: 'rgba(50, 172, 45, 0.97)', value: null }, { color: 'rgba(237, 129, 40, 0.89)', value: 85 }, { color: 'rgba(245, 54, 54, 0.9)', value: 95 }] } }, overrides: [] },
      options: { reduceOptions: { calcs: ['lastNotNull'], values: false } },
      targets: [{ expr: '100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle", instance="$node"}[$__rate_interval])))', instant: true, range: false, refId: 'A', step: 240 }],
    },
    {
      id: 15,
      type: 'row',
      title: 'Memory Meminfo',
      collapsed: true,
      gridPos: { h: 1, w: 24, x: 0, y: 21 },
      panels: [
        {
          id: 136,
          type: 'timeseries',
          title: 'Memory Active / Inactive',
          datasource,
          gridPos: { h: 10, w: 12, x: 0, y: 22 },
          fieldConfig: { defaults: { unit: 'bytes', custom: { drawStyle: 'line', fillOpacity: 20, stacking: { mode: 'normal' }, thresholdsStyle: { mode: 'off' } } }, overrides: [{ matcher: { id: 'byRegexp', options: '/.*out.*/' }, properties: [{ id: 'custom.transform', value: 'negative-Y' }] }] },
          options: { legend: { calcs: ['mean', 'max'], displayMode: 'table', placement: 'bottom', showLegend: true }, tooltip: { mode: 'multi' } },
          targets: [
            { expr: 'node_memory_Inactive_bytes{instance="$node",job="$job"}', legendFormat: 'Inactive - {{instance}}', refId: 'A', interval: '30s' },
            { expr: 'node_memory_Active_bytes{instance="$node",job="$job"}', legendFormat: 'Active', refId: 'B', hide: true },
          ],
        },
      ],
    },
  ],
}

test('a dashboard of rows, gauges and chained variables is taken whole', () => {
  const { document, lost } = convertGrafana(nodeExporter)
  readDashboard(JSON.parse(JSON.stringify(document)))
  const { spec } = document
  deepStrictEqual([document.metadata.name, spec.display.name, spec.duration, spec.refreshInterval], ['node-exporter-full', 'Node Exporter Full', '24h', '1m'])
  deepStrictEqual(
    spec.layouts.map((grid) => [grid.spec.display.title, grid.spec.display.collapse.open, grid.spec.items]),
    [
      ['Quick CPU / Mem / Disk', true, [{ x: 3, y: 0, width: 3, height: 4, content: { $ref: '#/spec/panels/cpu-busy' } }]],
      ['Memory Meminfo', false, [{ x: 0, y: 0, width: 12, height: 10, content: { $ref: '#/spec/panels/memory-active-inactive' } }]],
    ],
  )
  const gauge = spec.panels['cpu-busy'].spec
  deepStrictEqual(gauge.plugin, { kind: 'GaugeChart', spec: { calculation: 'last-number', format: { unit: 'percent', decimalPlaces: 1 }, thresholds: { steps: [{ value: 85, color: 'rgba(237, 129, 40, 0.89)' }, { value: 95, color: 'rgba(245, 54, 54, 0.9)' }] }, max: 100 } })
  strictEqual(gauge.queries[0].spec.plugin.spec.instant, true)
  const memory = spec.panels['memory-active-inactive'].spec
  deepStrictEqual(memory.plugin.spec, { legend: { position: 'bottom' }, yAxis: { format: { unit: 'bytes' } }, visual: { display: 'line', areaOpacity: 0.2, stack: 'all' } })
  deepStrictEqual(memory.queries, [{ kind: 'TimeSeriesQuery', spec: { plugin: { kind: 'PrometheusTimeSeriesQuery', spec: { query: 'node_memory_Inactive_bytes{instance="$node",job="$job"}', seriesNameFormat: 'Inactive - {{instance}}', minStep: '30s' } } } }])
  deepStrictEqual(lost.map(({ where }) => where), ['link “GitHub”', 'panel “Memory Active / Inactive”', 'variable ds_prometheus'])
})

test('variables keep their source, their choice, and what all means', () => {
  const [job, node, devices] = convertGrafana(nodeExporter).document.spec.variables.map(({ spec }) => spec)
  deepStrictEqual(job.plugin, { kind: 'PrometheusLabelValuesVariable', spec: { labelName: 'job', matchers: ['node_uname_info'] } })
  deepStrictEqual([node.plugin.spec.matchers, node.defaultValue, node.allowAllValue, node.allowMultiple, node.customAllValue, node.sort], [['node_uname_info{job="$job"}'], ['$__all'], true, true, '.+', 'alphabetical-asc'])
  deepStrictEqual([devices.display.hidden, devices.plugin.spec.values[0].value, devices.defaultValue], [true, '[a-z]+|nvme[0-9]+n[0-9]+|mmcblk[0-9]+', '[a-z]+'])
})

test('what cannot be taken is told with where and why, and nothing stands in its place', () => {
  const panel = (more) => ({ gridPos: { h: 8, w: 12, x: 0, y: 0 }, datasource, targets: [{ expr: 'up', refId: 'A' }], ...more })
  const { document, lost } = convertGrafana({
    schemaVersion: 30,
    title: 'Odd ones',
    time: { from: '2026-01-01T00:00:00Z' },
    annotations: { list: [{ name: 'Deploys', enable: true, datasource }] },
    templating: { list: [{ name: 'filters', type: 'adhoc' }, { name: 'x', type: 'query', datasource: { type: 'loki' }, query: 'label_values(app)', current: { value: ['a', 'b'] } }] },
    panels: [
      panel({ title: 'World', type: 'geomap' }),
      panel({ title: 'Influx', type: 'timeseries', datasource: { type: 'influxdb' }, targets: [{ query: 'SELECT', refId: 'A' }] }),
      panel({ title: 'Computed', type: 'timeseries', targets: [{ expr: 'up', refId: 'A' }, { datasource: { type: '__expr__' }, expression: '$A * 2', refId: 'B' }] }),
      panel({ title: 'Each $node', type: 'stat', repeat: 'node', fieldConfig: { defaults: { unit: 'furlongs' } } }),
      panel({ title: 'Shared', type: 'timeseries', libraryPanel: { uid: 'x' } }),
    ],
  })
  deepStrictEqual(Object.keys(document.spec.panels), ['computed', 'each-node', 'shared'])
  const said = lost.map(({ where, why }) => `${where}: ${why}`)
  for (const part of ['panel “World”: panels of the kind geomap', 'panel “Influx”: query A: its data source is of the type influxdb', 'panel “Influx”: none of its queries', 'panel “Computed”: query B: expressions', 'panel “Each $node”: it is repeated', 'panel “Each $node”: its unit “furlongs”', 'panel “Shared”: what a library panel shows', 'annotations “Deploys”', 'variable filters', 'variable x: its data source is of the type loki; it is a text now', 'time: it opens at']) {
    ok(said.some((each) => each.startsWith(part)), `${part} is not among\n${said.join('\n')}`)
  }
  deepStrictEqual(document.spec.variables, [{ kind: 'TextVariable', spec: { name: 'x', value: 'a|b' } }])
})

test('panels and rows are repeated, and stored repeats of others are left out', () => {
  const panel = (more) => ({ type: 'timeseries', gridPos: { h: 8, w: 6, x: 6, y: 0 }, datasource, targets: [{ expr: 'up', refId: 'A' }], ...more })
  const { document, lost } = convertGrafana({
    title: 'Repeated',
    templating: { list: [{ name: 'node', type: 'query', datasource, query: 'label_values(up, instance)', multi: true, includeAll: true, current: { value: ['$__all'] } }] },
    panels: [
      panel({ title: 'Across', repeat: 'node', repeatDirection: 'h', maxPerRow: 3 }),
      panel({ title: 'Down', repeat: 'node', repeatDirection: 'v', gridPos: { h: 4, w: 6, x: 6, y: 8 } }),
      panel({ title: 'Across', repeatPanelId: 1, repeatIteration: 7, gridPos: { h: 8, w: 6, x: 6, y: 20 } }),
      { type: 'row', title: 'Of $node', collapsed: true, repeat: 'node', gridPos: { h: 1, w: 24, x: 0, y: 30 }, panels: [panel({ title: 'Inside', gridPos: { h: 8, w: 12, x: 0, y: 31 } })] },
    ],
  })
  readDashboard(JSON.parse(JSON.stringify(document)))
  deepStrictEqual(lost, [])
  const [top, row] = document.spec.layouts
  deepStrictEqual(top.spec.items, [
    { x: 0, y: 0, width: 24, height: 8, content: { $ref: '#/spec/panels/across' }, repeatVariable: { value: 'node', maxPer: 3 } },
    { x: 6, y: 8, width: 6, height: 4, content: { $ref: '#/spec/panels/down' }, repeatVariable: { value: 'node', alignment: 'vertical' } },
  ])
  deepStrictEqual([row.spec.repeatVariable, row.spec.display.title], ['node', 'Of $node'])
})

test('annotations of metrics and of logs are taken', () => {
  const { document, lost } = convertGrafana({
    panels: [],
    annotations: {
      list: [
        { builtIn: 1, name: 'Annotations & Alerts', type: 'dashboard', datasource: '-- Grafana --' },
        { name: 'Restarts', enable: true, datasource, expr: 'changes(process_start_time_seconds{job="[[job]]"}[1m]) > 0', titleFormat: 'restart', textFormat: '{{instance}}', tagKeys: 'job, env', iconColor: 'red' },
        { name: 'Deploys', enable: false, datasource: { type: 'loki', uid: 'x' }, target: { expr: '{app="deployer"}', refId: 'Anno' }, filter: { exclude: false, ids: [3] } },
        { name: 'Times', datasource, expr: 'deployed_at', useValueForTime: 'on' },
        { name: 'Kept', datasource: { type: 'grafana' }, type: 'tags', tags: ['a'] },
        { name: 'Rows', datasource: { type: 'postgres' }, rawQuery: 'SELECT' },
      ],
    },
  })
  deepStrictEqual(document.spec.annotations, [
    { display: { name: 'Restarts' }, plugin: { kind: 'PrometheusPromQLAnnotation', spec: { expr: 'changes(process_start_time_seconds{job="${job}"}[1m]) > 0', title: 'restart', legend: '{{instance}}', tags: ['job', 'env'] } } },
    { display: { name: 'Deploys', hidden: true }, plugin: { kind: 'LokiLogAnnotation', spec: { query: '{app="deployer"}' } } },
  ])
  deepStrictEqual(
    lost.map(({ where, why }) => `${where}: ${why}`),
    [
      'annotations “Deploys”: it is marked on some panels only; here it is on all charts over time',
      'annotations “Times”: its times are the values of its samples',
      'annotations “Kept”: its events are kept by Grafana itself',
      'annotations “Rows”: its data source is of the type postgres, which there is none of here',
    ],
  )
})

test('lines stand at the right where overrides say so of all lines of a query', () => {
  const chart = {
    type: 'timeseries',
    title: 'Load',
    datasource,
    targets: [
      { expr: 'hidden', refId: 'Z', hide: true },
      { expr: 'rate(a[5m])', legendFormat: 'calls of {{job}}', refId: 'A' },
      { expr: 'mem', legendFormat: 'memory', refId: 'B' },
      { expr: 'c', legendFormat: 'same', refId: 'C' },
    ],
    fieldConfig: {
      defaults: { unit: 'reqps' },
      overrides: [
        { matcher: { id: 'byName', options: 'memory' }, properties: [{ id: 'unit', value: 'bytes' }, { id: 'min', value: 0 }, { id: 'custom.lineWidth', value: 2 }] },
        { matcher: { id: 'byFrameRefID', options: 'C' }, properties: [{ id: 'custom.axisPlacement', value: 'right' }, { id: 'color', value: {} }] },
        { matcher: { id: 'byName', options: 'calls of shop' }, properties: [{ id: 'custom.axisPlacement', value: 'right' }] },
      ],
    },
  }
  const old = { type: 'graph', title: 'Old', datasource, yaxes: [{ format: 's' }, { format: 'percent', min: '0', max: 100 }], seriesOverrides: [{ alias: '/^cpu/', yaxis: 2, color: '#fff', $$hashKey: 'object:1' }], targets: [{ expr: 'x', legendFormat: 'time', refId: 'A' }, { expr: 'y', legendFormat: 'cpu {{mode}}', refId: 'B' }] }
  const { document, lost } = convertGrafana({ panels: [chart, old] })
  deepStrictEqual(document.spec.panels.load.spec.plugin.spec.querySettings, [
    { queryIndex: 1, format: { unit: 'bytes' }, min: 0 },
    { queryIndex: 2, axis: 'right' },
  ])
  deepStrictEqual(document.spec.panels.old.spec.plugin.spec.querySettings, [{ queryIndex: 1, axis: 'right', format: { unit: 'percent' }, min: 0, max: 100 }])
  deepStrictEqual(
    lost.map(({ why }) => why),
    ['settings for single lines (memory: custom.lineWidth)', 'settings for single lines (calls of shop: custom.axisPlacement)'],
  )
})

test('tables keep names, units and hidden columns', () => {
  const { document, lost } = convertGrafana({
    panels: [
      {
        type: 'table',
        title: 'Disks',
        datasource,
        gridPos: { h: 8, w: 24, x: 0, y: 0 },
        targets: [{ expr: 'a', refId: 'A', format: 'table', instant: true }, { expr: 'b', refId: 'B', format: 'table', instant: true }],
        transformations: [{ id: 'merge', options: {} }, { id: 'organize', options: { excludeByName: { Time: true, job: true }, renameByName: { 'Value #A': 'Size', mountpoint: 'Mounted at' } } }],
        fieldConfig: { defaults: {}, overrides: [{ matcher: { id: 'byName', options: 'Size' }, properties: [{ id: 'unit', value: 'bytes' }] }] },
      },
    ],
  })
  deepStrictEqual(lost, [])
  deepStrictEqual(document.spec.panels.disks.spec.plugin.spec.columnSettings, [
    { name: 'job', hide: true },
    { name: 'value A', header: 'Size', format: { unit: 'bytes' } },
    { name: 'mountpoint', header: 'Mounted at' },
  ])
})

test('dashboards from before version 5 stand in rows', () => {
  const singlestat = { type: 'singlestat', title: 'Up', span: 2, format: 'percent', thresholds: '85,95', colors: ['green', 'orange', 'red'], valueName: 'current', sparkline: { show: true }, datasource: '${DS_PROM}', targets: [{ expr: 'up', refId: 'A' }] }
  const graph = { type: 'graph', title: 'Load', span: 10, fill: 2, stack: true, yaxes: [{ format: 's', min: 0 }], datasource: '${DS_PROM}', targets: [{ expr: 'node_load1{instance=~"[[node]]"}', legendFormat: '1m', refId: 'A' }] }
  const { document } = convertGrafana({ title: 'Old', rows: [{ title: 'Top', showTitle: true, height: '250px', panels: [singlestat, graph] }] })
  deepStrictEqual(document.spec.layouts[0].spec.items.map(({ x, width, height }) => [x, width, height]), [[0, 4, 7], [4, 20, 7]])
  deepStrictEqual(document.spec.panels.up.spec.plugin, { kind: 'StatChart', spec: { calculation: 'last-number', format: { unit: 'percent' }, thresholds: { steps: [{ value: 85, color: 'orange' }, { value: 95, color: 'red' }] }, sparkline: {} } })
  deepStrictEqual(document.spec.panels.load.spec.plugin.spec.visual, { display: 'line', areaOpacity: 0.2, stack: 'all' })
  strictEqual(document.spec.panels.load.spec.queries[0].spec.plugin.spec.query, 'node_load1{instance=~"${node}"}')
})

const v2 = {
  apiVersion: 'dashboard.grafana.app/v2beta1',
  kind: 'Dashboard',
  metadata: { name: 'abc' },
  spec: {
    title: 'Service overview',
    timeSettings: { from: 'now-6h', to: 'now', autoRefresh: '30s' },
    elements: {
      'panel-1': {
        kind: 'Panel',
        spec: {
          id: 1,
          title: 'Requests',
          links: [],
          data: { kind: 'QueryGroup', spec: { queries: [{ kind: 'PanelQuery', spec: { refId: 'A', hidden: false, query: { kind: 'DataQuery', group: 'prometheus', version: 'v0', spec: { expr: 'sum(rate(http_requests_total{service=~"$service"}[5m]))', legendFormat: '__auto' } } } }], transformations: [], queryOptions: {} } },
          vizConfig: { kind: 'VizConfig', group: 'timeseries', version: '12', spec: { options: { legend: { showLegend: false } }, fieldConfig: { defaults: { unit: 'reqps', custom: { drawStyle: 'bars' } }, overrides: [] } } },
        },
      },
      'panel-2': {
        kind: 'Panel',
        spec: { id: 2, title: 'Errors', links: [], data: { kind: 'QueryGroup', spec: { queries: [{ kind: 'PanelQuery', spec: { refId: 'A', hidden: false, query: { kind: 'DataQuery', group: 'loki', spec: { expr: '{app="$service"} |= "error"' } } } }], transformations: [], queryOptions: {} } }, vizConfig: { kind: 'VizConfig', group: 'logs', spec: { options: { wrapLogMessage: true }, fieldConfig: { defaults: {}, overrides: [] } } } },
      },
      'panel-3': { kind: 'LibraryPanel', spec: { id: 3, title: 'Shared', libraryPanel: { name: 'x', uid: 'y' } } },
    },
    layout: {
      kind: 'TabsLayout',
      spec: {
        tabs: [
          { kind: 'TabsLayoutTab', spec: { title: 'Traffic', layout: { kind: 'RowsLayout', spec: { rows: [{ kind: 'RowsLayoutRow', spec: { title: 'HTTP', collapse: true, layout: { kind: 'GridLayout', spec: { items: [{ kind: 'GridLayoutItem', spec: { x: 0, y: 0, width: 24, height: 10, element: { kind: 'ElementReference', name: 'panel-1' } } }] } } } }] } } } },
          { kind: 'TabsLayoutTab', spec: { title: 'Logs', conditionalRendering: { kind: 'ConditionalRenderingGroup', spec: {} }, layout: { kind: 'AutoGridLayout', spec: { maxColumnCount: 2, items: [{ kind: 'AutoGridLayoutItem', spec: { element: { kind: 'ElementReference', name: 'panel-2' } } }, { kind: 'AutoGridLayoutItem', spec: { element: { kind: 'ElementReference', name: 'panel-3' } } }, { kind: 'AutoGridLayoutItem', spec: { element: { kind: 'ElementReference', name: 'gone' } } }] } } } },
        ],
      },
    },
    variables: [{ kind: 'QueryVariable', spec: { name: 'service', label: 'Service', multi: true, includeAll: true, sort: 'alphabeticalAsc', regex: '/^(?!test).*/', current: { text: 'All', value: ['$__all'] }, query: { kind: 'DataQuery', group: 'prometheus', spec: { query: 'label_values(service)' } } } }],
    annotations: [{ kind: 'AnnotationQuery', spec: { name: 'Annotations & Alerts', builtIn: true } }],
  },
}

test('V2: elements, tabs, rows and grids that lay out by themselves', () => {
  ok(isGrafana(v2))
  const { document, lost } = convertGrafana(v2)
  readDashboard(JSON.parse(JSON.stringify(document)))
  deepStrictEqual(
    document.spec.layouts.map(({ spec }) => [spec.display.title, spec.display.collapse.open, spec.items.map(({ x, width }) => [x, width])]),
    [
      ['Traffic / HTTP', false, [[0, 24]]],
      ['Logs', true, [[0, 12]]],
    ],
  )
  deepStrictEqual(document.spec.panels.requests.spec.plugin, { kind: 'TimeSeriesChart', spec: { yAxis: { format: { unit: 'requests/sec' } }, visual: { display: 'bar' } } })
  deepStrictEqual(document.spec.panels.errors.spec.queries, [{ kind: 'LogQuery', spec: { plugin: { kind: 'LokiLogQuery', spec: { query: '{app="$service"} |= "error"' } } } }])
  deepStrictEqual([document.spec.variables[0].spec.capturingRegexp, document.spec.variables[0].spec.plugin.spec], ['^(?!test).*', { labelName: 'service' }])
  deepStrictEqual(lost.map(({ where }) => where), ['tab “Logs”', 'panel “Shared”', 'layout: element “gone”'])
})

test('V2: items, rows and grids that lay out by themselves are repeated, and annotations taken', () => {
  const repeated = structuredClone(v2)
  const { spec } = repeated
  const repeat = { mode: 'variable', value: 'service', direction: 'h', maxPerRow: 2 }
  const [traffic, logs] = spec.layout.spec.tabs
  traffic.spec.layout.spec.rows[0].spec.repeat = { mode: 'variable', value: 'service' }
  traffic.spec.layout.spec.rows[0].spec.layout.spec.items[0].spec.repeat = { ...repeat, direction: 'v' }
  logs.spec.repeat = { mode: 'variable', value: 'gone' }
  logs.spec.layout.spec.items[0].spec.repeat = { mode: 'variable', value: 'service' }
  spec.annotations.push({ kind: 'AnnotationQuery', spec: { name: 'Restarts', enable: true, query: { kind: 'DataQuery', group: 'prometheus', spec: { expr: 'up == 0' } }, legacyOptions: { titleFormat: '{{job}}' } } })
  const { document, lost } = convertGrafana(repeated)
  deepStrictEqual(
    document.spec.layouts.map(({ spec }) => [spec.repeatVariable, spec.items.map(({ width, repeatVariable }) => [width, repeatVariable])]),
    [
      ['service', [[24, { value: 'service', alignment: 'vertical' }]]],
      [undefined, [[24, { value: 'service', maxPer: 2 }]]],
    ],
  )
  deepStrictEqual(document.spec.annotations, [{ display: { name: 'Restarts' }, plugin: { kind: 'PrometheusPromQLAnnotation', spec: { expr: 'up == 0', title: '{{job}}' } } }])
  ok(lost.some(({ why }) => why === 'it is repeated for each value of $gone, which there is none of here'))
})

test('V2 of its first version has plugins as kinds', () => {
  const alpha = structuredClone(v2)
  alpha.apiVersion = 'dashboard.grafana.app/v2alpha1'
  const { spec } = alpha.spec.elements['panel-1']
  spec.vizConfig = { kind: 'timeseries', spec: spec.vizConfig.spec }
  spec.data.spec.queries[0].spec.query = { kind: 'prometheus', spec: { expr: 'up' } }
  strictEqual(convertGrafana(alpha).document.spec.panels.requests.spec.queries[0].spec.plugin.spec.query, 'up')
})

test('wrapped forms are unwrapped, and what is none is refused in a sentence', () => {
  strictEqual(convertGrafana({ dashboard: nodeExporter, meta: {} }).document.metadata.name, 'node-exporter-full')
  strictEqual(convertGrafana({ apiVersion: 'dashboard.grafana.app/v1beta1', kind: 'Dashboard', metadata: {}, spec: nodeExporter }).document.metadata.name, 'node-exporter-full')
  ok(!isGrafana({ kind: 'Dashboard', spec: { panels: {} } }))
  throws(() => convertGrafana({ hello: 1 }), /It is no dashboard of Grafana/)
  throws(() => convertGrafana(null), /It is no dashboard of Grafana/)
})
