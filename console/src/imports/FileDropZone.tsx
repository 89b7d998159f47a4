import { FileUp } from "lucide-react";
import { Button, DropZone, FileTrigger, Text } from "react-aria-components";

/** An area to drop or paste files, with a button that opens the file chooser. */
export function FileDropZone({
  allowsMultiple = false,
  onSelect,
  children,
}: {
  allowsMultiple?: boolean;
  onSelect: (files: File[]) => void;
  children: string;
}) {
  return (
    <DropZone
      className="drop"
      getDropOperation={() => "copy"}
      onDrop={async ({ items }) => {
        const files = await Promise.all(items.flatMap((item) => (item.kind === "file" ? [item.getFile()] : [])));
        if (files.length > 0) onSelect(allowsMultiple ? files : files.slice(0, 1));
      }}
    >
      <FileUp size={28} aria-hidden className="soft" />
      <Text slot="label">{children}</Text>
      <FileTrigger
        allowsMultiple={allowsMultiple}
        acceptedFileTypes={[".csv", ".gz", ".txt", "text/csv", "application/gzip"]}
        onSelect={(files) => files && files.length > 0 && onSelect([...files])}
      >
        <Button className="button">{allowsMultiple ? "Choose files" : "Choose the file"}</Button>
      </FileTrigger>
      <p className="soft small">
        CSV in UTF-8, plain or compressed with gzip. You see a preview before the file is sent.
      </p>
    </DropZone>
  );
}
