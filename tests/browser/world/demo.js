// The demo: the whole stack on this machine, and its console.

import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from './started.js';

export const PROGRAMS = process.env.FRESHET_PROGRAMS ?? 'target/release';

/** Starts the demo on free ports, its data in a new folder. The console's address is the first that it prints. */
export async function demo(args) {
  mkdirSync('target/browser', { recursive: true });
  const folder = mkdtempSync('target/browser/stack-');
  const program = start(join(PROGRAMS, 'freshet'), ['demo', '--console-port', '0', '--data-dir', folder, ...args]);
  try {
    const [url] = await program.says(/http:\/\/\S+/);
    const [, outputs] = await program.says(/--outputs (\S+)/);
    await program.says(/going on with/);
    const stack = JSON.parse(readFileSync(outputs, 'utf8'));
    return { url: url.replace(/\/$/, ''), folder, outputs, stack, stop: () => program.stop() };
  } catch (error) {
    await program.stop();
    throw error;
  }
}
