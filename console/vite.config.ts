import { defineConfig, type Plugin } from "vite";

/** Drops React Aria's screen reader texts in languages other than English. */
const englishOnly: Plugin = {
  name: "english-only",
  load: (id) => (/\/intl\/(\w+\/)?(?!en-US)[a-z]{2}-[A-Z]{2}\.mjs$/.test(id) ? "export default undefined" : null),
};

/** Adds modulepreload links for the application chunk, so that browsers fetch it together with the entry script. */
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
  plugins: [englishOnly, preloadApp],
  build: {
    outDir: "../graph/static",
    emptyOutDir: true,
    chunkSizeWarningLimit: 3000, // In kB. Monaco is a separate chunk.
    license: { fileName: "licenses.md" },
    rolldownOptions: {
      checks: { moduleLevelDirective: false }, // Silences "use client" warnings: the directive is for server rendering, which the console does not use.
    },
  },
});
