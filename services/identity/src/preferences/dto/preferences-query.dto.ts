import { ChangesQuery, SortedBy } from '#common/http/index';

export class PreferencesQuery extends ChangesQuery {
  @SortedBy('updatedAt', 'preferenceKey')
  override sort = '-createdAt';
}
