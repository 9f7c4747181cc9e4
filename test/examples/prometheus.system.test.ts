import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createTextMeter } from '../../src/cli/metrics/text-meter.ts'
import type { FeedFigures } from '../../src/cli/serve/feed-figures.ts'
import { createFeedMetrics } from '../../src/cli/serve/feed-metrics.ts'
import { createRequestMetrics } from '../../src/cli/serve/request-metrics.ts'
import { startRelay } from '../../src/testing/index.ts'
import { type ExposedSeries, exposedSeries } from '../support/prometheus-text.ts'
import { readQuery } from '../support/promql.ts'
import { serve } from '../support/serve.ts'
import { startExample } from './run-example.ts'

const PROFILE = 'app.bsky.actor.profile'
const BUSY = 'com.example.busy'
const GONE = 'com.example.gone'
const BIG = 'com.example.big'
const SIZES = { [PROFILE]: 50, [BUSY]: 30, [GONE]: 20, [BIG]: 9_000 }

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] }
  readonly panels: readonly {
    readonly title: string
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
}
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string }
}

const fileOf = (name: string) => readFile(new URL(`../../examples/grafana/${name}`, import.meta.url), 'utf8')

/** What examples/prometheus.ts serves in the middle of a run of which everything is told: sizes, retries, failures. */
async function exposedInARun(): Promise<ReadonlyMap<string, readonly ExposedSeries[]>> {
  const answers = [{ status: 500 }, { status: 429, headers: { 'retry-after': '1' } }]
  const parked = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  await using relay = await startRelay({
    collections: SIZES,
    async script({ collection, offset = 0 }) {
      if (collection === GONE) return { status: 410 }
      if (collection === BUSY) return answers.shift()
      if (collection !== BIG || offset < 4_000) return undefined
      parked.resolve()
      await gate.promise
      return undefined
    },
  })
  // The bundled relay, and beside it the directory that a real one has.
  await using served = await serve((request) => {
    const { pathname, search } = new URL(request.url)
    if (pathname === '/v1/listCollections') return Response.json({ collections: SIZES })
    return fetch(`${relay.url}${pathname}${search}`)
  })
  const env = { PORT: '0', RELAY: served.url, GARDEN: relay.gardenUrl }
  await using example = startExample('prometheus.ts', { env })
  const [, url = ''] = await example.until(/^(http:\S+\/metrics)$/m)
  await parked.promise
  const read = async () => exposedSeries(await (await fetch(url)).text())
  let exposed = await read()
  while (!isAllThere(exposed)) exposed = await read()
  gate.resolve()
  example.kill('SIGTERM')
  expect((await example.ended).code).toBe(0)
  return exposed
}

/** Everything but the big one is over, and the run has a pace. */
function isAllThere(exposed: ReadonlyMap<string, readonly ExposedSeries[]>): boolean {
  const states = exposed.get('atproto_backfill_collections') ?? []
  const open = states.filter(({ labels, value }) => value > 0 && /pending/.test(Object.values(labels).join()))
  const isTold = ['atproto_backfill_failures_total', 'atproto_backfill_time_left'].every((name) =>
    exposed.has(name),
  )
  const retries = exposed.get('atproto_backfill_retries_total') ?? []
  return isTold && open.length === 0 && retries.length === 2
}

/** What the command serve has beside that: its feed and its answers. */
async function exposedByServe(): Promise<ReadonlyMap<string, readonly ExposedSeries[]>> {
  const meter = createTextMeter()
  const figures: FeedFigures = { role: 'following', messages: 1, lagMs: 2_000, cursor: '4711' }
  const onEvent = createFeedMetrics(meter, figures)
  const feed = 'feed:wss://relay.example'
  const counts = { messages: 1, added: 1, removed: 1, accounts: 1, invalid: 1, toLookUp: [] }
  onEvent({ type: 'batch', feed, ...counts, cursor: '4711', durationMs: 1 })
  onEvent({ type: 'disconnected', feed, error: new Error('gone'), retryInMs: 1 })
  onEvent({ type: 'gap', feed, reason: 'outdatedCursor', since: new Date() })
  createRequestMetrics(meter)('listReposByCollection', 200, 12)
  return exposedSeries(await meter.text())
}

let exposed: ReadonlyMap<string, readonly ExposedSeries[]>
beforeAll(async () => {
  exposed = new Map([...(await exposedInARun()), ...(await exposedByServe())])
})

const labelsOf = (name: string) => (exposed.get(name) ?? []).flatMap(({ labels }) => Object.keys(labels))

/** What a query asks for that no metric of the example has. */
function missingIn(text: string): string[] {
  const { metrics, grouping } = readQuery(text.replaceAll('$__rate_interval', '5m'))
  const known = new Set(metrics.flatMap(({ name }) => labelsOf(name)))
  return [
    ...metrics.filter(({ name }) => !exposed.has(name)).map(({ name }) => `metric ${name}`),
    ...metrics.flatMap(({ name, matchers }) => matchers.flatMap((matcher) => missingOf(name, matcher))),
    ...grouping.filter((label) => !known.has(label)).map((label) => `label ${label}`),
  ]
}

