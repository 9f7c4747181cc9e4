/** Reads a list DID by DID, and waits for nothing but the next page. */
export interface ListReader {
  /** The next DID; nothing at the end of a page. */
  readonly head: string | undefined
  /** Whether there may be more behind this page. */
  readonly isEmpty: boolean
  /** Whether each DID so far came behind the one before it, by code points. */
  readonly isAscending: boolean
  /** Fetches until there is a next DID, or the list is over. */
  fill(): Promise<void>
  /** Goes on behind the head, and looks whether the order holds. */
  step(): void
  close(): Promise<void>
}

export function listReader(pages: AsyncGenerator<readonly string[], void, void>): ListReader {
  let page: readonly string[] = []
  let at = 0
  let last = ''
  let isAscending = true
  let isOver = false
  return {
    get head(): string | undefined {
      return page[at]
    },
    get isEmpty(): boolean {
      return at >= page.length && !isOver
    },
    get isAscending(): boolean {
      return isAscending
    },
    async fill(): Promise<void> {
      while (at >= page.length && !isOver) {
        const { done, value } = await pages.next()
        isOver = done === true
        page = value ?? []
        at = 0
      }
    },
    step(): void {
      const did = page[at] ?? ''
      isAscending &&= did > last
      last = did
      at += 1
    },
    async close(): Promise<void> {
      await pages.return()
    },
  }
}
