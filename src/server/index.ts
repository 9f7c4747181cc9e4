/**
 * Handlers on web standards, a `Request` in and a `Response` out: for Node, Bun, Deno, workers and whatever serves
 * them.
 *
 * @module atproto-collection-backfill/server
 */
export { type AdminHandler, adminHandler } from './admin/admin-handler.ts'
export type { AdminHandlerOptions, AdminRunContext } from './admin/admin-options.ts'
export type { AdminRunEnd } from './admin/admin-run.ts'
export type {
  AdminAddedWork,
  AdminChanged,
  AdminError,
  AdminEvent,
  AdminEvents,
  AdminFailure,
  AdminOutcome,
  AdminRefusal,
  AdminRetried,
  AdminRow,
  AdminSample,
  AdminStarted,
  AdminStatus,
  AdminStopped,
  AdminTick,
  AdminTotals,
  AdminWaiting,
} from './admin/wire-types.ts'
export { type XrpcHandlerOptions, xrpcHandler } from './xrpc/xrpc-handler.ts'
