import { onLauncherGone } from './launcher-gone.js';
import { MailCatcher } from './mail-catcher.js';

/** The process that catches mail. */
const catcher = await MailCatcher.start({
  smtp: Number(process.env.MAIL_SMTP_PORT),
  page: Number(process.env.SERVICE_PORT),
  host: process.env.SERVICE_HOST,
});
const stop = () => void catcher.stop().finally(() => process.exit(0));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
onLauncherGone(stop);
