// Unpacks the Chromium of an npm package into TMPDIR, and prints its path and the environment that it needs. With this
// variable the package also unpacks the shared libraries that a bare Linux system lacks.
process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs22.x";
const { default: chromium } = await import("@sparticuz/chromium");

const path = await chromium.executablePath();
const { LD_LIBRARY_PATH, FONTCONFIG_PATH } = process.env;
console.log(JSON.stringify({ path, environment: { LD_LIBRARY_PATH, FONTCONFIG_PATH } }));
