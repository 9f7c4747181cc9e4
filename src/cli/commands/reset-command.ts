import { SIGNAL_CODES } from '../help.ts'
import type { RegisterCommand } from '../register-command.ts'
import { progressCommand } from './progress-command.ts'

export const registerReset: RegisterCommand = progressCommand('reset', {
  description: 'Begin collections again at the first page.',
  argument: ['<nsid...>', 'the collections'],
  help: `
Pairs stay in the index. A collection that a run reads at the moment is not reset. To read hosts again, use crawl --refresh-after.

Examples:
  atproto-collection-backfill reset app.bsky.feed.post com.whtwnd.blog.entry
  atproto-collection-backfill reset app.bsky.feed.post --relay relay.example --database postgres://localhost/relay

Exit codes: 0 done, 1 failed or not all were reset, 2 wrong usage or a name that is not registered, ${SIGNAL_CODES}.`,
})
