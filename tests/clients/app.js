// What the scripts share: what they are given, how they tell what they see, and when they end.
export const given = JSON.parse(process.argv[2]);

export const tell = (seen) => console.log(JSON.stringify(seen));

// Resolves when nobody wants to hear more: when standard input ends.
export const heardEnough = () => new Promise((resolve) => process.stdin.resume().on("end", resolve));

const LIMIT_MS = 45_000;
setTimeout(() => {
  console.error(`Not done within ${LIMIT_MS} ms.`);
  process.exit(1);
}, LIMIT_MS).unref();
