/**
 * The backfiller, its contracts with their plain defaults, the errors, and what follows a run. Loads no database driver
 * and no module of Node: it runs in Node, Bun, Deno and browsers.
 *
 * @module atproto-collection-backfill
 */

export type { AccountLister, AccountPage, RelayAccount } from './contracts/account-lister.ts'
export type { CollectionFlag, CollectionProgress, CollectionState } from './contracts/collection-progress.ts'
export type { CollectionSource, KnownCollection } from './contracts/collection-source.ts'
export type {
  CrawlEvent,
  CrawlListener,
  CrawlStatus,
  CrawlStoreAvailableEvent,
  CrawlStoreUnavailableEvent,
  CrawlSummary,
  CrawlWaitingEvent,
  HostClaimLostEvent,
  HostFailedEvent,
  HostLeftOutEvent,
  HostPageEvent,
  HostPausedEvent,
  HostProgress,
  HostRequestedEvent,
  HostRetryEvent,
  HostStartedEvent,
  HostState,
  HostsEvent,
  HostsFailedEvent,
  RepoCutEvent,
  RepoFailedEvent,
  RepoFailure,
} from './contracts/crawl-events.ts'
export type { DidResolver } from './contracts/did-resolver.ts'
export type {
  BackfillEvent,
  BackfillListener,
  ClaimHolder,
  ClaimLostEvent,
  CollectionFailedEvent,
  CollectionStartedEvent,
  DiscoveredEvent,
  IndexMissingEvent,
  InvalidName,
  PageEvent,
  PausedEvent,
  RelayFailedEvent,
  RequestedEvent,
  RetryEvent,
  SourceFailedEvent,
  SourceReport,
  StoreAvailableEvent,
  StoreUnavailableEvent,
  WaitingEvent,
} from './contracts/events.ts'
export type {
  AccountChange,
  AppliedBatch,
  AskedAccount,
  ClosedAccount,
  ClosedPairs,
  FeedAccount,
  FeedAccounts,
  FeedBatch,
  FeedPair,
  FeedStore,
  LookedUpRepo,
  Newcomer,
  NewcomerPage,
  NewcomerPositions,
  NewcomersRequest,
  RepoToLookUp,
} from './contracts/feed-store.ts'
export type { HostSource, KnownHost } from './contracts/host-source.ts'
export type {
  IndexReposEvent,
  IndexReposSummary,
  RepoEvent,
  RepoState,
} from './contracts/index-repos-events.ts'
export type { IndexBatch, IndexContext, IndexSink } from './contracts/index-sink.ts'
export type { PacedRelay } from './contracts/paced-relay.ts'
export type { ProgressRow, ProgressRows } from './contracts/progress-rows.ts'
export type {
  Claim,
  ClaimKey,
  ClaimRequest,
  HeldClaim,
  PageProgress,
  ProgressStore,
  RegisterOptions,
  ReleaseOutcome,
  Remaining,
  WalkAnchor,
} from './contracts/progress-store.ts'
export type {
  IndexedCollections,
  IndexedRepos,
  IndexPageRequest,
  RepoIndex,
  ServedRepos,
} from './contracts/repo-index.ts'
export type { RelayPause, RepoLister, RepoListRequest, RepoPage } from './contracts/repo-lister.ts'
export type { CollectionFailure, HostFailure, RelayFailure } from './contracts/run-failures.ts'
export type {
  BackfillStatus,
  BackfillSummary,
  RelayStatus,
  RelaySummary,
  StatusCounts,
} from './contracts/run-status.ts'
export type { CrawlOptions, CrawlStore } from './crawl/crawl-options.ts'
export { type Crawler, createCrawler } from './crawl/crawler.ts'
export type { HostOptions } from './crawl/host-address.ts'
export type { DidOptions } from './crawl/host-finder.ts'
export { type HostsOfOptions, hostsOf } from './crawl/hosts-of.ts'
export { type IndexReposRun, indexRepos } from './crawl/index-repos.ts'
export type {
  GoneState,
  IndexReposOptions,
  IndexReposStore,
  RemovableIndex,
} from './crawl/index-repos-options.ts'
export type { SharedLimit } from './crawl/shared-limits.ts'
export {
  BackfillError,
  type BackfillErrorCode,
  type BackfillErrorOptions,
  type BackfillErrors,
  ClaimLostError,
  CursorLoopError,
  CursorsChangedError,
  DiscoveryError,
  IncompleteError,
  InvalidOptionError,
  isBackfillError,
  type PruneRefusal,
  PruneRefusedError,
  RelayError,
  type RelayErrorCode,
  type RelayErrorDetails,
  RelayUnsuitableError,
  StoreUnavailableError,
  TooManyEmptyPagesError,
} from './errors.ts'
export type { HttpOptions } from './http/client.ts'
export type { PacingOptions } from './http/pacing.ts'
export type { MemoryIndexSink } from './memory/memory-index-sink.ts'
export { type MemoryStore, memoryStore } from './memory/memory-store.ts'
export { createMonitor } from './monitor/monitor.ts'
export type {
  AddedWork,
  CollectionCounts,
  Monitor,
  MonitoredFailure,
  MonitoredRetry,
  MonitoredWalk,
  MonitorOptions,
  MonitorSnapshot,
  SetAsideCollection,
  ThroughputSample,
  TimeLeft,
  Waiting,
} from './monitor/snapshot.ts'
export { type Work, workOf } from './monitor/work.ts'
export { progressStoreOn } from './progress/progress-store-on.ts'
export { type Pruning, prune } from './prune/prune.ts'
export type { AccountFate, PruneOptions, PruneStore } from './prune/prune-options.ts'
export type {
  PruneEvent,
  PruneSummary,
  StandingCounts,
  UnlistedCounts,
} from './prune/prune-summary.ts'
export { type RelayAccountsOptions, relayAccounts } from './relay/relay-accounts.ts'
export { type RelayListerOptions, relayLister } from './relay/relay-lister.ts'
// Withheld on purpose: the retry loop, the walk and the cursor guard, which are how the promise is kept and not part of
// it; and everything that touches a database or `node:` (see the subpaths).
export { type Backfiller, createBackfiller } from './run/backfiller.ts'
export type { BackfillOptions, BackfillStore } from './run/options.ts'
export { type BackfillPlan, type PlannedCollection, plan, type RelayPlan } from './run/plan.ts'
export { type CollectionDirectoryOptions, collectionDirectory } from './sources/collection-directory.ts'
export { knownCollections } from './sources/known-collections.ts'
export { type LexiconGardenOptions, lexiconGarden } from './sources/lexicon-garden.ts'
export { type UfosOptions, ufos } from './sources/ufos.ts'
export {
  type ExportedPart,
  type ExportPairsOptions,
  type ExportSummary,
  exportPairs,
  type PairExport,
} from './transfer/export-pairs.ts'
export {
  type ImportedBatch,
  type ImportPairsOptions,
  type ImportSummary,
  type InvalidLine,
  importPairs,
  type PairImport,
} from './transfer/import-pairs.ts'
export type { TextPieces } from './transfer/pair-lines.ts'
export type { PairFormat } from './transfer/pair-text.ts'
export type { InactiveStanding } from './util/account-standing.ts'
export type { RetryPolicy } from './util/retry.ts'
export type { Run } from './util/run-iterator.ts'
export type { RepairMode } from './verify/repair.ts'
export { type Verification, verify } from './verify/verification.ts'
export type {
  CollectionReport,
  Differences,
  Repair,
  VerificationCost,
  VerificationSummary,
} from './verify/verification-report.ts'
export type { VerifyOptions } from './verify/verify-options.ts'
