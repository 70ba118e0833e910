// Tells each case as it ends, then what the cases measured, then how many there were.

export default class Reporter {
  passed = 0;
  other = 0;
  measured = new Map();

  onTestEnd(test, result) {
    const path = test.titlePath().filter(Boolean).slice(1).join(' › ');
    const took = `${(result.duration / 1000).toFixed(1)} s`;
    if (result.status === 'passed') this.passed += 1;
    else this.other += 1;
    console.log(`${result.status === 'passed' ? 'ok' : `FAILED (${result.status})`}  ${path}  ${took}`);
    for (const error of result.errors) console.log(indented(error.message ?? error.value ?? '', error.location));
    for (const { type, description } of test.annotations.concat(result.annotations ?? [])) {
      if (!this.measured.has(type)) this.measured.set(type, new Set());
      this.measured.get(type).add(description);
    }
  }

  onError(error) {
    this.other += 1;
    console.log(`FAILED  ${indented(error.message ?? error.value ?? '', error.location)}`);
  }

  onStdOut(text) {
    process.stdout.write(text);
  }

  onEnd() {
    for (const [type, lines] of this.measured) {
      console.log(`\n${type}`);
      for (const line of lines) console.log(`  ${line}`);
    }
    console.log();
    if (this.other > 0) console.log(`FAILED ${this.other} of ${this.passed + this.other}`);
    console.log(`browser: ${this.passed} cases`);
    if (this.passed === 0 || this.other > 0) return { status: 'failed' };
  }
}

function indented(message, location) {
  const where = location ? `\n    at ${location.file}:${location.line}` : '';
  return `    ${message.replace(/\u001b\[\d+m/g, '').split('\n').slice(0, 40).join('\n    ')}${where}`;
}
