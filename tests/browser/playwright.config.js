// One worker: the cases share a demo, which has this machine's processors to itself beside the browser.

import { defineConfig } from '@playwright/test';

// Chromium refuses its sandbox to root, as which containers run.
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

export default defineConfig({
  testDir: 'cases',
  outputDir: '../../target/browser/traces',
  globalSetup: './setup.js',
  reporter: './reporter.js',
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  // What failed is told, and not tried until it passes.
  retries: 0,
  forbidOnly: true,
  use: {
    browserName: 'chromium',
    launchOptions: { executablePath: process.env.CHROMIUM, args },
    // The function URL's certificate is of this machine.
    ignoreHTTPSErrors: true,
    // What is not there is missed at once, and not when the case has no time left.
    actionTimeout: 20_000,
    trace: 'retain-on-failure',
    viewport: { width: 1280, height: 800 },
  },
});
