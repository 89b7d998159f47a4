import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button } from "react-aria-components";

/** A text with a button that copies it to the clipboard. */
export function CopyText({ label, text }: { label: string; text: string }) {
  const [isCopied, setIsCopied] = useState(false);
  return (
    <span className="row small" style={{ "--gap": "0.35rem", flexWrap: "nowrap" }}>
      <span className="soft">{label}</span>
      <code style={{ overflowWrap: "anywhere" }}>{text}</code>
      {/* navigator.clipboard exists only in secure contexts (TLS, or localhost). Elsewhere the button is not shown. */}
      {"clipboard" in navigator && (
        <Button
          className="button quiet icon"
          aria-label={isCopied ? `${label} copied` : `Copy ${label.toLowerCase()}`}
          onPress={async () => {
            await navigator.clipboard.writeText(text);
            setIsCopied(true);
          }}
        >
          {isCopied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
        </Button>
      )}
    </span>
  );
}
