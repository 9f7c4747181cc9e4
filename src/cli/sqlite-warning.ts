/**
 * Keeps the warning from users that Node prints when its SQLite is loaded: that it is experimental. Whoever runs a
 * command has not chosen it. All other warnings are printed.
 */
export function silenceSqliteWarning(): void {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    const text = typeof warning === 'string' ? warning : warning.message
    if (!text.startsWith('SQLite is an experimental feature')) emitWarning.call(process, warning, ...rest)
  }
}
