/** Who asks: the columns of the table, which says who they are. */
export const kinds = [
  'none',
  'expired',
  'foreign',
  'ended',
  'outsider',
  'stranger',
  'viewer',
  'member',
  'admin',
  'owner',
  'platform',
] as const;

export type Kind = (typeof kinds)[number];
