// Changes that have failed because the helpdesk does not take what is for a queue.

import { expect } from '@playwright/test';
import { forQueue, isClosed } from './helpdesk.js';
import { put, ticket } from './rows.js';

export const PIPELINE = 'tickets-to-helpdesk';

let queues = 0;

/** Puts so many tickets for a closed queue of their own, and waits until all are on the page of problems; the queue. */
export async function refused(page, url, stack, count) {
  // Letters only: numbers are no part of what is wrong.
  const letters = [...`${Date.now()}${(queues += 1)}`].map((digit) => 'abcdefghij'[digit]).join('');
  const queue = `q${letters}`;
  const ids = Array.from({ length: count }, (_, each) => `t-${queue}-${each + 1}`);
  await Promise.all(ids.map((id) => put(stack, 'store-tickets', ticket(id, `Ticket ${forQueue(queue)}`))));
  await expect(async () => {
    await page.goto(`${url}/problems?pipeline=${PIPELINE}`);
    await expect(problemsOf(page, queue)).toContainText(`${count} change${count === 1 ? '' : 's'} of ${PIPELINE}`, { timeout: 500 });
  }, `${count} failures for the queue ${queue}`).toPass();
  return queue;
}

/** Those of a queue, on the page of problems. */
export const problemsOf = (page, queue) => page.locator('section', { hasText: isClosed(queue) });

/** What the page of problems sends to send a queue's again. */
export const retryAll = (page, queue) => problemsOf(page, queue).getByRole('button', { name: /^Send (it|all \d+) again/ });
