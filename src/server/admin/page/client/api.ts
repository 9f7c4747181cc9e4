/** The server does not accept the token, or was given none. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

export interface Api {
  /** The event stream, from after `lastEventId`. */
  events(lastEventId: string | undefined, signal: AbortSignal): Promise<Response>
  start(relay: string): Promise<void>
  stop(): Promise<void>
  /** Has one collection of a relay tried again, or all of it that failed. */
  retry(relay: string | undefined, collection?: string): Promise<void>
  /** Has one collection of a relay read too. */
  register(relay: string | undefined, collection: string): Promise<void>
  /** Ends the walk of one, and leaves it alone from now on. */
  cancel(relay: string | undefined, collection: string): Promise<void>
  /** Has those tried again at once that wait for it. */
  retryWaiting(relay: string | undefined): Promise<void>
}

/** @param path of the page: everything else is below it */
export function createApi(path: string, token: () => string | undefined): Api {
  const base = path.replace(/\/+$/, '')

  async function ask(url: string, init: RequestInit = {}, headers: Record<string, string> = {}) {
    const given = token()
    if (given === undefined) throw new RefusedError('There is no token.')
    const response = await fetch(url, {
      ...init,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(given !== '' && { authorization: `Bearer ${given}` }),
      },
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
    })
    if (response.status === 401) throw new RefusedError('The token was refused.')
    if (!response.ok) throw new Error(await wordsOf(response))
    return response
  }

  const tell = async (url: string, method: string) => {
    await ask(url, { method })
  }

  return {
    events: (lastEventId, signal) =>
      ask(
        `${base}/events`,
        { signal },
        {
          accept: 'text/event-stream',
          ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        },
      ),
    start: (relay) => tell(`${base}?${query({ source: relay })}`, 'POST'),
    stop: () => tell(base, 'DELETE'),
    retry: (relay, collection) => tell(`${base}/retry?${query({ source: relay, collection })}`, 'POST'),
    register: (source, collection) => tell(`${base}/collections?${query({ source, collection })}`, 'POST'),
    cancel: (source, collection) => tell(`${base}/collections?${query({ source, collection })}`, 'DELETE'),
    retryWaiting: (relay) => tell(`${base}/retry?${query({ source: relay, waiting: 'true' })}`, 'POST'),
  }
}

/** Of those that are given. */
function query(parameters: Record<string, string | undefined>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) search.set(name, value)
  return search.toString()
}

/** The server's own words, where it gives some. */
async function wordsOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined)
  if (typeof body === 'object' && body !== null) {
    if ('message' in body && typeof body.message === 'string') return body.message
    if ('error' in body && typeof body.error === 'string') return body.error
  }
  return `The server answered with status ${response.status}.`
}
