import { eventHealing, migration } from '#common/database/index';

export const EventHealing1795950000000 = migration('EventHealing1795950000000', eventHealing('crm'));
