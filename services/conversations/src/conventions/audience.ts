import type { Emission, RequestTx } from '#common/database/index';

type Scope = Pick<Emission<object>, 'organizationId' | 'audience'>;

/** For the user alone: what belongs to a user is nobody else's to see, not the organization's either. */
export const onlyFor = (userId: string): Pick<Scope, 'audience'> => ({
  audience: { organizations: [], users: [userId] },
});

/** For the caller alone, under the caller's organization where there is one. */
export const onlyForCaller = ({ caller }: RequestTx): Scope => ({
  organizationId: caller.organizationId,
  ...onlyFor(caller.userId),
});
