/** The toolbar above GraphiQL: example operations, and the credentials to send. */

import { pick, useGraphiQL, useHeadersEditorState } from "@graphiql/react";
import { ChevronDown } from "lucide-react";
import { useEffect, useRef } from "react";
import { Button, Input, Label, Menu, MenuItem, MenuTrigger, Popover, TextField } from "react-aria-components";
import { useClient } from "urql";

import { SelectField } from "../components/fields";
import { type Mode, readCredentials, withCredentials } from "./credentials";
import { EXAMPLES, present } from "./examples";
import { useOpenTab } from "./openTab";

const MODES: { value: Mode; label: string }[] = [
  { value: "SESSION", label: "Your session" },
  { value: "KEY", label: "Another API key" },
  { value: "TOKEN", label: "Bearer token" },
  { value: "NONE", label: "None" },
];

export function Toolbar() {
  return (
    <header className="graphiql-bar row apart">
      <h1>GraphiQL</h1>
      <Examples />
      <Credentials />
    </header>
  );
}

function Examples() {
  const client = useClient();
  const openTab = useOpenTab();

  async function open(title: string) {
    const example = EXAMPLES.find((candidate) => candidate.title === title);
    if (example) openTab(example.query, JSON.stringify(example.variables(await present(client)), null, 2));
  }

  return (
    <MenuTrigger>
      <Button className="button">
        Examples
        <ChevronDown size={16} aria-hidden />
      </Button>
      <Popover className="popover">
        <Menu items={EXAMPLES} onAction={(title) => void open(String(title))}>
          {({ title }) => <MenuItem id={title}>{title}</MenuItem>}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

/** A view of the open tab's headers, which are the single source of truth: editing them updates this field, too. */
function Credentials() {
  const { tabs, headerEditor, initialHeaders } = useGraphiQL(pick("tabs", "headerEditor", "initialHeaders"));
  const [text, setText] = useHeadersEditorState();
  const headers = headerEditor ? text : initialHeaders;
  const { mode, secret } = readCredentials(headers);
  const write = (mode: Mode, secret: string) => headerEditor && setText(withCredentials(headers, mode, secret));

  // A new tab takes over the credentials of the previous one.
  const previous = useRef({ count: tabs.length, mode, secret });
  useEffect(() => {
    const { count, mode: previousMode, secret: previousSecret } = previous.current;
    const isAdded = tabs.length > count && (mode !== previousMode || secret !== previousSecret);
    previous.current = { count: tabs.length, mode, secret };
    if (isAdded) setText(withCredentials(text, previousMode, previousSecret));
  }, [tabs.length, mode, secret, text, setText]);

  return (
    <div className="row">
      <SelectField label="Credentials" options={MODES} value={mode} onChange={(chosen) => write(chosen, "")} />
      {(mode === "KEY" || mode === "TOKEN") && (
        <TextField
          className="field"
          type="password"
          autoComplete="off"
          value={secret}
          onChange={(typed) => write(mode, typed.trim())}
        >
          <Label className="visually-hidden">{mode === "KEY" ? "API key" : "Token"}</Label>
          <Input placeholder={mode === "KEY" ? "da2-…" : "eyJ…"} spellCheck={false} />
        </TextField>
      )}
    </div>
  );
}
