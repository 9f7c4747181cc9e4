import assert from 'node:assert/strict'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { build } from 'vite'
import { startRelay } from '../../src/testing/index.ts'
import { startBrowser } from '../support/browser.ts'
import type { PageOutcome } from './page.ts'

const SIZES = { 'app.bsky.actor.profile': 4_500, 'app.bsky.feed.like': 2_000, 'com.example.small': 1 }

/**
 * Fills an index in a page of Chromium, from a relay over HTTP, with the package's root as a site would bundle it.
 *
 * @param project where the package is installed
 * @returns the version of the browser
 */
export async function proveInChromium(project: string): Promise<string> {
  const script = await bundle(project)
  // A stand-in for a module of Node would mean that the root needs one.
  assert.doesNotMatch(script, /__vite-browser-external|node:/)
  await using relay = await startRelay({ collections: SIZES })
  const browser = await startBrowser()
  try {
    const outcome = await backfillIn(browser, relay.url, script)
    assert.deepEqual(outcome, { indexed: SIZES, aborted: 'Error: enough', stillClaimed: 0 })
    return browser.version()
  } finally {
    await browser.close()
  }
}

async function bundle(project: string): Promise<string> {
  const entry = join(project, 'page.ts')
  await copyFile(fileURLToPath(new URL('page.ts', import.meta.url)), entry)
  const output = await build({
    root: project,
    configFile: false,
    logLevel: 'error',
    build: { write: false, minify: false, lib: { entry, formats: ['es'] } },
  })
  const [result] = Array.isArray(output) ? output : []
  assert.ok(result && result.output.length === 1, 'one file, nothing left to load')
  return result.output[0].code
}

/** On the relay's own origin, since not every relay lets pages of others ask. */
async function backfillIn(browser: Browser, origin: string, script: string): Promise<PageOutcome> {
  const page = await browser.newPage()
  await page.route(`${origin}/page`, (route) => route.fulfill({ contentType: 'text/html', body: '<title>' }))
  await page.route(`${origin}/page.js`, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: script }),
  )
  await page.goto(`${origin}/page`)
  return await page.evaluate(async () => {
    const { backfill } = await import(`${location.origin}/page.js`)
    return backfill(location.origin)
  })
}
