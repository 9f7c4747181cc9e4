import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AdminRow, AdminStatus } from '../../../../src/server/index.ts'
import { TOKEN } from '../../../support/admin.ts'
import { enterToken, openTab, startBrowser, type Tab } from '../../../support/browser.ts'
import {
  adminRow,
  adminStatus,
  type ScriptedAdmin,
  startScriptedAdmin,
  tickOf,
} from '../../../support/scripted-admin.ts'

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser?.close())

async function watch(admin: ScriptedAdmin, options: Parameters<typeof openTab>[1] = {}): Promise<Tab> {
  const tab = await openTab(browser, options)
  await tab.page.goto(admin.url)
  await enterToken(tab.page, TOKEN)
  await tab.page.getByText('Live', { exact: true }).waitFor()
  return tab
}

const failed = (collection: string, row: Partial<AdminRow> = {}) =>
  adminRow(collection, { state: 'failed', attempts: 5, last_error: 'answered 500 (DatabaseError)', ...row })

/** One of everything that the page can show. */
function everything(): AdminStatus {
  const rows = [
    adminRow('app.bsky.feed.like', {
      state: 'running',
      imported: 4_000,
      pages: 2,
      estimated_repos: 14_000_000,
    }),
    adminRow('app.bsky.feed.post', { state: 'running', imported: 2_000, pages: 1 }),
    failed('com.example.broken', { imported: 300, estimated_repos: 500 }),
    adminRow('com.example.late', { attempts: 1, not_before: '2026-08-01T10:00:00Z', last_error: 'slow' }),
    adminRow('com.example.done', { state: 'complete', imported: 9, completed_at: '2026-08-01T10:00:00Z' }),
  ]
  const now = Date.now()
  return adminStatus(rows, {
    pairs_per_second: 4_321,
    requests_per_second: 2.5,
    eta_ms: 3_600_000,
    expected_pairs: 14_000_000,
    waiting: {
      reason: 'relay',
      since: null,
      until: new Date(now + 40_000).toISOString(),
      message: 'answered 429',
      holders: [],
      collections: [],
    },
    failures: [
      {
        kind: 'store',
        collection: null,
        name: null,
        message: 'the database is starting up',
        at: new Date(now).toISOString(),
        times: 3,
        retry_at: new Date(now + 5_000).toISOString(),
      },
    ],
    history: Array.from({ length: 60 }, (_, i) => ({
      at: new Date(now - (60 - i) * 1000).toISOString(),
      span_ms: 1_000,
      pairs_per_second: 4_000 + 500 * Math.sin(i / 5),
      requests_per_second: 2,
    })),
  })
}

async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations, incomplete } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run(),
  )
  // What axe cannot decide by itself is looked at too, where it is about the contrast of text.
  const contrast = incomplete.filter(({ id }) => id === 'color-contrast')
  return [...violations, ...contrast].flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}

const looks = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [1280, 360].map((width) => ({ colorScheme, width })),
)

const opposite: typeof looks = [
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 360 },
]

async function look(page: Page, from: typeof looks = looks): Promise<void> {
  for (const { colorScheme, width } of from) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width, height: 900 })
    expect(await violationsOf(page), `${colorScheme}, ${width}`).toEqual([])
    // Nothing reaches beyond the edge, and nothing moves.
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
  }
}

describe('axe finds nothing, in light and dark, on a desk and on a phone,', () => {
  it('in the dialog of the token', async () => {
    await using admin = await startScriptedAdmin(everything())
    await using tab = await openTab(browser)
    await tab.page.goto(admin.url)
    await tab.page.getByRole('dialog').waitFor()
    await look(tab.page, opposite)
  })

  it('on a page with everything', async () => {
    await using admin = await startScriptedAdmin(everything())
    await using tab = await watch(admin)
    const { page } = tab
    await page.getByText('1 collection failed').waitFor()
    for (const summary of await page.locator('summary').all()) await summary.click()
    await page.locator('#log-list').getByText('the database is starting up').waitFor()
    await look(page)
    expect(tab.complaints).toEqual([])
  })

  it('on a page before the first run', async () => {
    await using admin = await startScriptedAdmin(
      adminStatus([], { running: false, started_at: null, relay: null }),
    )
    await using tab = await watch(admin)
    await tab.page.getByText('Start asks the sources of this server').waitFor()
    await look(tab.page, opposite)
  })
})

