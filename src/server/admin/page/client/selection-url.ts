import type { Column, Selection } from './selection.ts'

const STATES: Record<Selection['state'], true> = {
  all: true,
  running: true,
  failed: true,
  pending: true,
  complete: true,
}
const COLUMNS: Record<Column, true> = {
  collection: true,
  state: true,
  progress: true,
  imported: true,
  expected: true,
}

/** What is shown without a choice. */
export const DEFAULT_SELECTION: Selection = {
  state: 'all',
  search: '',
  by: 'state',
  descending: false,
  page: 1,
}

/** The choice that a URL holds, so that a reload, a bookmark and a link to it show the same rows. */
export function selectionFrom(query: string): Selection {
  const params = new URLSearchParams(query)
  const state = params.get('state') ?? ''
  const [, minus, column = ''] = /^(-?)(.*)$/s.exec(params.get('sort') ?? '') ?? []
  const isColumn = isKeyOf(COLUMNS, column)
  const page = params.get('page') ?? ''
  return {
    state: isKeyOf(STATES, state) ? state : DEFAULT_SELECTION.state,
    search: params.get('search') ?? '',
    by: isColumn ? column : DEFAULT_SELECTION.by,
    descending: isColumn && minus === '-',
    page: /^[1-9]\d{0,5}$/.test(page) ? Number(page) : 1,
  }
}

/** The query of a URL for a choice: only what differs from the default. */
export function queryOf({ state, search, by, descending, page }: Selection): string {
  const params = new URLSearchParams()
  if (state !== DEFAULT_SELECTION.state) params.set('state', state)
  if (search !== '') params.set('search', search)
  if (by !== DEFAULT_SELECTION.by || descending) params.set('sort', `${descending ? '-' : ''}${by}`)
  if (page > 1) params.set('page', String(page))
  return params.size === 0 ? '' : `?${params}`
}

function isKeyOf<Key extends string>(keys: Record<Key, true>, value: string): value is Key {
  return Object.hasOwn(keys, value)
}
