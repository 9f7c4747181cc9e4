import { HTML, SCRIPT_HASH, STYLE_HASH } from './page-bundle.js'

/** A page that stands alone, and what it is to be served with. */
export interface StatusPage {
  readonly html: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Nothing but what is in the page itself: its style, its script and its icon, known by their hashes, and requests to
 * the server that it came from. `trusted-types 'none'` has the browser refuse every way by which text could become
 * markup.
 */
const POLICY = [
  "default-src 'none'",
  `script-src '${SCRIPT_HASH}'`,
  `style-src '${STYLE_HASH}'`,
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/**
 * The status page for browsers. It holds no data and may be given to anybody: it asks for the token and fetches
 * everything with it, below the path that it was served from.
 */
export function statusPage(): StatusPage {
  return {
    html: HTML,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cache-control': 'no-store',
    },
  }
}

/**
 * The answer to a browser. The same URL answers other clients with something else.
 *
 * @param isWatchOnly whether it asks for no token and has no buttons that change anything
 */
export function pageAnswer({ isWatchOnly }: { isWatchOnly: boolean }): Response {
  const page = statusPage()
  const { headers } = page
  const html = isWatchOnly ? page.html.replace('<body>', '<body data-watch-only>') : page.html
  return new Response(html, { headers: { ...headers, vary: 'accept' } })
}
