/** How files come in: chosen, looked at, and then sent one after another. */

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
  // Parks belong to no VPP, so who is held to some imports none.
  const kinds = useCaller().vppIds === null ? ALL_KINDS : EVENTS_ONLY;
  const [chargeTariff, setChargeTariff] = useDraft<ChargeTariff>("charge-tariff", "COST");
  // Of one that is sent alone, the page is gone to that shows what becomes of it.
  const autoOpenId = useRef<string | null>(null);
  const section = useRef<HTMLElement>(null);
  // What was chosen for an import that awaits its file is shown on that one's page.
  const chosen = all.filter(({ phase, isExistingImport }) => phase === "chosen" && !isExistingImport);
  const sent = all.filter(({ phase }) => phase !== "chosen");
  const ready = chosen.filter(isReady);
  const started = all.find(({ id, phase }) => phase === "started" && id === autoOpenId.current)?.id;

  useEffect(() => {
    if (started) void navigate(`/imports/${started}`);
  }, [started, navigate]);

  // Those that are started are in the list; the page need not show them twice when it is come back to.
  useEffect(
    () => () => uploads.remove(...uploads.all.filter(({ phase }) => phase === "started").map(({ id }) => id)),
    [],
  );

  function remove(...removed: Upload[]) {
    uploads.remove(...removed.map(({ id }) => id));
    focusSection();
  }

  // What was pressed is gone with the file it was of: whoever works by the keyboard goes on from here.
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
        {chosen.length > 0 && `${chosen.length} chosen, ${ready.length} ready to be imported`}
      </span>
      <FileDropZone allowsMultiple onSelect={(files) => uploads.add(files, kinds)}>
        Drop files here
      </FileDropZone>
      {sent.map((upload) => (
        <UploadState key={upload.id} upload={upload} />
      ))}
      {chosen.map((upload) => (
        <SelectedFile key={upload.id} upload={upload} kinds={kinds} onRemove={() => remove(upload)} />
      ))}
      {chosen.length > 0 && (
        <div className="card row apart send">
          {chosen.some(({ kind, preview }) => kind === "BATTERY_EVENTS" && typeof preview !== "string") ? (
            <ChargeTariffField value={chargeTariff} onChange={setChargeTariff} />
          ) : (
            <span />
          )}
          <div className="stack" style={{ "--gap": "0.5rem" }}>
            {ready.length < chosen.length && (
              <p className="soft small">
                {chosen.length === 1 ? "It" : `${chosen.length - ready.length} of them`} cannot be sent yet: see above.
              </p>
            )}
            <div className="row">
              <Button className="button" onPress={() => remove(...chosen)}>
                {chosen.length === 1 ? "Leave it out" : "Leave all out"}
              </Button>
              <Button className="button primary" isDisabled={ready.length === 0} onPress={send}>
                {chosen.length === 1 ? "Import" : `Import ${countLabel(ready.length, chosen.length)} files`}
              </Button>
            </div>
          </div>
        </div>
      )}
    </section>
  );
}

const countLabel = (ready: number, chosen: number) => (ready === chosen ? ready : `${ready} of ${chosen}`);
