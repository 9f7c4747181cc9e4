import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RelayAccount } from '../../../src/index.ts'
import { openSqlite } from '../../../src/sqlite/index.ts'
import { startAccountServer } from '../../support/account-server.ts'
import { CLI, cli, jsonLines } from '../../support/cli.ts'
import { didsFrom } from '../../support/store-steps.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { openTerminal } from '../../support/terminal.ts'

const NAME = 'com.example.thing'
const DIDS = didsFrom(0, 100)

/** The accounts of all DIDs: the first few are deleted, and the last one is deactivated. */
function accounts(deleted: number): RelayAccount[] {
  return DIDS.map((did, i) => {
    if (i === DIDS.length - 1) return { did, active: false, status: 'deactivated' }
    return i < deleted ? { did, active: false, status: 'deleted' } : { did, active: true }
  })
}

async function withIndex(
  listed: readonly RelayAccount[],
  body: (command: readonly string[], held: () => Promise<number>) => Promise<void>,
): Promise<void> {
  await using relay = await startAccountServer({ listed })
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'index.db')
  const opened = () => openSqlite(file)
  const fill = await opened()
  await fill.sink.add({ relay: 'x', collection: NAME, dids: DIDS })
  await fill.close()
  await body(['prune', '--relay', relay.origin, '--data', file], async () => {
    await using store = await opened()
    return store.index.countRepos(NAME)
  })
}

test('prune reports, removes what is gone, and ends with 0', () =>
  withIndex(accounts(2), async (command, held) => {
    const dry = await cli([...command, '--dry-run'])
    expect(dry.stdout).toMatch(/^Nothing was removed: that was a dry run\.$/m)
    expect(await held()).toBe(100)
    const { code, stdout, stderr } = await cli(command)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/lists 100 accounts; the index holds 100 pairs$/m)
    expect(stdout).toMatch(/^ {2}deleted +2 +2 +2$/m)
    expect(stdout).toMatch(/^ {2}deactivated +1 +1 +1$/m)
    expect(stdout).toMatch(/^may be removed: 2 pairs, 2\.0%$/m)
    expect(stdout).toMatch(/^✓ 2 pairs removed · \d/m)
    expect(await held()).toBe(98)
  }))

test('without a terminal, more than --max-percent is refused unless there is --yes', () =>
  withIndex(accounts(10), async (command, held) => {
    const refused = await cli(command)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/may remove 10 of 100 pairs \(10 %\), more than 5 %; nothing was removed/)
    expect(await held()).toBe(100)
    const { code, stdout } = await cli([...command, '--yes', '--json', '--deactivated', 'remove'])
    expect(code).toBe(0)
    const events = jsonLines(stdout)
    expect(events.map(({ type }) => type)).toEqual(['begin', 'listed', 'counted', 'report', 'removed', 'end'])
    expect(events.at(-1)).toMatchObject({ outcome: 'pruned', summary: { removed: 11, mayRemove: 11 } })
    expect(await held()).toBe(89)
  }))

test('on a terminal it asks, and removes nothing without a yes', () =>
  withIndex(accounts(10), async (command, held) => {
    await using terminal = await openTerminal({ columns: 100, rows: 30, env: { NO_COLOR: '1' } })
    for (const [answer, code, left] of [['n', 1, 100] as const, ['y', 0, 90] as const]) {
      await terminal.clear()
      await terminal.type(`"${process.execPath}" "${CLI}" ${command.join(' ')}; echo "code $?"`)
      await terminal.until(/^Remove up to 10 of 100 pairs, 10%\? \[y\/N\]/m)
      await terminal.type(answer)
      await terminal.until(new RegExp(`^code ${code}$`, 'm'))
      expect(await held()).toBe(left)
    }
  }))
