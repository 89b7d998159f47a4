// Shared by all client apps: their options, their output and how they stop.
export const options = JSON.parse(process.argv[2]);

// Prints a message as one line of JSON.
export const print = (message) => console.log(JSON.stringify(message));

// Resolves when standard input ends, by which the test asks the app to stop.
export const stopRequested = () => new Promise((resolve) => process.stdin.resume().on("end", resolve));

// Shorter than WAIT_S of the tests, so that they fail with this message.
const TIMEOUT_MS = 110_000;
setTimeout(() => {
  console.error(`The app has not ended within ${TIMEOUT_MS} ms.`);
  process.exit(1);
}, TIMEOUT_MS).unref();
