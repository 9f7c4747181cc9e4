/**
 * A relay in a process of its own: the first line of stdin holds its options as JSON, the first line of stdout its URL or why it
 * has none.
 * It ends when stdin does, so it never outlives the process that started it.
 */
import { createInterface } from 'node:readline'
import { startRelay, type TestRelay, type TestRelayOptions } from '../../src/testing/index.ts'

let starting: Promise<TestRelay> | undefined
const lines = createInterface({ input: process.stdin })

lines.once('line', async (line) => {
  starting = startRelay(JSON.parse(line) as TestRelayOptions)
  try {
    const { url } = await starting
    console.log(JSON.stringify({ url }))
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }))
    process.exitCode = 1
    lines.close()
  }
})

async function end(): Promise<void> {
  process.stdin.destroy()
  const relay = await starting?.catch(() => undefined)
  await relay?.[Symbol.asyncDispose]()
}

lines.once('close', end)
process.once('SIGTERM', end)
