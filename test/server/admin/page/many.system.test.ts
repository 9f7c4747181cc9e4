import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TOKEN } from '../../../support/admin.ts'
import { enterToken, openTab, startBrowser } from '../../../support/browser.ts'
import { adminRow, adminStatus, startScriptedAdmin } from '../../../support/scripted-admin.ts'

const COUNT = 5_000
const WALKED = 40
const PAGES_PER_SECOND = 200
const SECONDS = 2
/** The machine that the tests run on has other work too: this would still be a page that somebody can use. */
const LONGEST_TASK_MS = 1_000

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser?.close())

const name = (i: number) => `com.example.n${String(i).padStart(4, '0')}`
const rows = Array.from({ length: COUNT }, (_, i) =>
  i < WALKED
    ? adminRow(name(i), { state: 'running', estimated_repos: 1_000_000 })
    : adminRow(name(i), { state: i % 50 === 0 ? 'failed' : 'pending', estimated_repos: COUNT - i }),
)

describe('5,000 collections', () => {
  it(`stay smooth while ${PAGES_PER_SECOND} pages a second come in, and every page is shown in the end`, async () => {
    await using admin = await startScriptedAdmin(adminStatus(rows))
    await using tab = await openTab(browser)
    const { page } = tab
    await page.addInitScript(() => {
      const tasks: number[] = []
      Object.assign(globalThis, { tasks })
      new PerformanceObserver((list) =>
        tasks.push(...list.getEntries().map(({ duration }) => duration)),
      ).observe({ type: 'longtask' })
    })
    await page.goto(admin.url)
    await enterToken(page, TOKEN)
    await page.getByText('0 of 5,000 collections complete').waitFor()
    const tasks = () => page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks)
    const atFirst = await tasks()

    for (let tick = 0; tick < SECONDS * 20; tick += 1) {
      for (let n = 0; n < PAGES_PER_SECOND / 20; n += 1) {
        const i = (tick * (PAGES_PER_SECOND / 20) + n) % WALKED
        const imported = (tick + 1) * 2_000
        const row = adminRow(name(i), { state: 'running', imported, estimated_repos: 1_000_000 })
        const { source: relay, collection } = row
        const event = { relay, collection, added: 2_000, invalid: 0, pages: tick, imported }
        admin.send('page', { ...event, completed: false, repos: 2_000, row })
      }
      await page.mouse.wheel(0, tick < 25 ? 150 : -150)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const during = (await tasks()).slice(atFirst.length)
    const most = (durations: number[]) =>
      `${durations.length}, the longest ${Math.round(Math.max(0, ...durations))} ms`
    console.log(`tasks over 50 ms: at first ${most(atFirst)}; in ${SECONDS} s of pages ${most(during)}`)
    expect(Math.max(0, ...during)).toBeLessThan(LONGEST_TASK_MS)
    expect(await page.locator('#rows tr').count()).toBeLessThan(60)

    await page.evaluate(() => scrollTo(0, 0))
    const last = page.getByRole('row').filter({ hasText: name(WALKED - 1).slice(12) })
    await page.getByLabel('Search by name').fill(name(WALKED - 1))
    await last.filter({ hasText: /80,000/ }).waitFor()
    expect(tab.complaints).toEqual([])
  })

  it('are sorted, filtered and searched with the keyboard, and told to a screen reader by number', async () => {
    await using admin = await startScriptedAdmin(adminStatus(rows))
    await using tab = await openTab(browser)
    const { page } = tab
    await page.goto(admin.url)
    await enterToken(page, TOKEN)
    await page.getByText('0 of 5,000 collections complete').waitFor()
    const table = page.getByRole('table', { name: 'Collections' })
    const first = table.getByRole('row').nth(1)
    expect(await table.getAttribute('aria-rowcount')).toBe('5001')
    expect(await first.getAttribute('aria-rowindex')).toBe('2')

    await page.getByRole('button', { name: 'Collection', exact: true }).focus()
    await page.keyboard.press('Enter')
    const head = page.getByRole('columnheader', { name: 'Collection' })
    expect(await head.getAttribute('aria-sort')).toBe('ascending')
    await page.keyboard.press('Space')
    expect(await head.getAttribute('aria-sort')).toBe('descending')
    await first.filter({ hasText: 'n4999' }).waitFor()
    expect(await page.locator(':focus-visible').textContent()).toBe('Collection')

    await page.getByRole('button', { name: 'Failed 99' }).focus()
    await page.keyboard.press('Enter')
    await first.filter({ hasText: 'n4950' }).waitFor()
    expect(await table.getAttribute('aria-rowcount')).toBe('100')

    await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
    await table.getByRole('row').filter({ hasText: 'n0050' }).waitFor()
    expect(await table.getByRole('row').last().getAttribute('aria-rowindex')).toBe('100')

    await page.getByLabel('Search by name').fill('N01')
    await expect.poll(() => table.getAttribute('aria-rowcount')).toBe('3')
    await page.getByLabel('Search by name').fill('nothing of the kind')
    await page.getByText('No collection matches.').waitFor()
  })

  it('that failed are retried with the keyboard, and the focus stays where it was', async () => {
    await using admin = await startScriptedAdmin(adminStatus(rows))
    await using tab = await openTab(browser)
    const { page } = tab
    await page.goto(admin.url)
    await enterToken(page, TOKEN)
    await page.getByRole('button', { name: 'Show all 99 in the table' }).click()
    const retry = page.locator('#rows').getByRole('button', { name: `Retry ${name(50)}` })
    await retry.focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => admin.asked).toHaveLength(1)
    expect(admin.asked[0]).toBe(`POST /retry?source=${rows[0]?.source}&collection=${name(50)}`)
    // Far away, and back: the row with the focus is never taken away.
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
    await page.locator('#rows').getByText('n4950').waitFor()
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
      `Retry ${name(50)}`,
    )

    await page.getByRole('button', { name: 'All 5,000' }).click()
    await page.getByLabel('Search by name').fill(name(50))
    await retry.focus()
    const row = adminRow(name(50), { state: 'running', imported: 5 })
    const { source: relay, collection } = row
    admin.send('collectionStarted', { relay, collection, pages: 0, imported: 0, row })
    await page.locator('#rows tr:focus').filter({ hasText: 'Walking' }).waitFor()
  })
})
