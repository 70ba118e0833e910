// A program that was started, and what it says.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Starts a program; nothing of its environment is ours but what it is given. */
export function start(program, args, { env = process.env, cwd } = {}) {
  const child = spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  const listeners = new Set();
  const hear = (line) => {
    said.push(line);
    if (said.length > 500) said.shift();
    for (const listener of listeners) listener(line);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
  let ended = false;
  const exit = new Promise((resolve) => {
    child.once('error', (error) => {
      ended = true;
      hear(`${program} cannot be started: ${error.message}`);
      resolve();
    });
    child.once('exit', () => {
      ended = true;
      resolve();
    });
  });

  return {
    said,

    /** Waits until it says a line of this pattern, and yields the match. An end before that is an error. */
    says(pattern) {
      const before = said.map((line) => line.match(pattern)).find(Boolean);
      if (before) return Promise.resolve(before);
      return new Promise((resolve, reject) => {
        const listener = (line) => {
          const match = line.match(pattern);
          if (!match) return;
          listeners.delete(listener);
          resolve(match);
        };
        listeners.add(listener);
        exit.then(() => reject(new Error(`${program} ended before it said ${pattern}:\n${said.slice(-20).join('\n')}`)));
      });
    },

    /** Ends it by its id, and waits until it has ended. */
    async stop() {
      if (ended) return;
      child.kill('SIGINT');
      const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await exit;
      clearTimeout(late);
    },
  };
}

/** Runs a program to its end; what it printed. */
export async function run(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (out += data));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${out}`);
  return out;
}
