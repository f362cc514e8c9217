// The tree of routes, out of Alertmanager's configuration, and which of them an alert takes.
import { type Labels, type Matcher, meets, readMatcher } from './matchers'
import { asList, asMap, asText, readYaml, type Yaml } from './yaml'

export interface Route {
  /** Where it stands in the tree: "0.2". */
  path: string
  receiver: string
  matchers: Matcher[]
  /** Whether the routes behind it are tried, too. */
  goesOn: boolean
  groupBy: string[]
  groupWait: string
  groupInterval: string
  repeatInterval: string
  muted: string[]
  active: string[]
  routes: Route[]
}

export interface Receiver {
  name: string
  /** What it is sent by: "webhook", with what can be said of each. */
  integrations: { kind: string; detail: string }[]
}

interface Inhibition {
  source: string[]
  target: string[]
  equal: string[]
}

export interface Configuration {
  root: Route
  receivers: Receiver[]
  inhibitions: Inhibition[]
}

export function readConfiguration(original: string): Configuration {
  const config = asMap(readYaml(original))
  return {
    root: readRoute(config.route, '0', null),
    receivers: asList(config.receivers).map(readReceiver),
    inhibitions: asList(config.inhibit_rules).map((rule) => {
      const { source_matchers, target_matchers, equal } = asMap(rule)
      return { source: asList(source_matchers).map(asText), target: asList(target_matchers).map(asText), equal: asList(equal).map(asText) }
    }),
  }
}

/** What a route does not say it has from the one above. */
function readRoute(node: Yaml | undefined, path: string, above: Route | null): Route {
  const map = asMap(node)
  const said = (name: string, fallback: string) => asText(map[name]) || fallback
  const old = [...Object.entries(asMap(map.match)).map(([name, value]) => `${name}=${JSON.stringify(asText(value))}`), ...Object.entries(asMap(map.match_re)).map(([name, value]) => `${name}=~${JSON.stringify(asText(value))}`)]
  const route: Route = {
    path,
    receiver: said('receiver', above?.receiver ?? ''),
    matchers: [...asList(map.matchers).map(asText), ...old].flatMap((text) => readMatcher(text) ?? []),
    goesOn: map.continue === 'true',
    groupBy: map.group_by === undefined ? (above?.groupBy ?? []) : asList(map.group_by).map(asText),
    groupWait: said('group_wait', above?.groupWait ?? '30s'),
    groupInterval: said('group_interval', above?.groupInterval ?? '5m'),
    repeatInterval: said('repeat_interval', above?.repeatInterval ?? '4h'),
    muted: asList(map.mute_time_intervals).map(asText),
    active: asList(map.active_time_intervals).map(asText),
    routes: [],
  }
  route.routes = asList(map.routes).map((child, place) => readRoute(child, `${path}.${place}`, route))
  return route
}

/** Settings of integrations that say where a message goes, and are no secrets. */
const DETAILS = ['to', 'channel', 'url', 'room_id', 'chat_id', 'topic_arn', 'project', 'region']

function readReceiver(node: Yaml): Receiver {
  const { name, ...rest } = asMap(node)
  const integrations = Object.entries(rest).flatMap(([key, list]) =>
    asList(list).map((each) => {
      const settings = asMap(each)
      const detail = DETAILS.map((field) => asText(settings[field])).find((value) => value !== '' && value !== '<secret>') ?? ''
      return { kind: key.replace(/_configs$/, ''), detail }
    }),
  )
  return { name: asText(name), integrations }
}

/** Returns the routes that an alert takes: the deepest that fit. */
export function routesFor(route: Route, labels: Labels): Route[] {
  if (!route.matchers.every((matcher) => meets(matcher, labels))) return []
  const taken: Route[] = []
  for (const child of route.routes) {
    const found = routesFor(child, labels)
    taken.push(...found)
    if (found.length > 0 && !child.goesOn) break
  }
  return taken.length > 0 ? taken : [route]
}