function missingOf(
  name: string,
  { label, operator, value }: { label: string; operator: string; value: string },
) {
  if (!labelsOf(name).includes(label)) return [`label ${label} of ${name}`]
  const values = (exposed.get(name) ?? []).map(({ labels }) => labels[label])
  // A variable of the dashboard, and what is there where nothing is.
  if (value.startsWith('$') || value === '') return []
  // That a size was exceeded is another run's.
  if (label === 'atproto_backfill_time_left_at_least') return ['true', 'false'].includes(value) ? [] : [value]
  const wanted = operator.endsWith('~') ? value.split('|') : [value]
  return wanted.filter((each) => !values.includes(each)).map((each) => `${label}="${each}" of ${name}`)
}

/** The labels that a text for people names. */
const namedIn = (text: string, form: RegExp) => [...text.matchAll(form)].map(([, label = '']) => label)

test('prometheus.ts serves the metrics of a run in the form that Prometheus reads', async () => {
  await using example = startExample('prometheus.ts', { env: { PORT: '0', RELAY: '' } })
  const [, url = ''] = await example.until(/^(http:\S+\/metrics)$/m)
  await example.until(/^complete$/m)
  const response = await fetch(url)
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
  const text = await response.text()
  expect(text).toMatch(/^# TYPE atproto_backfill_imported_total counter$/m)
  const exposed = exposedSeries(text)
  const imported = exposed.get('atproto_backfill_imported_total') ?? []
  expect(imported.reduce((sum, { value }) => sum + value, 0)).toBe(16_540)
  expect(imported).toContainEqual({
    labels: {
      atproto_backfill_relay: expect.any(String),
      atproto_backfill_collection: 'app.bsky.feed.post',
    },
    value: 7_500,
  })
  expect(exposed.get('atproto_backfill_collections')).toContainEqual({
    labels: { atproto_backfill_relay: expect.any(String), atproto_backfill_collection_state: 'complete' },
    value: 3,
  })
  expect([...exposed.keys()]).toContain('atproto_backfill_request_duration_bucket')
  expect((await fetch(new URL('/', url))).status).toBe(404)

  example.kill('SIGTERM')
  const { code, stderr } = await example.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

describe('the dashboard for Grafana', () => {
  test('asks in PromQL for metrics and labels that examples/prometheus.ts and serve have', async () => {
    const { panels, templating }: Dashboard = JSON.parse(await fileOf('dashboard.json'))
    const targets = panels.flatMap(({ title, targets }) => targets.map((target) => ({ title, ...target })))
    expect(targets.length).toBeGreaterThan(10)
    for (const { title, expr, legendFormat } of targets) {
      expect(missingIn(expr), `${title}: ${expr}`).toEqual([])
      const { metrics } = readQuery(expr.replaceAll('$__rate_interval', '5m'))
      const known = metrics.flatMap(({ name }) => labelsOf(name))
      for (const label of namedIn(legendFormat, /\{\{(\w+)\}\}/g)) expect(known, title).toContain(label)
    }
    const [, metric = '', label = ''] =
      /label_values\((\w+), (\w+)\)/.exec(JSON.stringify(templating.list)) ?? []
    expect(labelsOf(metric)).toContain(label)
  })

  test('shows every gauge and counter of the example and of serve', async () => {
    const text = await fileOf('dashboard.json')
    const names = [...exposed.keys()].filter((name) => name.startsWith('atproto_') && !/_bucket$/.test(name))
    const shown = names.filter((name) => text.includes(name))
    // Each histogram by its buckets, its count or its sum; pages and invalid entries are for a closer look.
    const left = names.filter((name) => !shown.includes(name) && !/_(?:sum|count)$/.test(name))
    expect(left).toEqual([
      'atproto_backfill_pages_total',
      'atproto_backfill_invalid_total',
      'atproto_backfill_requests_left',
    ])
  })
})

test('the alert rules for Prometheus ask for metrics and labels that examples/prometheus.ts and serve have', async () => {
  const { groups }: { groups: { rules: Rule[] }[] } = parse(await fileOf('alerts.yml'))
  const rules = groups.flatMap((group) => group.rules)
  expect(rules.length).toBeGreaterThan(4)
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  for (const { alert, expr, labels, annotations } of rules) {
    expect(missingIn(expr), alert).toEqual([])
    expect(['info', 'warning', 'critical']).toContain(labels.severity)
    const { grouping } = readQuery(expr)
    for (const label of namedIn(annotations.summary, /\$labels\.(\w+)/g))
      expect(grouping, alert).toContain(label)
  }
})

test.each([
  ['sum(rate(atproto_backfill_imported[5m]))', ['metric atproto_backfill_imported']],
  ['atproto_backfill_collections{state="failed"}', ['label state of atproto_backfill_collections']],
  [
    'atproto_backfill_waiting{atproto_backfill_wait_reason=~"relay|database"}',
    ['atproto_backfill_wait_reason="database" of atproto_backfill_waiting'],
  ],
  ['sum by (relay) (atproto_backfill_collections)', ['label relay']],
])('what is not there is found: %s', (query, missing) => {
  expect(missingIn(query)).toEqual(missing)
})

test('what is no PromQL is found', () => {
  expect(() => readQuery('sum by atproto_backfill_collections)')).toThrow('No PromQL')
})
