import { describe, expect, test } from 'vitest'
import { startRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines, runOn, startCli } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { BIG, startParkedRelay, WALK_BIG } from '../../support/parked-relay.ts'
import { freePort } from '../../support/program.ts'

const PROFILE = 'app.bsky.actor.profile'
const BROKEN = 'com.example.broken'

describe('--json', () => {
  test('prints one object a line for the beginning, each event of the run and the end', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using postgres = await createPostgres()
    const args = runOn(relay, postgres, '--collection', PROFILE, '--page-size', '20', '--json')
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const events = jsonLines(stdout)
    expect(events[0]).toMatchObject({ type: 'begin', relays: [relay.url] })
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      outcome: 'complete',
      exitCode: 0,
      summary: { completed: 1, imported: 45, added: 45 },
    })
    const ofType = (type: string) => events.filter((event) => event.type === type)
    expect(ofType('discovered')).toMatchObject([{ collections: [{ nsid: PROFILE }] }])
    expect(ofType('collectionStarted')).toMatchObject([{ collection: PROFILE, pages: 0 }])
    expect(ofType('requested').map(({ repos }) => repos)).toEqual([20, 20, 5, 20])
    const pages = ofType('page')
    expect(pages.reduce((sum, { repos }) => sum + Number(repos), 0)).toBe(45)
    expect(pages.at(-1)).toMatchObject({ pages: 3, imported: 45, completed: true })
    expect(ofType('progress')).toMatchObject([
      {
        relay: relay.url,
        work: { fraction: 1, requestsLeft: 0 },
        imported: 45,
        collections: { complete: 1 },
      },
    ])
    for (const { at } of events) expect(new Date(String(at)).toISOString()).toBe(at)
  })

  test('tells errors as objects with code and message, and the failures at the end', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 5, [BROKEN]: 5 },
      script: ({ collection, attempt }) => {
        if (collection === BROKEN) return { status: 403, body: { error: 'AccessDenied', message: 'no' } }
        return collection === PROFILE && attempt === 2
          ? { status: 429, headers: { 'retry-after': '1' } }
          : undefined
      },
    })
    await using postgres = await createPostgres()
    const args = runOn(relay, postgres, '--collection', PROFILE, BROKEN, '--json')
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    const events = jsonLines(stdout)
    const ofType = (type: string) => events.filter((event) => event.type === type)
    expect(ofType('collectionFailed')).toMatchObject([
      {
        collection: BROKEN,
        error: {
          code: 'RELAY_STATUS',
          status: 403,
          error: 'AccessDenied',
          serverMessage: 'no',
          message: expect.stringContaining('403'),
        },
      },
    ])
    expect(ofType('retry')).toMatchObject([
      { collection: PROFILE, error: { code: 'RELAY_STATUS', status: 429 } },
    ])
    expect(ofType('paused')).toMatchObject([{ relay: relay.url, error: { code: 'RELAY_STATUS' } }])
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      outcome: 'incomplete',
      exitCode: 1,
      failures: [{ collection: BROKEN }],
    })
  })

  test('ends with the error when there is no run at all, and says it on stderr too', async () => {
    const relay = `http://127.0.0.1:${await freePort()}`
    await using postgres = await createPostgres()
    const args = runOn({ url: relay }, postgres, '--collection', BIG, '--retries', '0', '--json')
    const { code, stdout, stderr } = await cli(args)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^atproto-collection-backfill: .*ECONNREFUSED.*\n$/)
    expect(jsonLines(stdout).at(-1)).toMatchObject({
      type: 'end',
      outcome: 'failed',
      error: { code: 'RELAY_UNREACHABLE', message: expect.stringContaining('ECONNREFUSED') },
    })
  })

  test('tells an interruption', async () => {
    await using parking = await startParkedRelay(1)
    await using postgres = await createPostgres()
    await using program = startCli(runOn(parking.relay, postgres, ...WALK_BIG, '--json'))
    await parking.parked
    program.kill('SIGINT')
    const { code, stdout } = await program.ended
    expect(code).toBe(130)
    expect(jsonLines(stdout).at(-1)).toMatchObject({ type: 'end', outcome: 'interrupted', exitCode: 130 })
  })
})
