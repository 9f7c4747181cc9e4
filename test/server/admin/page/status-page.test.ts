import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { prefersHtml } from '../../../../src/server/admin/page/prefers-html.ts'
import { statusPage } from '../../../../src/server/admin/page/status-page.ts'
import { startAdmin, TOKEN } from '../../../support/admin.ts'

const CHROMIUM =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7'

describe('the status page', () => {
  it('stands alone: one style, one script, nothing that is fetched from anywhere', () => {
    const { html } = statusPage()
    expect(html.match(/<(?:style|script)\b[^>]*>/g)).toEqual(['<style>', '<script type="module">'])
    expect(html).not.toMatch(/<(?:img|iframe|object|embed|base|meta http-equiv)\b/)
    expect(html.match(/<link\b[^>]*href="[^"]{0,10}/g)).toEqual(['<link rel="icon" href="data:image'])
    // The namespace of drawings is a name, and nothing is at it.
    const addresses = html.match(/https?:\/\/[^\s'"`]+/g) ?? []
    expect(new Set(addresses)).toEqual(new Set(['http://www.w3.org/2000/svg']))
    expect(html).not.toMatch(/\bon[a-z]+=|style="/)
  })

  it('has a policy that allows exactly its own style and script, by their hashes', () => {
    const { html, headers } = statusPage()
    const hashOf = (tag: string) => {
      const text = new RegExp(`<${tag}\\b[^>]*>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? ''
      return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
    }
    const policy = (headers['content-security-policy'] ?? '').split('; ')
    expect(policy).toEqual([
      "default-src 'none'",
      `script-src ${hashOf('script')}`,
      `style-src ${hashOf('style')}`,
      'img-src data:',
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ])
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
  })
})

describe('GET /admin/backfill-collections', () => {
  it.each([
    ['a browser', CHROMIUM, true],
    ['a browser that rather has HTML than JSON', 'application/json;q=0.5, TEXT/HTML', true],
    ['curl', '*/*', false],
    ['a script', 'application/json', false],
    ['a script that takes HTML too', 'application/json, text/html;q=0.9', false],
    ['one that takes both alike', 'text/html, application/json', false],
    ['one that refuses HTML', 'text/html;q=0', false],
  ])('is asked for the page by %s: %s', (_, accept, page) => {
    expect(prefersHtml(new Request('http://localhost/', { headers: { accept } }))).toBe(page)
  })

  it('is the page for a browser, without a token and with nothing in it, and JSON for everybody else', async () => {
    await using admin = await startAdmin({ token: TOKEN })
    const page = await fetch(admin.url, { headers: { accept: CHROMIUM } })
    expect(page.status).toBe(200)
    expect(Object.fromEntries(page.headers)).toMatchObject({ ...statusPage().headers, vary: 'accept' })
    expect(await page.text()).toBe(statusPage().html)

    const head = await fetch(admin.url, { method: 'HEAD', headers: { accept: CHROMIUM } })
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect((await fetch(admin.url)).status).toBe(401)
    expect((await fetch(admin.url, { method: 'POST', headers: { accept: CHROMIUM } })).status).toBe(401)
    expect((await fetch(`${admin.url}/events`, { headers: { accept: CHROMIUM } })).status).toBe(401)
    const { status, headers } = await admin.ask('GET')
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json'])
  })
})
