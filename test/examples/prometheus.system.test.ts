import { expect, test } from 'vitest'
import { startExample } from './run-example.ts'

const SCOPE = /,?otel_scope_\w+="[^"]*"/g

/** The series of one metric: their labels, without those of the scope, and their values. */
function seriesOf(text: string, name: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`))
  return Object.fromEntries(
    lines.map((line) => {
      const [, labels = '', value] = /^\w+\{(.*)\} (\S+)/.exec(line) ?? []
      return [labels.replace(SCOPE, '').replace(/^,/, ''), Number(value)]
    }),
  )
}

test('prometheus.ts serves the metrics of a run in the form that Prometheus reads', async () => {
  await using example = startExample('prometheus.ts', { env: { PORT: '0', RELAY: '' } })
  const [, url = ''] = await example.until(/^(http:\S+\/metrics)$/m)
  await example.until(/^complete$/m)
  const response = await fetch(url)
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
  const text = await response.text()
  expect(text).toMatch(/^# TYPE atproto_backfill_imported_total counter$/m)
  const pairs = seriesOf(text, 'atproto_backfill_imported_total')
  expect(Object.values(pairs).reduce((sum, value) => sum + value, 0)).toBe(16_540)
  const [post] = Object.keys(pairs).filter((labels) => labels.includes('app.bsky.feed.post'))
  expect(pairs[post ?? '']).toBe(7_500)
  const states = seriesOf(text, 'atproto_backfill_collections')
  expect(Object.entries(states).find(([labels]) => labels.includes('"complete"'))?.[1]).toBe(3)
  expect(text).toMatch(/^atproto_backfill_request_duration_bucket\{/m)
  expect((await fetch(new URL('/', url))).status).toBe(404)

  example.kill('SIGTERM')
  const { code, stderr } = await example.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})
