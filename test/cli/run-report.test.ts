import { expect, test } from 'vitest'
import { textReport } from '../../src/cli/run-report.ts'
import { createMonitor } from '../../src/monitor/monitor.ts'
import { relayLister } from '../../src/relay/relay-lister.ts'

/** What a run that was stopped leaves on a terminal. */
function stoppedAt(columns: number): string {
  const lister = relayLister('relay.example')
  const { relay } = lister
  const monitor = createMonitor({ relay })
  const collections = Array.from({ length: 1_287 }, (_, i) => ({
    nsid: `com.example.n${i}`,
    estimatedRepos: 9,
  }))
  monitor.handle({ type: 'discovered', relay, collections, sources: [] })
  let written = ''
  const out = {
    isTTY: true,
    columns,
    rows: 24,
    write(text: string) {
      written += text
      return true
    },
    on() {},
    hasColors: () => false,
  }
  const { signal } = new AbortController()
  const interruption = { signal, exitCode: 130, isAsked: true, [Symbol.dispose]() {} }
  const context = { input: process.stdin, out, err: out, env: {}, interruption, debug: false }
  const report = textReport([{ address: relay, relay, lister, monitor }], context as never)
  const sums = { relays: [], pages: 0, imported: 696_886, added: 696_886, invalid: 0, completed: 5 }
  const summary = { ...sums, durationMs: 8_000, failedSources: [] }
  report.end({ outcome: 'interrupted', exitCode: 130, summary: summary as never })
  return written
}

test.each([32, 40, 80])('at %i columns, how far a stopped run came is broken between words', (columns) => {
  const lines = stoppedAt(columns).trimEnd().split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(columns)
  expect(lines.join(' ')).toBe(
    'Stopped: 0%, 0 of 1,287 collections complete, 0 imported. ' +
      'this run: 5 collections · 696,886 imported · 8s · 87,111 imported/s ' +
      'Run the same command again to go on from there.',
  )
})
