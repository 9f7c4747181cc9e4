/**
 * For tests of a backfill and of what is built around one: a relay on a loopback port that does as it is told, a
 * whole network of hosts, and a suite for each contract, to prove an adapter of your own.
 *
 * A suite is a list of `{ name, run(make) }` on `node:assert`. `make` is called once for each case and gives a fresh
 * fixture: your adapter on something empty, closed by its `[Symbol.asyncDispose]` where it has one. With vitest:
 *
 * ```ts
 * import { indexSinkSuite } from 'atproto-collection-backfill/testing'
 * import { test } from 'vitest'
 * for (const { name, run } of indexSinkSuite) test(name, () => run(makeMySink))
 * ```
 *
 * With node:test:
 *
 * ```ts
 * import { test } from 'node:test'
 * import { progressStoreSuite } from 'atproto-collection-backfill/testing'
 * for (const { name, run } of progressStoreSuite) test(name, () => run(makeMyStore))
 * ```
 *
 * One fixture `{ sink, progress, read, reopen }` serves `indexSinkSuite`, `progressStoreSuite` and, where both name the
 * same `database`, `sharedDatabaseSuite`. `read` and `reopen` are the second pair of eyes that tells what is durable
 * from what is only said to be. No case takes longer than a few seconds, whatever is broken, as long as the adapter's
 * own calls come to an end.
 *
 * @module atproto-collection-backfill/testing
 */

export type { ListReposPage, RelayContents, RelayContentsOptions } from './contents.ts'
export type { HostBook } from './network/host-books.ts'
export type { HostChange } from './network/hosts.ts'
export { networkFetch } from './network/network-fetch.ts'
export type {
  AccountState,
  GivenAccount,
  HostGroup,
  HostLimit,
  HostRequest,
  InactiveState,
  NetworkAccount,
  NetworkScript,
  RelayHalf,
  TestNetworkOptions,
} from './network/network-options.ts'
export { startNetwork, type TestNetwork } from './network/test-network.ts'
export type {
  AnswerFault,
  CutFault,
  DelayFault,
  DripFault,
  EndlessFault,
  Fault,
  RelayRequest,
  RelayScript,
  StallFault,
  StatusFault,
} from './relay-script.ts'
export {
  type CollectionSourceFixture,
  collectionSourceSuite,
  type MakeCollectionSource,
} from './suites/collection-source-suite.ts'
export type { FeedStoreFixture, FeedStoreParts } from './suites/feed-helpers.ts'
export { feedStoreSuite } from './suites/feed-store-suite.ts'
export { type IndexSinkFixture, indexSinkSuite } from './suites/index-sink-suite.ts'
export {
  relayScript,
  type ServedPage,
  type ServedRequest,
  type ServePage,
  type ServerFault,
} from './suites/lister-server.ts'
export type { ProgressStoreFixture } from './suites/progress-helpers.ts'
export { progressStoreSuite } from './suites/progress-store-suite.ts'
export { type RepoIndexFixture, repoIndexSuite } from './suites/repo-index-suite.ts'
export type { MakeRepoLister, RepoListerFixture } from './suites/repo-lister-steps.ts'
export { repoListerSuite } from './suites/repo-lister-suite.ts'
export { type SharedDatabaseFixture, sharedDatabaseSuite } from './suites/shared-database-suite.ts'
export type { SuiteCase, SuiteFixture } from './suites/suite.ts'
export { startRelay, type TestRelay, type TestRelayOptions } from './test-relay.ts'
