import { describe, expect, it } from 'vitest'
import type { CrawlFigures } from '../../../src/cli/crawl-view.ts'
import { crawlDisplay, crawlLine } from '../../../src/cli/output/crawl-text.ts'

const figures: CrawlFigures = {
  status: {
    total: 3,
    complete: 1,
    running: 2,
    pending: 0,
    failed: 0,
    leftOut: 0,
    repos: 500,
    failedRepos: 0,
  },
  active: [{ host: 'pds.example', repos: 200, accounts: 400 }],
  setAside: 0,
  accounts: 1_000,
  pairs: 4_000,
  added: 3_000,
  failedRepos: 0,
  requestsPerSecond: 16,
  timeLeftMs: 125_000,
}
const screen = { columns: 100, rows: 20, color: false }

describe('the time left of a crawl', () => {
  it('is told once in the display and in the line', () => {
    for (const text of [crawlDisplay(figures, screen).join('\n'), crawlLine(figures)])
      expect(text.match(/about 2m 5s left/g)).toHaveLength(1)
  })

  it('is not told where it is not known', () => {
    const unknown = { ...figures, timeLeftMs: undefined }
    for (const text of [crawlDisplay(unknown, screen).join('\n'), crawlLine(unknown)])
      expect(text).not.toContain('left')
  })
})
