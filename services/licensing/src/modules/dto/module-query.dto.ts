import { IsIn, IsOptional } from 'class-validator';
import { PageQuery } from '#common/http/index';

export class ModuleQuery extends PageQuery {
  @IsOptional()
  @IsIn(['createdAt', '-createdAt'])
  sort: 'createdAt' | '-createdAt' = '-createdAt';
}
