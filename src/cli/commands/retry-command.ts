import { READ_CODES } from '../help.ts'
import type { RegisterCommand } from '../register-command.ts'
import { progressCommand } from './progress-command.ts'

export const registerRetry: RegisterCommand = progressCommand('retry', {
  description: 'Retry failed collections.',
  argument: ['[nsid...]', 'only these'],
  help: `
Hosts that failed need no retry: the next crawl tries them again.

Examples:
  atproto-collection-backfill retry
  atproto-collection-backfill retry app.bsky.feed.post --database postgres://localhost/relay

${READ_CODES}`,
})
