/** Calls back once whoever started this process over an IPC channel is gone, which may have happened already. */
export function onLauncherGone(stop: () => void): void {
  if (!process.send) return;
  if (process.connected) process.once('disconnect', stop);
  else stop();
}
