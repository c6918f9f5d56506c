import { Controller, Get } from '@nestjs/common';
import { routes } from './routes.js';

/** What a newcomer sees at the root of the API. */
@Controller()
export class WelcomeController {
  @Get()
  welcome(): { name: string; docs: string; health: string; paths: readonly string[] } {
    return { name: 'Clarity', docs: '/docs', health: '/health/ready', paths: routes.map(([path]) => path) };
  }
}
