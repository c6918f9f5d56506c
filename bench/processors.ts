import { cpus } from 'node:os';

interface Times {
  readonly all: number;
  readonly idle: number;
}

const times = (): Times => {
  const each = cpus().map(({ times: { user, nice, sys, irq, idle } }) => ({
    all: user + nice + sys + irq + idle,
    idle,
  }));
  return { all: each.reduce((sum, { all }) => sum + all, 0), idle: each.reduce((sum, { idle }) => sum + idle, 0) };
};

/** Ended by a call that tells which share (0 to 1) of the time the processors of this machine were busy, with whatever. */
export function watchProcessors(): () => number {
  const before = times();
  return () => {
    const { all, idle } = times();
    return Math.round((1 - (idle - before.idle) / (all - before.all)) * 100) / 100;
  };
}
