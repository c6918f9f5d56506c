import { loadConfig } from '#common/config/index';
import { stopOnSignals } from '#common/http/index';
import { createLogger } from '#common/observability/index';
import { GatewayConfig } from './gateway.config.js';
import { startGateway } from './start-gateway.js';

try {
  const config = loadConfig(GatewayConfig);
  const { app } = await startGateway(config);
  stopOnSignals(app, createLogger('gateway', config.LOG_LEVEL));
} catch (error) {
  createLogger('gateway', 'info').fatal({ err: error }, error instanceof Error ? error.message : 'cannot start');
  process.exitCode = 1;
}
