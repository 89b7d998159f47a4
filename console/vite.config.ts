import { defineConfig, type Plugin } from "vite";

/** Leaves out what React Aria says to screen readers in other languages than the console's. */
const oneLanguage: Plugin = {
  name: "one-language",
  load: (id) => (/\/intl\/(\w+\/)?(?!en-US)[a-z]{2}-[A-Z]{2}\.mjs$/.test(id) ? "export default undefined" : null),
};

/** Has browsers fetch the application together with the first script, which imports it, and not once that runs. */
const preloadApp: Plugin = {
  name: "preload-app",
  transformIndexHtml: {
    order: "post",
    handler: (html, { bundle = {} }) => {
      const files = new Set(Object.keys(bundle).filter((file) => /^assets\/app-.*\.js$/.test(file)));
      for (const file of files) {
        const chunk = bundle[file];
        for (const imported of chunk?.type === "chunk" ? chunk.imports : []) files.add(imported);
      }
      return [...files]
        .filter((file) => !html.includes(file))
        .map((file) => ({
          tag: "link",
          attrs: { rel: "modulepreload", crossorigin: true, href: `/static/${file}` },
          injectTo: "head" as const,
        }));
    },
  },
};

export default defineConfig({
  base: "/static/",
  plugins: [oneLanguage, preloadApp],
  build: {
    outDir: "../graph/static",
    emptyOutDir: true,
    chunkSizeWarningLimit: 3000, // Monaco, in kB: a chunk of its own.
    license: { fileName: "licenses.md" },
    rolldownOptions: {
      checks: { moduleLevelDirective: false }, // "use client" speaks to server rendering: there is none here.
    },
  },
});
