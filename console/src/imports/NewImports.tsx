/** Uploads: files are selected, previewed, and then sent one after another. */

import { useEffect, useRef } from "react";
import { Button } from "react-aria-components";
import { useNavigate } from "react-router";
import { useClient } from "urql";

import { useDraft } from "../components/draft";
import type { ChargeTariff, ImportKind } from "../schema";
import { useCaller } from "../session/session";
import { ChargeTariffField } from "./ChargeTariffField";
import { FileDropZone } from "./FileDropZone";
import { ALL_KINDS } from "./importKinds";
import { SelectedFile } from "./SelectedFile";
import { UploadState } from "./UploadState";
import { isReady, isUnderWay, type Upload, uploads, useUploads } from "./uploads";

const EVENTS_ONLY: ImportKind[] = ["BATTERY_EVENTS"];

export function NewImports() {
  const client = useClient();
  const navigate = useNavigate();
  const all = useUploads();
  // Parks belong to no VPP, so callers restricted to some VPPs cannot import parks or readings.
  const kinds = useCaller().vppIds === null ? ALL_KINDS : EVENTS_ONLY;
  const [chargeTariff, setChargeTariff] = useDraft<ChargeTariff>("charge-tariff", "COST");
  // If a single file is sent, its import's page opens when the import has started.
  const autoOpenId = useRef<string | null>(null);
  const section = useRef<HTMLElement>(null);
  // A file selected for an existing import is shown on that import's page.
  const selected = all.filter(({ phase, isExistingImport }) => phase === "chosen" && !isExistingImport);
  const sent = all.filter(({ phase }) => phase !== "chosen");
  const ready = selected.filter(isReady);
  const startedId = all.find(({ id, phase }) => phase === "started" && id === autoOpenId.current)?.id;

  useEffect(() => {
    if (startedId) void navigate(`/imports/${startedId}`);
  }, [startedId, navigate]);

  // On leaving the page, forget the started uploads: the list of imports shows them.
  useEffect(
    () => () => uploads.remove(...uploads.all.filter(({ phase }) => phase === "started").map(({ id }) => id)),
    [],
  );

  function remove(...removed: Upload[]) {
    uploads.remove(...removed.map(({ id }) => id));
    focusSection();
  }

  // The pressed button disappears with its file. Move the focus here, so that keyboard users stay in this section.
  const focusSection = () => section.current?.focus();

  function send() {
    autoOpenId.current = ready.length === 1 && !all.some(isUnderWay) ? (ready[0]?.id ?? null) : null;
    for (const { id, kind } of ready) {
      if (kind === "BATTERY_EVENTS") uploads.update(id, { chargeTariff });
    }
    uploads.send(
      client,
      ready.map(({ id }) => id),
    );
    focusSection();
  }

  return (
    <section ref={section} className="stack new-imports" aria-label="New imports" tabIndex={-1}>
      <span className="visually-hidden" role="status">
        {selected.length > 0 && `${selected.length} selected, ${ready.length} ready to import`}
      </span>
      <FileDropZone allowsMultiple onSelect={(files) => uploads.add(files, kinds)}>
        Drop files here
      </FileDropZone>
      {sent.map((upload) => (
        <UploadState key={upload.id} upload={upload} />
      ))}
      {selected.map((upload) => (
        <SelectedFile key={upload.id} upload={upload} kinds={kinds} onRemove={() => remove(upload)} />
      ))}
      {selected.length > 0 && (
        <div className="card row apart send">
          {selected.some(({ kind, preview }) => kind === "BATTERY_EVENTS" && typeof preview !== "string") ? (
            <ChargeTariffField value={chargeTariff} onChange={setChargeTariff} />
          ) : (
            <span />
          )}
          <div className="stack" style={{ "--gap": "0.5rem" }}>
            {ready.length < selected.length && (
              <p className="soft small">
                {selected.length === 1 ? "It" : `${selected.length - ready.length} of them`} cannot be sent yet: see
                above.
              </p>
            )}
            <div className="row">
              <Button className="button" onPress={() => remove(...selected)}>
                {selected.length === 1 ? "Remove" : "Remove all"}
              </Button>
              <Button className="button primary" isDisabled={ready.length === 0} onPress={send}>
                {selected.length === 1 ? "Import" : `Import ${countLabel(ready.length, selected.length)} files`}
              </Button>
            </div>
          </div>
        </div>
      )}
    </section>
  );
}

const countLabel = (ready: number, chosen: number) => (ready === chosen ? ready : `${ready} of ${chosen}`);
