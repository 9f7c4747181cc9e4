import { describe, expect, it, vi } from 'vitest'
import { InvalidOptionError } from '../../../src/index.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { type AdminHandlerOptions, adminHandler } from '../../../src/server/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { backfillerOf, PROFILE, startAdmin, TOKEN } from '../../support/admin.ts'

describe('options', () => {
  const good: AdminHandlerOptions = { token: TOKEN, backfill: vi.fn(), progress: memoryProgressStore() }

  it.each([
    ['token', { token: undefined }],
    ['token', { token: '' }],
    ['token', { token: 'fifteen-letters' }],
    ['token', { token: 'with spaces that no header can hold' }],
    ['token', { token: 'mit-Umlauten-äöüäöüäöü' }],
    ['backfill', { backfill: undefined }],
    ['progress', { progress: undefined }],
    ['allowedRelays', { allowedRelays: [] }],
    ['allowedRelays', { allowedRelays: ['https://relay.example.com/path'] }],
    ['path', { path: 'admin' }],
    ['path', { path: '/admin/' }],
  ])('%s is refused with a message that names it: %j', (option, bad) => {
    const make = () => adminHandler({ ...good, ...bad } as AdminHandlerOptions)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(option)
  })

  it('a token that is too short is not told to anybody who reads the message', () => {
    expect(() => adminHandler({ ...good, token: 'secret-secret' })).toThrow(/not "\(hidden\)"/)
  })

  it('a listener may stand beside one of the caller', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const completed = vi.fn()
    const progress = memoryProgressStore()
    await using admin = await startAdmin({
      progress,
      allowedRelays: [relay.url],
      backfill: ({ relay: source, onEvent }) =>
        backfillerOf(source, progress, [PROFILE], {
          onEvent(event) {
            onEvent(event)
            if (event.type === 'page' && event.completed) completed()
          },
        }),
    })
    await admin.ask('POST')
    await admin.until(({ running }) => !running)
    expect(completed).toHaveBeenCalledTimes(1)
  })
})
