import { createProgram } from '../../src/cli/program.ts'

export type Variables = Readonly<Record<string, string>>

/** What the command line says of these arguments: nothing, or what is wrong with them. Nothing is run. */
export function complaintOf(args: readonly string[], env: Variables = {}): string | undefined {
  const before = { ...process.env }
  Object.assign(process.env, env)
  let isChosen = false
  const program = createProgram(() => {
    isChosen = true
  })
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({ writeErr() {}, writeOut() {} })
  try {
    program.parse([...args], { from: 'user' })
    return isChosen ? undefined : 'no command'
  } catch (error) {
    if (error instanceof Error && 'exitCode' in error && error.exitCode === 0) return undefined
    return String(error)
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
    Object.assign(process.env, before)
  }
}

/** The commands, each with its options as they are written and the variables that stand in for them. */
export const commands: ReadonlyMap<
  string,
  { readonly flags: readonly string[]; readonly variables: readonly string[] }
> = new Map(
  createProgram(() => {}).commands.map((command) => [
    command.name(),
    {
      flags: command.options.flatMap(({ long }) => long ?? []),
      variables: command.options.flatMap(({ envVar }) => envVar ?? []),
    },
  ]),
)
