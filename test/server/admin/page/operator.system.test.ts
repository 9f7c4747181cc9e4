import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RelayScript, startRelay } from '../../../../src/testing/index.ts'
import { startAdmin, type TestAdmin, TOKEN } from '../../../support/admin.ts'
import { enterToken, openTab, startBrowser, type Tab } from '../../../support/browser.ts'
import { BIG, startParkedRelay } from '../../../support/parked-relay.ts'

const PROFILE = 'app.bsky.actor.profile'
const BROKEN = 'com.example.broken'

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser?.close())

/** The page of this server, with the token given. */
async function watch(admin: TestAdmin): Promise<Tab> {
  const tab = await openTab(browser)
  await tab.page.goto(admin.url)
  await enterToken(tab.page, TOKEN)
  await tab.page.getByText('Live', { exact: true }).waitFor()
  return tab
}

const rowOf = (page: Page, collection: string) =>
  page.getByRole('row').filter({ has: page.locator(`[title="${collection}"]`) })

const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor()

describe('an operator, in Chromium, with a real backfill', () => {
  it('starts it, watches it move, retries what failed, and sees the end', async () => {
    let isBroken = true
    const script: RelayScript = ({ collection }) =>
      collection === BROKEN && isBroken
        ? { status: 400, body: { error: 'BadRequest', message: 'the shard is <b>away</b>' } }
        : undefined
    await using parked = await startParkedRelay(3, { collections: { [BROKEN]: 40 }, script })
    const { url } = parked.relay
    await using admin = await startAdmin({ collections: [PROFILE, BIG, BROKEN], allowedRelays: [url] })
    await using tab = await watch(admin)
    const { page } = tab
    await shows(page, 'Start asks the sources of this server')

    // There is one relay, so that there is nothing to choose.
    expect(await page.locator('#relay-shown').textContent()).toBe(url)
    expect(await page.locator('#start-form :is(input, select):visible').count()).toBe(0)
    await page.getByRole('button', { name: 'Start' }).click()
    await page.getByRole('button', { name: 'Stop' }).waitFor()
    await shows(page, 'Running')
    await rowOf(page, PROFILE)
      .filter({ hasText: /Complete.*100%.*150/ })
      .waitFor()
    await rowOf(page, BIG)
      .filter({ hasText: /Running 3 pages.*300/ })
      .waitFor()

    const failures = page.getByRole('region', { name: '1 collection failed' })
    await failures.getByText('the shard is <b>away</b>').waitFor()
    expect(await rowOf(page, BROKEN).textContent()).toContain('Failed')
    expect(await page.locator('#announcements').textContent()).toMatch(/failed|Running/)

    isBroken = false
    await failures.getByRole('button', { name: `Retry ${BROKEN}` }).click()
    await rowOf(page, BROKEN)
      .filter({ hasText: /Complete.*40/ })
      .waitFor()
    await failures.waitFor({ state: 'hidden' })

    parked.letGo()
    await page.locator('#state').filter({ hasText: 'Complete' }).waitFor()
    expect(await page.locator('#percent').textContent()).toBe('100%')
    await shows(page, '3 of 3 collections complete')
    await expect.poll(() => page.title()).toBe('Complete · Collection backfill')
    await page.getByRole('button', { name: 'Start' }).waitFor()
    expect(tab.complaints).toEqual([])
  })

  it('stops it, and starts it again where it was', async () => {
    await using parked = await startParkedRelay(3)
    await using admin = await startAdmin({
      collections: [PROFILE, BIG],
      allowedRelays: [parked.relay.url],
    })
    await using tab = await watch(admin)
    const { page } = tab
    await page.getByRole('button', { name: 'Start' }).click()
    await rowOf(page, BIG).filter({ hasText: '300' }).waitFor()

    await page.getByRole('button', { name: 'Stop' }).click()
    await page.locator('#state').filter({ hasText: 'Stopped' }).waitFor()
    await rowOf(page, BIG).filter({ hasText: 'goes on after 3 pages' }).waitFor()
    expect((await admin.status()).outcome).toBe('stopped')
    // The button that was pressed is gone, and the keyboard is at what comes next.
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('start')

    parked.letGo()
    await page.keyboard.press('Enter')
    await page.locator('#state').filter({ hasText: 'Complete' }).waitFor()
    await rowOf(page, BIG).filter({ hasText: '1,000' }).waitFor()
    // To begin, before it went on, and before the end.
    expect(parked.relay.requestsOf(BIG).filter(({ offset }) => offset === 0)).toHaveLength(3)
    expect(tab.complaints).toEqual([])
  })

  it('registers a collection that no source named, cancels one that is read, and gets it back', async () => {
    const later = 'com.example.later'
    await using parked = await startParkedRelay(3, { collections: { [later]: 40 } })
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedRelays: [parked.relay.url] })
    await using tab = await watch(admin)
    const { page } = tab
    await page.getByRole('button', { name: 'Start' }).click()
    await rowOf(page, BIG).filter({ hasText: '300' }).waitFor()

    await page.getByPlaceholder('Search by name').fill(later)
    await page.getByRole('button', { name: `Register ${later}` }).click()
    await rowOf(page, later)
      .filter({ hasText: /Complete.*40/ })
      .waitFor()
    await page.getByPlaceholder('Search by name').fill('')

    await rowOf(page, BIG)
      .getByRole('button', { name: `Cancel ${BIG}` })
      .click()
    await rowOf(page, BIG)
      .filter({ hasText: /Failed.*it was cancelled/ })
      .waitFor()
    parked.letGo()
    await page.locator('#state').filter({ hasText: 'Incomplete' }).waitFor()
    await rowOf(page, BIG).getByRole('button', { name: 'Retry' }).click()
    await rowOf(page, BIG)
      .filter({ hasText: /Complete.*1,000/ })
      .waitFor()
    expect(tab.complaints).toEqual([])
  })

  it("is told in the server's words why it does not start", async () => {
    await using admin = await startAdmin({})
    await using tab = await watch(admin)
    const { page } = tab
    await page.getByLabel('Relay', { exact: true }).fill('10.0.0.1')
    await page.getByRole('button', { name: 'Start' }).click()
    await page.getByRole('alert').filter({ hasText: 'source must be a public host name' }).waitFor()
    expect((await admin.status()).started_at).toBeNull()
  })

  it('is told once of a start that failed, and chooses among several relays', async () => {
    await using relay = await startRelay({ collections: {}, script: () => ({ status: 404 }) })
    await using admin = await startAdmin({ allowedRelays: ['relay.example.org', relay.url] })
    await using tab = await watch(admin)
    const { page } = tab
    await page.getByRole('combobox', { name: 'Relay' }).selectOption(relay.url)
    await page.getByRole('button', { name: 'Start' }).click()
    await page.locator('#run-error').filter({ hasText: 'answered 404' }).waitFor()
    await page.locator('#start:not([aria-busy=true])').waitFor()
    expect(await page.getByText('answered 404').count()).toBe(1)
    expect(await page.getByRole('combobox', { name: 'Relay' }).inputValue()).toBe(relay.url)
  })

  it('sees a retry of something that failed in an earlier process begin a run', async () => {
    await using parked = await startParkedRelay(100)
    const { url } = parked.relay
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN], allowedRelays: [url] })
    await admin.progress.register(url, [{ nsid: PROFILE }])
    const claim = await admin.progress.claim({ relay: url, owner: 'earlier', leaseMs: 1_000 })
    if (claim === undefined) throw new Error('Nothing to claim.')
    await admin.progress.release(claim, { kind: 'failed', error: 'gone away' })
    await using tab = await watch(admin)
    const { page } = tab
    await rowOf(page, PROFILE).getByRole('button', { name: 'Retry' }).click()
    await rowOf(page, PROFILE)
      .filter({ hasText: /Complete.*150/ })
      .waitFor()
  })
})

