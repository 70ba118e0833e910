// Tables of a stack in which nothing has happened: with the keys of those that there are, and no rows.

import { ask } from './rows.js';

/** Makes the tables of a stack of another name beside those of `stack`, and yields what its outputs would be. */
export async function nothing(stack) {
  const name = `nothing-${process.pid}`;
  const renamed = Object.entries(stack).filter(([key]) => key.endsWith('_table'));
  const tables = [...renamed.map(([, table]) => table), `${stack.name}-freshet-audit`];
  const other = (table) => table.replace(stack.name, name);
  for (const table of tables) {
    const { Table } = await ask(stack, 'DescribeTable', { TableName: table });
    const indexes = Table.GlobalSecondaryIndexes?.map(({ IndexName, KeySchema, Projection }) => ({
      IndexName,
      KeySchema,
      Projection,
    }));
    await ask(stack, 'CreateTable', {
      TableName: other(table),
      KeySchema: Table.KeySchema,
      AttributeDefinitions: Table.AttributeDefinitions,
      BillingMode: 'PAY_PER_REQUEST',
      ...(indexes?.length ? { GlobalSecondaryIndexes: indexes } : {}),
    });
  }
  return { ...stack, name, ...Object.fromEntries(renamed.map(([key, table]) => [key, other(table)])) };
}
