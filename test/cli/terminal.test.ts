import { describe, expect, test } from 'vitest'
import { CLI } from '../support/cli.ts'
import { BIG, startParkedRelay } from '../support/parked-relay.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { openTerminal } from '../support/terminal.ts'

describe('in a terminal of 80 columns', () => {
  test('a run shows a line for what is walked, stops with Ctrl-C, and the next one goes on to the end', async () => {
    await using parked = await startParkedRelay(3)
    await using folder = await temporaryFolder()
    await using terminal = await openTerminal({ columns: 80, rows: 24, cwd: folder.path })
    const run = `"${process.execPath}" "${CLI}" run --relay ${parked.relay.url} --collection ${BIG} --page-size 100`
    await terminal.type(run)
    await parked.parked
    await terminal.until(new RegExp(`${BIG}.* 300`))
    const picture = await terminal.screen()
    for (const line of picture.split('\n')) expect([...line].length).toBeLessThanOrEqual(80)

    await terminal.press('C-c')
    await terminal.type('echo "code $?"')
    await terminal.until(/^code 130$/m)
    expect(await terminal.screen()).toMatch(
      /^Stopped: 0 of 1 collections? done, 300 pairs in the index\.\n.*go on from there/m,
    )

    parked.letGo()
    await terminal.type(`clear; ${run}; echo "code $?"`)
    await terminal.until(/^code 0$/m)
    expect(await terminal.screen()).toMatch(/^resuming: 0 of 1 collection/m)
  })
})
