import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { showLiveDisplay } from '../../../src/cli/output/live-display.ts'
import type { Output } from '../../../src/cli/output/screen.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('where output is no terminal, a line is printed every ten seconds, however often there is news', () => {
  const out = new PassThrough({ encoding: 'utf8' })
  let n = 0
  const display = { lines: () => ['never'], plain: () => `line ${++n}` }
  const live = showLiveDisplay(display, { out: out as unknown as Output, env: {} })
  for (let second = 0; second < 31; second += 1) {
    live.refresh()
    vi.advanceTimersByTime(1_000)
  }
  live.say(['news'])
  live.stop()
  vi.advanceTimersByTime(60_000)
  expect(out.read()).toBe('line 1\nline 2\nline 3\nnews\n')
})
