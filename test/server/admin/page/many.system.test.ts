import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PAGE_ROWS } from '../../../../src/server/admin/page/client/pager.ts'
import { TOKEN } from '../../../support/admin.ts'
import { enterToken, openTab, startBrowser, type Tab } from '../../../support/browser.ts'
import {
  adminRow,
  adminStatus,
  type ScriptedAdmin,
  startScriptedAdmin,
} from '../../../support/scripted-admin.ts'

const COUNT = 5_000
const RUNNING = 40
const TICKS = 40
const PAGES_PER_TICK = 10
/** On an old machine this is still a page that can be used. */
const MOST_MS = 100

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser?.close())

const name = (i: number) => `com.example.n${String(i).padStart(4, '0')}`
const rows = Array.from({ length: COUNT }, (_, i) =>
  i < RUNNING
    ? adminRow(name(i), { state: 'running', estimated_repos: 1_000_000 })
    : adminRow(name(i), { state: i % 50 === 0 ? 'failed' : 'pending', estimated_repos: COUNT - i }),
)

/** Counts what the page's main thread works, in milliseconds: however busy the machine is with other things. */
async function processorTime(page: Page): Promise<() => Promise<number>> {
  const devTools = await page.context().newCDPSession(page)
  await devTools.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => {
    const { metrics } = await devTools.send('Performance.getMetrics')
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN)
  }
}

/** In the page: the rows in which something has been drawn since, by their collections. */
function watchRows(): void {
  const touched = new Set<string>()
  Object.assign(globalThis, { touched })
  new MutationObserver((mutations) => {
    for (const { target } of mutations) {
      const row = target instanceof Element ? target.closest('tr') : target.parentElement?.closest('tr')
      const title = row?.querySelector<HTMLElement>('.nsid')?.title
      if (title !== undefined) touched.add(title)
    }
  }).observe(document, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
  })
}

/** A tab with the first page of them. */
async function openAll(admin: ScriptedAdmin, options: Parameters<typeof openTab>[1] = {}): Promise<Tab> {
  const tab = await openTab(browser, options)
  await tab.page.goto(admin.url)
  await enterToken(tab.page, TOKEN)
  await rowsOf(tab.page)
    .nth(PAGE_ROWS - 1)
    .waitFor({ state: 'attached' })
  return tab
}

const rowsOf = (page: Page) => page.locator('#table tbody tr')

