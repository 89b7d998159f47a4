/** How files come in: chosen, looked at, and then sent one after another. */

import { useEffect, useRef } from "react";
import { Button } from "react-aria-components";
import { useNavigate } from "react-router";
import { useClient } from "urql";

import { useDraft } from "../components/draft";
import type { ChargeTariff, ImportKind } from "../schema";
import { useCaller } from "../session/session";
import { ChargeTariffChoice } from "./ChargeTariffField";
import { ChooseFiles } from "./FileDropZone";
import { ALL_KINDS } from "./importKinds";
import { ChosenFile } from "./SelectedFile";
import { UploadState } from "./UploadState";
import { isReady, isUnderWay, type Upload, uploads, useUploads } from "./uploads";

const EVENTS_ALONE: ImportKind[] = ["BATTERY_EVENTS"];

export function NewImports() {
  const client = useClient();
  const navigate = useNavigate();
  const all = useUploads();
  // Parks belong to no VPP, so who is held to some imports none.
  const kinds = useCaller().vppIds === null ? ALL_KINDS : EVENTS_ALONE;
  const [chargeTariff, setChargeTariff] = useDraft<ChargeTariff>("charge-tariff", "COST");
  // Of one that is sent alone, the page is gone to that shows what becomes of it.
  const followed = useRef<string | null>(null);
  const section = useRef<HTMLElement>(null);
  // What was chosen for an import that awaits its file is shown on that one's page.
  const chosen = all.filter(({ phase, isOfImport }) => phase === "chosen" && !isOfImport);
  const sent = all.filter(({ phase }) => phase !== "chosen");
  const ready = chosen.filter(isReady);
  const started = all.find(({ id, phase }) => phase === "started" && id === followed.current)?.id;

  useEffect(() => {
    if (started) void navigate(`/imports/${started}`);
  }, [started, navigate]);

  // Those that are started are in the list; the page need not show them twice when it is come back to.
  useEffect(
    () => () => uploads.forget(...uploads.all.filter(({ phase }) => phase === "started").map(({ id }) => id)),
    [],
  );

  function leaveOut(...left: Upload[]) {
    uploads.forget(...left.map(({ id }) => id));
    goOnHere();
  }

  // What was pressed is gone with the file it was of: whoever works by the keyboard goes on from here.
  const goOnHere = () => section.current?.focus();

  function send() {
    followed.current = ready.length === 1 && !all.some(isUnderWay) ? (ready[0]?.id ?? null) : null;
    for (const { id, kind } of ready) {
      if (kind === "BATTERY_EVENTS") uploads.change(id, { chargeTariff });
    }
    uploads.send(
      client,
      ready.map(({ id }) => id),
    );
    goOnHere();
  }

  return (
    <section ref={section} className="stack new-imports" aria-label="New imports" tabIndex={-1}>
      <span className="visually-hidden" role="status">
        {chosen.length > 0 && `${chosen.length} chosen, ${ready.length} ready to be imported`}
      </span>
      <ChooseFiles several choose={(files) => uploads.choose(files, kinds)}>
        Drop files here
      </ChooseFiles>
      {sent.map((upload) => (
        <UploadState key={upload.id} upload={upload} />
      ))}
      {chosen.map((upload) => (
        <ChosenFile key={upload.id} upload={upload} kinds={kinds} leaveOut={() => leaveOut(upload)} />
      ))}
      {chosen.length > 0 && (
        <div className="card row apart send">
          {chosen.some(({ kind, beginning }) => kind === "BATTERY_EVENTS" && typeof beginning !== "string") ? (
            <ChargeTariffChoice value={chargeTariff} onChange={setChargeTariff} />
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
              <Button className="button" onPress={() => leaveOut(...chosen)}>
                {chosen.length === 1 ? "Leave it out" : "Leave all out"}
              </Button>
              <Button className="button primary" isDisabled={ready.length === 0} onPress={send}>
                {chosen.length === 1 ? "Import" : `Import ${howMany(ready.length, chosen.length)} files`}
              </Button>
            </div>
          </div>
        </div>
      )}
    </section>
  );
}

const howMany = (ready: number, chosen: number) => (ready === chosen ? ready : `${ready} of ${chosen}`);
