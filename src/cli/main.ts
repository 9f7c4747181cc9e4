#!/usr/bin/env node
import { runCommandLine } from './command-line.ts'
import { listenForInterruption } from './interruption.ts'
import { nodeComplaint } from './node-version.ts'
import { silenceSqliteWarning } from './sqlite-warning.ts'
import { tell } from './tell-error.ts'
import { UsageError } from './usage-error.ts'
import { boundOldGeneration, boundYoungGeneration } from './young-generation.ts'

async function main(): Promise<number> {
  const { stdin: input, stdout: out, stderr: err, env, argv, versions } = process
  const complaint = nodeComplaint(versions.node)
  if (complaint !== undefined) return tell(new UsageError(complaint), { err })
  using interruption = listenForInterruption(out, err)
  return await runCommandLine(argv.slice(2), { input, out, err, env, interruption })
}

// A reader of the error output that goes away loses the messages; the run goes on.
process.stderr.on('error', () => {})
silenceSqliteWarning()
boundYoungGeneration()
boundOldGeneration()
const exitCode = await main()
// An output that could not be written has set it.
process.exitCode ||= exitCode
