/** Characters of a password. */
export const passwordLength = { min: 8, max: 256 } as const;
