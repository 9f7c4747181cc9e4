import { READ_CODES } from '../help.ts'
import type { RegisterCommand } from '../register-command.ts'
import { progressCommand } from './progress-command.ts'

export const registerCancel: RegisterCommand = progressCommand('cancel', {
  description: 'Have collections read no more.',
  argument: ['<nsid...>', 'the collections'],
  help: `
The walk of a run under way ends with its next page, in whichever process it is; the run goes on with the others. No later run reads a cancelled collection, until it is named: retry goes on where it stopped, reset begins it again. Pairs stay in the index.

Examples:
  atproto-collection-backfill cancel app.bsky.feed.like
  atproto-collection-backfill retry app.bsky.feed.like

${READ_CODES}`,
})
