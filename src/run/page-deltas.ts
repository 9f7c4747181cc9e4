import type { BackfillEvent, PageEvent } from '../contracts/events.ts'

/** What one page event adds to the totals of its walk. */
export interface PageDelta {
  readonly pages: number
  readonly invalid: number
}

/**
 * Events carry totals, which a late listener can use as they are. This gives what each page event adds to them: call it
 * with every event of a run, of one relay or of several.
 */
export function pageDeltas(): (event: BackfillEvent) => PageDelta {
  const walks = new Map<string, PageDelta>()
  const none = { pages: 0, invalid: 0 }
  return (event) => {
    if (event.type === 'collectionStarted') {
      walks.set(keyOf(event), { pages: event.pages, invalid: event.invalid })
    }
    if (event.type !== 'page') return none
    const { pages, invalid } = walks.get(keyOf(event)) ?? none
    if (event.completed) walks.delete(keyOf(event))
    else walks.set(keyOf(event), { pages: event.pages, invalid: event.invalid })
    return { pages: event.pages - pages, invalid: event.invalid - invalid }
  }
}

function keyOf({ relay, collection }: Pick<PageEvent, 'relay' | 'collection'>): string {
  return `${relay} ${collection}`
}
