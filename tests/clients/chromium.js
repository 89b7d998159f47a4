// Unpacks the Chromium of an npm package into TMPDIR, and prints its path and the environment that it needs. Arguments are
// folders with more fonts than those of the package.
import { writeFileSync } from "node:fs";
import { argv } from "node:process";

// With this variable the package also unpacks the shared libraries that a bare Linux system lacks.
process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs22.x";
const { default: chromium } = await import("@sparticuz/chromium");

const path = await chromium.executablePath();
const { LD_LIBRARY_PATH, FONTCONFIG_PATH } = process.env;
// The package's own fonts.conf names /tmp/fonts, whatever TMPDIR is. Without a font, Chromium shows no text at all.
const folders = [FONTCONFIG_PATH, ...argv.slice(2)].map((folder) => `<dir>${folder}</dir>`).join("");
writeFileSync(
  `${FONTCONFIG_PATH}/fonts.conf`,
  `<fontconfig>${folders}<cachedir>${FONTCONFIG_PATH}/cache</cachedir></fontconfig>`,
);
console.log(JSON.stringify({ path, environment: { LD_LIBRARY_PATH, FONTCONFIG_PATH } }));
