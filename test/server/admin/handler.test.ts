import { describe, expect, it, vi } from 'vitest'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { adminHandler } from '../../../src/server/index.ts'
import { PATH, startAdmin, TOKEN } from '../../support/admin.ts'

describe('every answer', () => {
  it('is for a path and a method that it knows, with OPTIONS for those who ask', async () => {
    await using admin = await startAdmin({})
    expect((await admin.ask('PUT')).headers.get('allow')).toBe('GET, POST, DELETE, HEAD, OPTIONS')
    expect((await admin.ask('PUT')).status).toBe(405)
    expect((await admin.ask('POST', '/events')).headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    expect((await admin.ask('GET', '/retry')).status).toBe(405)
    for (const path of ['/other', '/events/x', 'x']) expect((await admin.ask('GET', path)).status).toBe(404)
    expect((await admin.ask('GET', '/')).status).toBe(200)
    const options = await fetch(admin.url, { method: 'OPTIONS' })
    expect(options.status).toBe(204)
    expect(options.headers.get('allow')).toBe('GET, POST, DELETE, HEAD, OPTIONS')
    const head = await admin.ask('HEAD')
    expect(head).toMatchObject({ status: 200, body: undefined })
    expect((await admin.ask('HEAD', '/events')).headers.get('content-type')).toBe(
      'text/event-stream; charset=utf-8',
    )
  })

  it('is kept by nobody, and readable for no foreign page', async () => {
    await using admin = await startAdmin({})
    const { headers } = await admin.ask('GET', '', { origin: 'https://evil.example' })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.has('access-control-allow-origin')).toBe(false)
  })

  it('comes below the path that was chosen', async () => {
    const handler = adminHandler({
      token: TOKEN,
      backfill: vi.fn(),
      progress: memoryProgressStore(),
      path: '/internal/backfill',
    })
    const ask = (path: string) =>
      handler(new Request(`http://admin.example${path}`, { headers: { authorization: `bearer ${TOKEN}` } }))
    expect((await ask('/internal/backfill')).status).toBe(200)
    expect((await ask(PATH)).status).toBe(404)
  })
})
