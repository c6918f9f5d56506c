import { runService } from '#common/bootstrap/index';
import { defineNotes } from './house.js';

/** A replica in a process of its own, for what cannot be survived or would freeze the test. */
await runService(() => defineNotes(process.env));
