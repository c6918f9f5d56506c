import { migration, secondWall } from '#common/database/index';

export const SecondWall1796070000000 = migration('SecondWall1796070000000', secondWall('conversations'));
