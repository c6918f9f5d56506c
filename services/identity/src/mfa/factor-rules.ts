/** Factors of a user at most, verified or not. */
export const factorLimit = 10;
/** Seconds for which a challenge can be answered. */
export const challengeLifetime = 300;
/** Challenges of a factor that are kept; the oldest goes first. */
export const challengesKept = 10;
/** Wrong codes that a challenge takes. */
export const failuresPerChallenge = 5;
/** Wrong codes that a factor takes in so many seconds, whatever the challenges. */
export const failuresPerFactor = 10;
export const failureWindow = 3_600;

/** What a factor's secret is sealed for. */
export const secretContext = (factorId: string): string => `mfa_factors:${factorId}`;