describe('5,000 collections', () => {
  it('are drawn where pages come in and nowhere else, in little time, and every page is shown in the end', async () => {
    await using admin = await startScriptedAdmin(adminStatus(rows))
    await using tab = await openAll(admin)
    const { page } = tab
    await page.evaluate(watchRows)
    const busy = await processorTime(page)
    const atFirst = await busy()

    for (let tick = 0; tick < TICKS; tick += 1) {
      for (let n = 0; n < PAGES_PER_TICK; n += 1) {
        const i = (tick * PAGES_PER_TICK + n) % RUNNING
        const imported = (tick + 1) * 2_000
        const row = adminRow(name(i), { state: 'running', imported, estimated_repos: 1_000_000 })
        const { source: relay, collection } = row
        const event = { relay, collection, added: 2_000, invalid: 0, durationMs: 1, pages: tick, imported }
        admin.send('page', { ...event, completed: false, repos: 2_000, row })
      }
      await page.mouse.wheel(0, tick < 25 ? 150 : -150)
      await page.evaluate(() => new Promise(requestAnimationFrame))
    }
    const ms = ((await busy()) - atFirst) / TICKS
    console.log(`${PAGES_PER_TICK} pages, and a turn of the wheel: ${ms.toFixed(1)} ms of a processor`)
    expect(ms).toBeLessThan(MOST_MS)

    await page.evaluate(() => scrollTo(0, 0))
    const last = rowsOf(page).nth(RUNNING - 1)
    await last
      .filter({ hasText: name(RUNNING - 1).slice(12) })
      .filter({ hasText: /80,000/ })
      .waitFor()
    const touched = await page.evaluate(() => [
      ...(globalThis as unknown as { touched: Set<string> }).touched,
    ])
    expect(touched.toSorted()).toEqual(rows.slice(0, RUNNING).map(({ collection }) => collection))
    expect(tab.complaints).toEqual([])
  })

  it('are sorted, filtered and searched with the keyboard, and the URL holds the choice', async () => {
    await using admin = await startScriptedAdmin(adminStatus(rows))
    await using tab = await openAll(admin)
    const { page } = tab
    const first = rowsOf(page).first()

    await page.locator('thead').getByRole('button', { name: 'Collection' }).focus()
    await page.keyboard.press('Enter')
    const head = page.locator('thead').getByRole('columnheader', { name: 'Collection' })
    expect(await head.getAttribute('aria-sort')).toBe('ascending')
    await page.keyboard.press('Space')
    expect(await head.getAttribute('aria-sort')).toBe('descending')
    await first.filter({ hasText: 'n4999' }).waitFor()
    expect(await page.locator(':focus-visible').textContent()).toBe('Collection')

    await page.locator('.filters').getByRole('button', { name: 'Failed 99' }).focus()
    await page.keyboard.press('Enter')
    await first.filter({ hasText: 'n4950' }).waitFor()
    const pager = page.getByRole('navigation', { name: 'Pages of the table', exact: true })
    await pager.filter({ hasText: '1–50 of 99' }).waitFor()
    await pager.getByRole('button', { name: 'Last page' }).focus()
    await page.keyboard.press('Enter')
    await rowsOf(page).last().filter({ hasText: 'n0050' }).waitFor()
    expect(await rowsOf(page).count()).toBe(49)
    expect(new URL(page.url()).search).toBe('?state=failed&sort=-collection&page=2')

    await page.reload()
    await rowsOf(page).last().filter({ hasText: 'n0050' }).waitFor()
    expect(await head.getAttribute('aria-sort')).toBe('descending')
    await page.goBack()
    await first.filter({ hasText: 'n4950' }).waitFor()

    await page.keyboard.press('/')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('search')
    await page.keyboard.type('N01/')
    expect(await page.getByLabel('Search by name').inputValue()).toBe('N01/')
    await page.keyboard.press('Backspace')
    await first.filter({ hasText: 'n0150' }).waitFor()
    expect(await rowsOf(page).count()).toBe(2)
    expect(new URL(page.url()).search).toBe('?state=failed&search=N01&sort=-collection')
    await page.getByLabel('Search by name').fill('nothing of the kind')
    await page.getByText('No collection matches.').waitFor()
  })

  it.each<[string, { failed?: boolean }]>([
    ['running', {}],
    ['with failures', { failed: true }],
  ])(
    'are in sight without scrolling on a laptop, in pages of a sane height: %s',
    async (_, { failed = false }) => {
      const reason = 'answered 500 (DatabaseError): the words of a server may go on. '.repeat(5)
      const shown = rows.map((row) =>
        row.state === 'failed'
          ? { ...row, ...(failed ? { last_error: reason } : { state: 'pending' as const }) }
          : row,
      )
      await using admin = await startScriptedAdmin(adminStatus(shown))
      await using tab = await openAll(admin, { viewport: { width: 1280, height: 800 } })
      const bottom = (n: number) =>
        rowsOf(tab.page)
          .nth(n)
          .evaluate((row) => row.getBoundingClientRect().bottom)
      expect(await bottom(failed ? 4 : 9)).toBeLessThan(800)
      const height = await tab.page.evaluate(() => document.documentElement.scrollHeight)
      expect(height).toBeLessThan(4 * 800)
      expect(await tab.page.getByRole('button', { name: 'Log out' }).isVisible()).toBe(true)
    },
  )

  it('that failed are retried with the keyboard, and the focus stays where it was', async () => {
    await using admin = await startScriptedAdmin(adminStatus(rows))
    await using tab = await openAll(admin)
    const { page } = tab
    await page.locator('#failures').getByRole('button', { name: 'Show all 99 in the table' }).click()
    const retry = page.locator(`#table [aria-label="Retry ${name(50)}"]`)
    await retry.focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => admin.asked, { timeout: 10_000 }).toHaveLength(1)
    expect(admin.asked[0]).toBe(`POST /retry?source=${rows[0]?.source}&collection=${name(50)}`)
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
      `Retry ${name(50)}`,
    )

    await page.locator('.filters').getByRole('button', { name: 'All 5,000' }).click()
    await page.getByLabel('Search by name').fill(name(50))
    await retry.focus()
    const row = adminRow(name(50), { state: 'running', imported: 5 })
    const { source: relay, collection } = row
    admin.send('collectionStarted', { relay, collection, pages: 0, imported: 0, invalid: 0, row })
    await page.locator('#table tr:focus').filter({ hasText: 'Running' }).waitFor()
  })
})
