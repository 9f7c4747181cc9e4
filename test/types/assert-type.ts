/** Whether two types are the same, not only assignable to each other. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only if the claim is true. Nothing happens when it runs. */
export function assertType<_Claim extends true>(): void {}
