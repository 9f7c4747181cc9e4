import { printable } from '../../../../util/text.ts'
import type { AdminRow } from '../../wire-types.ts'
import { createAct, createControls } from './actions.ts'
import { createAnnouncements } from './announcements.ts'
import { createAnnouncer } from './announcer.ts'
import { createApi, RefusedError } from './api.ts'
import { createChart } from './chart.ts'
import { createConnectionView } from './connection.ts'
import { byId } from './dom.ts'
import { createFailures } from './failures.ts'
import { follow, type StreamEvent } from './follow.ts'
import { drawFreshness, freshnessOf } from './freshness.ts'
import { createLog } from './log.ts'
import { createModel, keyOf } from './model.ts'
import { drawOverview, titleOf } from './overview.ts'
import { createPager, PAGE_ROWS, shownPage } from './pager.ts'
import { createRegistration } from './registration.ts'
import { select } from './selection.ts'
import { createTable } from './table.ts'
import { atMostEvery, perFrame } from './timing.ts'
import { createTokenKeeper, NO_TOKEN } from './token.ts'
import { createToolbar } from './toolbar.ts'

/** Sums need not be drawn more often, and rows that change their places every moment cannot be read. */
const SUMS_MS = 250
const ORDER_MS = 1_000
const TITLE_MS = 1_000

const model = createModel()
const announcer = createAnnouncer(byId('announcements', HTMLElement))
const announcements = createAnnouncements(announcer)
const connection = createConnectionView(announcer)
const isWatchOnly = document.body.dataset.watchOnly !== undefined
const token = isWatchOnly ? NO_TOKEN : createTokenKeeper(watch)
const api = createApi(location.pathname, token.get)
const act = createAct(
  () => !connection.isLost,
  (error) => {
    if (error instanceof RefusedError) lock(error.message)
    else controls.complain(error instanceof Error ? error.message : String(error))
  },
)
const controls = createControls(api, act)

const drawRows = perFrame(() => table.draw(model))
const drawSums = atMostEvery(
  SUMS_MS,
  perFrame(() => {
    const freshness = freshnessOf(model, connection.isLost)
    drawOverview(model, freshness)
    drawFreshness(model, freshness)
    chart.draw(model.history, freshness)
    controls.draw(model)
    failures.draw(model)
    log.draw(model)
    toolbar.draw(model, shown)
    registration.draw(toolbar.selection.search, shown, shownRelay() !== undefined)
    pager.draw(shownPage(toolbar.selection.page, shown), shown)
  }),
)
// A hidden tab is not drawn, but its name is shown.
const drawTitle = atMostEvery(TITLE_MS, () => {
  document.title = titleOf(model)
})
const reorder = atMostEvery(ORDER_MS, () => (table.isHeld() ? reorder() : order()))

const table = createTable({ retry, cancel })
const chart = createChart()
const toolbar = createToolbar(order)
const registration = createRegistration((collection, button) => {
  controls.complain('')
  announcer.say(`Registering ${printable(collection)}.`)
  act(button, () => api.register(shownRelay(), collection))
})
const pager = createPager((page) => {
  toolbar.change({ page })
  table.scrollToTop()
})
const log = createLog()
const failures = createFailures(
  retry,
  (button) => act(button, () => api.retry(failedRelay())),
  () => {
    toolbar.change({ state: 'failed', search: '' })
    byId('collections', HTMLElement).scrollIntoView()
  },
)
const retryNow = byId('retry-now', HTMLButtonElement)
retryNow.addEventListener('click', () => {
  announcer.say('Retrying what waits.')
  act(retryNow, () => api.retryWaiting(model.totals?.relay ?? undefined))
})
let shown = 0
let watching = new AbortController()
let wake = () => {}

function order(): void {
  const found = select(model.rows.values(), toolbar.selection)
  shown = found.length
  const first = (shownPage(toolbar.selection.page, shown) - 1) * PAGE_ROWS
  table.setOrder(found.slice(first, first + PAGE_ROWS).map(keyOf))
  drawRows()
  drawSums()
}

function take({ name, data }: StreamEvent): void {
  const { version } = model
  const row = model.take(name, data)
  announcements.take(model.totals, row)
  drawSums()
  drawTitle()
  if (model.version === version) return
  drawRows()
  if (name === 'snapshot') order()
  else reorder()
}

function retry({ source, collection }: AdminRow, button: HTMLButtonElement): void {
  controls.complain('')
  announcer.say(`Retrying ${printable(collection)}.`)
  act(button, () => api.retry(source, collection))
}

function cancel({ source, collection }: AdminRow, button: HTMLButtonElement): void {
  controls.complain('')
  announcer.say(`Cancelling ${printable(collection)}.`)
  act(button, () => api.cancel(source, collection))
}

/** The relay that the page is about: of the run, or the only one that there is. */
function shownRelay(): string | undefined {
  const { relay, sources } = model.totals ?? {}
  return relay ?? (sources?.length === 1 ? sources[0] : undefined)
}

/** The relay whose failed collections are meant by all of them: one at a time is walked. */
function failedRelay(): string | undefined {
  const failed = [...model.rows.values()].find(({ state }) => state === 'failed')
  return model.totals?.relay ?? failed?.source
}

/** Follows the stream for as long as the server accepts the token. */
function watch(): void {
  watching.abort()
  watching = new AbortController()
  const following = follow({
    connect: api.events,
    onEvent: take,
    onConnection(state) {
      connection.show(state)
      drawSums()
    },
    isFinal: (error) => error instanceof RefusedError,
    signal: watching.signal,
  })
  wake = following.wake
  following.ended.catch((error: unknown) => lock(error instanceof Error ? error.message : String(error)))
}

function lock(reason?: string): void {
  watching.abort()
  token.forget()
  connection.show({ state: 'locked' })
  token.ask(reason)
}

byId('reconnect', HTMLButtonElement).addEventListener('click', () => wake())
byId('forget', HTMLButtonElement).addEventListener('click', () => {
  token.forget()
  // What it has opened is to be forgotten with it.
  location.reload()
})
addEventListener('online', () => wake())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') wake()
})

if (token.get() === undefined) lock()
else watch()
