/** Seconds for which an access token is valid. */
export const accessTokenLifetime = 3_600;

/** Seconds in the life of a signing key, by the database's clock. */
export const keyTimes = {
  /**
   * Between the publication of a key and its first use: more than anybody keeps the key set. auth-js and jose keep it for
   * ten minutes; Clarity's services read it every 5 s.
   */
  published: 900,
  /** The same when there is no time to wait for others than Clarity's services. */
  hurried: 15,
  /** Between the last use of a key and its end: until its last token is void, with room for clocks that differ. */
  retired: accessTokenLifetime + 300,
} as const;

/** Milliseconds for which a replica goes on signing with a key that is no longer the current one. */
export const currentFor = 1_000;
