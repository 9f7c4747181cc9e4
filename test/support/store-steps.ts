// What tests of the stores share with the suites, beyond what the package exports.
export { LEASE_MS, mustClaim, RELAY as SOURCE } from '../../src/testing/suites/progress-helpers.ts'
export { didsFrom } from '../../src/testing/suites/samples.ts'
