import { memoryStore } from '../../memory/memory-store.ts'
import type { BackfillStore } from '../../run/options.ts'
import { type BackfillPlan, plan } from '../../run/plan.ts'
import { knownCollections } from '../../sources/known-collections.ts'
import { BYTES_PER_PAIR } from '../../util/bytes-per-pair.ts'
import { duration } from '../../util/format.ts'
import { collectionsOf } from '../collection-sources.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { findExisting } from '../open-database.ts'
import { eventWriter } from '../output/json-lines.ts'
import { createMessages } from '../output/messages.ts'
import { planLines } from '../output/plan-text.ts'
import { relaysOf } from '../relay-options.ts'
import { createTerminal } from '../terminal.ts'
import type { RunOptions } from './run.ts'

/** Says what a run would do, and writes nothing. @returns the exit code */
export async function dryRun(options: RunOptions, database: Database, context: Context): Promise<number> {
  const { signal } = context.interruption
  const relays = relaysOf(options)
  await using found = await findExisting(database, { signal })
  const store: BackfillStore = found ?? { ...memoryStore(), bytesPerPair: BYTES_PER_PAIR[database.kind] }
  const terminal = createTerminal(context)
  const messages = createMessages(terminal, { namesRelays: relays.length > 1 })
  if (!options.json) {
    const there = found === undefined ? ', which is not there yet' : ''
    terminal.say([...relays.map(({ relay }) => `relay  ${relay}`), `index  ${nameOf(database)}${there}`])
  }
  const planned = await plan({
    relay: relays.map(({ lister }) => lister),
    store,
    collections: collectionsOf(options, {
      relays: relays.map(({ address }) => address),
      // A run makes the index first, which holds none then.
      observed: found?.observed ?? knownCollections([]),
    }),
    only: options.only,
    except: options.except,
    concurrency: options.concurrency,
    refreshAfterMs: options.refresh,
    retry: options.retries === undefined ? {} : { retries: options.retries },
    signal,
    onEvent(event) {
      if (options.json) return
      if (event.type === 'paused') terminal.say([`  ${event.relay} asks to wait ${duration(event.waitMs)}.`])
      else messages.handle(event)
    },
  })
  tell(planned, options, { context, say: terminal.say, kind: database.kind })
  return EXIT.complete
}

function tell(
  planned: BackfillPlan,
  { json, concurrency }: RunOptions,
  { context, say, kind }: { context: Context; say(lines: readonly string[]): void; kind: Database['kind'] },
): void {
  if (json) eventWriter(context.out, context.debug)('plan', planned)
  else say(planLines(planned, { concurrency, kind }, createTerminal(context).screen()))
}
