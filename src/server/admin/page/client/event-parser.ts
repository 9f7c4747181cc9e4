/** One event of a stream of server-sent events. */
export interface StreamEvent {
  readonly name: string
  readonly data: string
}

export interface EventParser {
  /** Takes the next piece of the stream, which may end anywhere. */
  push(piece: string): void
  /** The id of the last event, to resume after. */
  readonly lastEventId: string | undefined
}

/**
 * Reads a stream of server-sent events as the HTML standard says. `EventSource` would do it too, but it cannot send an
 * authorization.
 */
export function createEventParser(
  onEvent: (event: StreamEvent) => void,
  lastEventId?: string | undefined,
): EventParser {
  let rest = ''
  let id = lastEventId
  let name = ''
  let data: string[] = []

  function dispatch(): void {
    if (data.length > 0) onEvent({ name: name || 'message', data: data.join('\n') })
    name = ''
    data = []
  }

  function take(line: string): void {
    if (line === '') {
      dispatch()
      return
    }
    const colon = line.indexOf(':')
    // A comment keeps the connection alive and says nothing.
    if (colon === 0) return
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') name = value
    if (field === 'data') data.push(value)
    if (field === 'id' && !value.includes('\0')) id = value
  }

  return {
    push(piece) {
      rest += piece
      // A carriage return at the end may be the first half of a line end.
      const ready = rest.endsWith('\r') ? rest.slice(0, -1) : rest
      const lines = ready.split(/\r\n|\r|\n/)
      rest = (lines.pop() ?? '') + rest.slice(ready.length)
      for (const line of lines) take(line)
    },
    get lastEventId() {
      return id
    },
  }
}
