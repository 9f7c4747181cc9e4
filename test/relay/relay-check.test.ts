import { describe, expect, it } from 'vitest'
import { InvalidOptionError, memoryStore, RelayUnsuitableError } from '../../src/index.ts'
import { type RelayListerOptions, relayLister } from '../../src/relay/relay-lister.ts'
import { createBackfiller } from '../../src/run/backfiller.ts'
import { type RelayScript, startRelay } from '../../src/testing/index.ts'

const PROFILE = 'app.bsky.actor.profile'
const OWN = 'com.example.own'

const collectionsOf = (requests: readonly { collection: string | undefined }[]) =>
  requests.map(({ collection }) => collection)

describe('the check of a relay on a network of its own', () => {
  it.each<[string, RelayScript | undefined]>([
    ['lists nothing for', undefined],
    ['refuses', ({ collection }) => (collection === PROFILE ? { status: 400 } : undefined)],
  ])('takes a collection that the run was given by name where it %s the usual one', async (_, script) => {
    await using relay = await startRelay({ collections: { [OWN]: 3, [PROFILE]: 0 }, script })
    const collections = ['com.example.none', OWN]
    const summary = await createBackfiller({
      relay: relayLister(relay.url, { pageSize: 500 }),
      store: memoryStore(),
      collections,
    }).run()
    expect(summary).toMatchObject({ completed: 2, imported: 3 })
    expect(collectionsOf(relay.requests).slice(0, 3)).toEqual([PROFILE, ...collections])
  })

  it('asks for no more than five of them', async () => {
    await using relay = await startRelay({ collections: { [OWN]: 3 } })
    const collections = Array.from({ length: 9 }, (_, i) => `com.example.none${i}`)
    const check = relayLister(relay.url).check?.({ collections: [PROFILE, ...collections] })
    await expect(check).rejects.toMatchObject({
      reason: 'empty',
      message: expect.stringContaining('--check-collection'),
    })
    expect(collectionsOf(relay.requests)).toEqual([PROFILE, ...collections.slice(0, 5)])
  })

  it('takes the collection that was set and no other, its authority in small letters', async () => {
    await using relay = await startRelay({ collections: { [OWN]: 3, 'com.example.none': 0 } })
    await relayLister(relay.url, { checkCollection: 'COM.example.own' }).check?.()
    const wrong = relayLister(relay.url, { checkCollection: 'com.example.none' })
    await expect(wrong.check?.({ collections: [OWN] })).rejects.toBeInstanceOf(RelayUnsuitableError)
    expect(collectionsOf(relay.requests)).toEqual([OWN, 'com.example.none'])
  })

  it('is left out with false, and refuses what is neither', async () => {
    expect(relayLister('relay.example', { checkCollection: false }).check).toBeUndefined()
    for (const checkCollection of ['nope', '', true] as (string | false)[])
      expect(() => relayLister('relay.example', { checkCollection })).toThrow(InvalidOptionError)
  })
})

describe('a relay that refuses large pages', () => {
  const refusing = (most: number): RelayScript => {
    const body = { error: 'InvalidRequest', message: `too many, at most ${most}` }
    return ({ limit }) => (limit > most ? { status: 400, body } : undefined)
  }
  const check = async (most: number, options: RelayListerOptions) => {
    await using relay = await startRelay({ collections: { [PROFILE]: 3 }, script: refusing(most) })
    const error: unknown = await relayLister(relay.url, options)
      .check?.()
      .catch((reason: unknown) => reason)
    return { error, limits: relay.requests.map(({ limit }) => limit) }
  }

  it.each([
    [1_999, 2_000, 1_000],
    [1_000, 2_000, 1_000],
    [500, 10_000, 500],
    [150, 500, 100],
  ])('of more than %i says which it takes when it is asked for %i', async (most, pageSize, right) => {
    const { error } = await check(most, { pageSize })
    expect(error).toBeInstanceOf(RelayUnsuitableError)
    expect(error).toMatchObject({
      reason: 'page-size',
      status: 400,
      message: expect.stringContaining(`use --page-size ${right}.`),
    })
    expect(String(error)).toContain(`too many, at most ${most}`)
  })

  it('and small ones too does not serve the method', async () => {
    const { error, limits } = await check(50, {})
    expect(error).toMatchObject({ reason: 'no-method', status: 400 })
    expect(limits).toEqual([2_000, 1_000, 500, 100])
  })

  it('says so with every page where there was no check', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 3 },
      script: () => ({
        status: 400,
        body: { error: 'InvalidRequest', message: 'limit must be at most 1000' },
      }),
    })
    await expect(relayLister(relay.url).listRepos({ collection: PROFILE })).rejects.toThrow('--page-size N')
  })
})
