import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";

/** Opens an operation in a tab of its own, with its variables as JSON. */
export function useOpenTab(): (query: string, variables: string) => void {
  const { queryEditor, variableEditor } = useGraphiQL(pick("queryEditor", "variableEditor"));
  const { addTab, stop } = useGraphiQLActions();
  return (query, variables) => {
    stop(); // What a subscription tells goes to the tab that is open.
    addTab();
    queryEditor?.setValue(query);
    variableEditor?.setValue(variables);
    // GraphiQL has no other way to show its variables in place of the headers.
    if (variables) document.querySelector<HTMLButtonElement>('.graphiql-editor-tools [data-name="variables"]')?.click();
    queryEditor?.focus();
  };
}
