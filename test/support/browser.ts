import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** Where Debian has it; CHROMIUM names another one. */
const EXECUTABLE: string = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** A real Chromium. */
export async function startBrowser(): Promise<Browser> {
  if (!existsSync(EXECUTABLE)) {
    throw new Error(
      `There is no Chromium at ${EXECUTABLE}: install it (apt-get install chromium), or name it in CHROMIUM.`,
    )
  }
  // As root, which is who runs in a container, Chromium's sandbox refuses to start.
  return chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] })
}

/** A tab with cookies and storage of its own, and what it complained of. */
export interface Tab extends AsyncDisposable {
  readonly page: Page
  /** Errors of the script, and what the console says of errors and of the content security policy. */
  readonly complaints: readonly string[]
}

export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // Chromium writes a line for every answer of 400 and more, also where the page deals with it.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text())
    }
  })
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() }
}

/** Gives the page the token that it asks for. */
export async function enterToken(page: Page, token: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Token' }).fill(token)
  await page.getByRole('button', { name: 'Continue' }).click()
}
