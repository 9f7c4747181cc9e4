import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'

const exec = promisify(execFile)

export interface TerminalOptions {
  readonly columns: number
  readonly rows: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** A real terminal, in tmux, with a shell in it. */
export interface Terminal extends AsyncDisposable {
  /** Types, and presses Enter. */
  type(line: string): Promise<void>
  /** Leaves nothing on the screen but the shell's prompt, so that what is looked for next is not found in what was before. */
  clear(): Promise<void>
  /** Presses a key, in tmux's spelling: `C-c`. */
  press(key: string): Promise<void>
  /** What stands on the screen, with what has scrolled away above it; trailing blank lines are left out. */
  screen(): Promise<string>
  /** The same with its colors, as escape codes, and without what has scrolled away. */
  painted(): Promise<string>
  /** The first match on the screen. Rejects when it does not come in time. */
  until(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>
}

const PATIENCE_MS = 30_000
const LOOK_EVERY_MS = 25

/** A tmux server of its own, so that nobody else's sessions and settings are touched. */
export async function openTerminal({ columns, rows, env = {}, cwd }: TerminalOptions): Promise<Terminal> {
  const socket = `cli-test-${randomUUID()}`
  const tmux = async (...args: string[]) =>
    (await exec('tmux', ['-L', socket, '-f', '/dev/null', ...args])).stdout
  const shell = [
    'env',
    '-u',
    'CI',
    'PS1=$ ',
    'LANG=C.UTF-8',
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    'bash',
    '--norc',
  ]
  const size = ['-x', String(columns), '-y', String(rows)]
  await tmux(
    '-u',
    'new-session',
    '-d',
    '-s',
    'main',
    ...size,
    ...(cwd === undefined ? [] : ['-c', cwd]),
    ...shell,
  )
  const screen = async () => (await tmux('capture-pane', '-t', 'main', '-p', '-S', '-')).trimEnd()
  const terminal: Terminal = {
    screen,
    painted: async () => (await tmux('capture-pane', '-t', 'main', '-p', '-e')).trimEnd(),
    async type(line) {
      await tmux('send-keys', '-t', 'main', '-l', line)
      await tmux('send-keys', '-t', 'main', 'Enter')
    },
    async clear() {
      await terminal.type('clear')
      await terminal.until(/^\$$/)
    },
    async press(key) {
      await tmux('send-keys', '-t', 'main', key)
    },
    async until(pattern, withinMs = PATIENCE_MS) {
      const end = performance.now() + withinMs
      for (;;) {
        const text = await screen()
        const match = pattern.exec(text)
        if (match) return match
        if (performance.now() > end) throw new Error(`${pattern} is not on the screen:\n${text}`)
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
      }
    },
    async [Symbol.asyncDispose]() {
      await tmux('kill-server')
    },
  }
  return terminal
}
