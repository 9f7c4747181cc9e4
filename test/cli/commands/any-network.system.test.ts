import { describe, expect, test } from 'vitest'
import { startRelay } from '../../../src/testing/index.ts'
import { cli, runOn } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { startServer } from '../../support/http-server.ts'

const OWN = 'com.example.own'
const OTHER = 'com.example.other'

describe('run on a network of one’s own', () => {
  test('checks the relay by what it is told, by what is named, or not at all', async () => {
    await using relay = await startRelay({ collections: { [OWN]: 3, [OTHER]: 0 } })
    await using postgres = await createPostgres()
    const garden = ['--source', `garden=${relay.gardenUrl}`]
    const run = (...args: string[]) => cli(runOn(relay, postgres, ...args))
    const refused = await run(...garden)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('use --check-collection NSID or --no-check')
    expect((await run('--check-collection', OTHER, ...garden)).code).toBe(1)
    expect((await run('--check-collection', 'COM.Example.own', ...garden)).code).toBe(0)
    const before = relay.requests.length
    expect((await run('--no-check', ...garden)).code).toBe(0)
    const unchecked = relay.requests.slice(before).map(({ collection }) => collection)
    expect(unchecked).not.toContain('app.bsky.actor.profile')
    expect((await run('--collection', OWN)).code).toBe(0)
  })

  test('lowers the authority of names and patterns, and tells names that are none', async () => {
    const collections = {
      'COM.Example.ownThing': 3,
      'com.example.ownThing': 4,
      self: 9,
      'a.b.with_underscore': 7,
    }
    await using server = await startServer(({ url = '' }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://x')
      const repos = ['com.example.ownThing', 'app.bsky.actor.profile'].includes(
        searchParams.get('collection') ?? '',
      )
      const body =
        pathname === '/v1/listCollections'
          ? { collections }
          : { repos: repos ? [{ did: 'did:web:a.example' }] : [] }
      response.end(JSON.stringify(body))
    })
    await using postgres = await createPostgres()
    const args = runOn({ url: server.origin }, postgres, '--source', 'directory')
    const first = await cli(args)
    expect(first).toMatchObject({ code: 0 })
    expect(first.stdout).toMatch(/gave 2 names that are no NSID, left out:\s+self, a\.b\.with_underscore/)
    expect(first.stdout).toContain('1 collection known')
    const pattern = await cli([...args, '--collection', 'Com.EXAMPLE.*'])
    expect(pattern).toMatchObject({ code: 0, stderr: '' })
    const reset = ['reset', 'COM.example.ownThing', '--database', postgres.url]
    expect(await cli(reset)).toMatchObject({ code: 0 })
    const found = await cli(['discover', '--relay', server.origin, '--source', 'directory'])
    expect(found.stdout).toMatch(/^com\.example\.ownThing +4\n$/)
    expect(found.stderr).toContain('left out: self, a.b.with_underscore')
  })

  test('a relay with the last dot of its name is the same one', async () => {
    await using relay = await startRelay({ collections: { 'app.bsky.actor.profile': 3 } })
    await using postgres = await createPostgres()
    const at = (host: string) => relay.url.replace('127.0.0.1', host)
    const args = (host: string) =>
      runOn({ url: at(host) }, postgres, '--collection', 'app.bsky.actor.profile')
    expect((await cli(args('localhost'))).code).toBe(0)
    const again = await cli(args('localhost.'))
    expect(again.stdout).toContain('this run: 0 collections')
    const status = await cli(['status', '--database', postgres.url, '--relay', at('localhost.')])
    expect(status.stdout).toContain(`${at('localhost')}: `)
    expect(status.stdout).toContain('1 of 1 collections complete')
  })
})