describe('names and messages from the network', () => {
  it('are text, never markup, wherever they stand', async () => {
    const hostile = '<img src=x onerror="document.title=`pwned`">\u202e.evil<script>alert(1)</script>'
    const status = everything()
    await using admin = await startScriptedAdmin({
      ...status,
      relay: hostile,
      collections: [failed(hostile, { last_error: hostile }), adminRow(hostile, { source: 'other' })],
      waiting: {
        reason: 'relay',
        since: null,
        until: new Date(Date.now() + 40_000).toISOString(),
        message: hostile,
        holders: [hostile],
        collections: [hostile],
      },
      failures: status.failures.map((failure) => ({ ...failure, message: hostile })),
    })
    await using tab = await watch(admin)
    const { page } = tab
    await page.getByText('1 collection failed').waitFor()
    await page.locator('#log summary').click()
    admin.send('collectionFailed', {
      relay: 'x',
      collection: hostile,
      attempts: 1,
      restart: false,
      row: failed(`${hostile}2`),
      failure: {
        kind: 'collection',
        collection: hostile,
        name: hostile,
        message: hostile,
        at: '',
        times: 1,
        retry_at: null,
      },
    })
    await page.getByText('2 collections failed').waitFor()
    await page.locator('#log-list li').nth(1).waitFor()

    const shown = hostile.replace('\u202e', '\ufffd')
    expect(await page.locator('#failure-list .reason').first().textContent()).toBe(shown)
    expect(await page.locator('#failure-list .nsid').first().textContent()).toBe(shown)
    expect(await page.locator('#table .nsid').first().textContent()).toContain(shown)
    expect(await page.locator('#relay-shown').textContent()).toBe(shown)
    expect(await page.locator('#waiting').textContent()).toContain(shown)
    expect(await page.locator('img, script:not([type=module]), iframe').count()).toBe(0)
    expect(await page.title()).toMatch(/ · Collection backfill$/)
    await page.getByRole('button', { name: 'Retry <img' }).first().click()
    await expect
      .poll(() => admin.asked)
      .toEqual([`POST /retry?${new URLSearchParams({ source: failed('').source, collection: hostile })}`])
    expect(tab.complaints).toEqual([])
  })

  it('could not become markup even if the page tried', async () => {
    await using admin = await startScriptedAdmin(everything())
    await using tab = await watch(admin)
    const attempts = await tab.page.evaluate(async () => {
      const tried = (run: () => unknown) => {
        try {
          run()
          return 'done'
        } catch (error) {
          return (error as Error).name
        }
      }
      const elsewhere = fetch('http://127.0.0.1:9/').then(
        () => 'done',
        () => 'blocked',
      )
      return [tried(() => Object.assign(document.body, { innerHTML: '<b>x</b>' })), await elsewhere]
    })
    expect(attempts).toEqual(['TypeError', 'blocked'])
    expect(tab.complaints.join()).toMatch(/TrustedHTML/)
    expect(tab.complaints.join()).toMatch(/connect-src 'self'/)
  })
})

describe('when the server is gone', () => {
  it('the page says so, tries again after growing pauses, and goes on after the last event', async () => {
    await using admin = await startScriptedAdmin(everything())
    await using tab = await watch(admin)
    const { page } = tab
    const banner = page.locator('#disconnected')
    admin.send('totals', tickOf(adminStatus(admin.status.collections, { pairs_per_second: 7_777 })))
    await page.getByText('7,777', { exact: true }).waitFor()

    const refusal = Promise.withResolvers<void>()
    admin.isDown = true
    admin.held = refusal.promise
    admin.hangUp()
    await banner
      .filter({ hasText: /Disconnected\. The server has ended the connection\. Trying again/ })
      .waitFor()
    refusal.resolve()
    await banner.filter({ hasText: 'The server answered with status 502.' }).waitFor()
    expect(await page.locator('#connection').textContent()).toMatch(/Disconnected|Connecting/)
    // What was known stays to be read, and is said to be old.
    expect(await page.getByText('7,777', { exact: true }).isVisible()).toBe(true)
    expect(await page.locator('#state').textContent()).toBe('Last seen: Running')
    await page.getByText(/^As of .*, when the connection was lost\.$/).waitFor()
    expect(await page.locator('.rate-note').allTextContents()).toEqual(['when last seen', 'when last seen'])
    await look(page, opposite)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('alert').filter({ hasText: 'There is no connection' }).waitFor()
    expect(admin.asked).toEqual([])

    // The button is there until the page is connected again, which it also tries by itself.
    const stream = Promise.withResolvers<void>()
    admin.held = stream.promise
    admin.isDown = false
    await page.getByRole('button', { name: 'Try now', exact: true }).click()
    stream.resolve()
    await page.getByText('Live', { exact: true }).waitFor()
    await banner.waitFor({ state: 'hidden' })
    expect(admin.resumed).toEqual([undefined, '2'])
    admin.send('page', {
      relay: 'x',
      collection: 'com.example.late',
      added: 1,
      invalid: 0,
      durationMs: 1,
      pages: 1,
      imported: 123_456,
      completed: false,
      repos: 1,
      row: adminRow('com.example.late', { state: 'running', imported: 123_456 }),
    })
    await page.getByText('123,456', { exact: true }).waitFor()
    await page.locator('#announcements').filter({ hasText: 'Connected again.' }).waitFor()
  })
})
