// PaymentKit's client makes, reads, changes, lists and removes a webhook endpoint of the service on a port; what it got
// is printed as one JSON list. Its settings are those that a blocklet gets from its server.
const [port, secretKey, target] = process.argv.slice(2);
const RUNNING = 6;

Object.assign(process.env, {
  BLOCKLET_APP_SK: `0x${secretKey}`,
  BLOCKLET_APP_ASK: `0x${secretKey}`,
  BLOCKLET_APP_NAME: 'test',
  BLOCKLET_COMPONENT_DID: 'z8iZtest',
  BLOCKLET_MOUNT_POINTS: JSON.stringify([
    { did: 'z2qaCNvKMv5GjouKdcDWexv6WqtHbpNPQDnAk', name: 'payment-kit', status: RUNNING, port: Number(port) },
  ]),
  PAYMENT_LIVEMODE: 'false',
});

const { webhookEndpoints } = require('@blocklet/payment-js').default;

(async () => {
  const steps = [];
  const created = await webhookEndpoints.create({
    url: target,
    enabled_events: ['order.*'],
    description: 'Bücher',
    metadata: { a: 'b', n: 1 },
  });
  steps.push(created);
  steps.push(await webhookEndpoints.retrieve(created.id));
  steps.push(await webhookEndpoints.update(created.id, { status: 'disabled', enabled_events: ['*'] }));
  steps.push(await webhookEndpoints.list({ page: 1, size: 10 }));
  steps.push(await webhookEndpoints.del(created.id));
  steps.push(await webhookEndpoints.list({}));
  await webhookEndpoints.retrieve(created.id).catch((error) => steps.push({ status: error.response.status }));
  console.log(JSON.stringify(steps));
  process.exit(0);
})().catch((error) => {
  console.error('FAILED', error.message, error.response && error.response.data);
  process.exit(1);
});
