import type { BackfillEvent, BackfillListener } from '../../src/index.ts'

type Listeners = {
  [Type in BackfillEvent['type']]?: (event: Extract<BackfillEvent, { type: Type }>) => unknown
}

/** A listener that calls, for each event, the function of its type. */
export function listenTo(listeners: Listeners): BackfillListener {
  return (event) => (listeners[event.type] as ((event: BackfillEvent) => unknown) | undefined)?.(event)
}