describe('the token', () => {
  it('is asked for again when it is wrong, and kept for the tab alone', async () => {
    await using admin = await startAdmin({ allowedRelays: ['relay.example.org'] })
    await admin.progress.register('relay.example.org', [{ nsid: PROFILE }])
    await using tab = await openTab(browser)
    const { page } = tab
    await page.goto(admin.url)
    await enterToken(page, 'a-wrong-token-of-some-length')
    await page.getByRole('alert').filter({ hasText: 'The token was refused.' }).waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
    await enterToken(page, 'not a token: ü')
    await page.getByRole('alert').filter({ hasText: 'This cannot be a token' }).waitFor()

    await enterToken(page, TOKEN)
    await shows(page, 'Live')
    expect(await page.getByRole('dialog').isVisible()).toBe(false)
    expect(await page.evaluate(() => Object.values(sessionStorage))).toEqual([TOKEN])
    expect(await page.evaluate(() => [localStorage.length, document.cookie])).toEqual([0, ''])
    expect(page.url()).toBe(admin.url)

    await page.reload()
    await shows(page, 'Live')
    const other = await page.context().newPage()
    await other.goto(admin.url)
    await other.getByRole('dialog', { name: 'Token' }).waitFor()

    await rowOf(page, PROFILE).waitFor()
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('dialog', { name: 'Token' }).waitFor()
    expect(await page.locator('#table tbody tr').count()).toBe(0)
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
    expect(tab.complaints).toEqual([])
  })
})
