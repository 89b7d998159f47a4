/** How files come in: chosen, looked at, and then sent one after another. */

import { useEffect, useRef } from "react";
import { Button } from "react-aria-components";
import { useNavigate } from "react-router";
import { useClient } from "urql";

import { useDraft } from "../parts/draft";
import type { ChargeTariff } from "../schema";
import { useCaller } from "../session/session";
import { ChargeTariffChoice } from "./ChargeTariffChoice";
import { ChooseFiles } from "./ChooseFiles";
import { ChosenFile } from "./ChosenFile";
import { ALL_KINDS } from "./kinds";
import { UploadState } from "./UploadState";
import { isReady, isUnderWay, uploads, useUploads } from "./uploads";

export function NewImports() {
  const client = useClient();
  const navigate = useNavigate();
  const all = useUploads();
  const isHeld = useCaller().vppIds !== null;
  const [chargeTariff, setChargeTariff] = useDraft<ChargeTariff>("charge-tariff", "COST");
  // Of one that is sent alone, the page is gone to that shows what becomes of it.
  const followed = useRef<string | null>(null);
  const chosen = all.filter(({ phase }) => phase === "chosen");
  const sent = all.filter(({ phase }) => phase !== "chosen");
  const ready = chosen.filter(isReady);
  const areStarted = all.find(({ id, phase }) => phase === "started" && id === followed.current)?.id;

  useEffect(() => {
    if (areStarted) void navigate(`/imports/${areStarted}`);
  }, [areStarted, navigate]);

  // Those that are started are in the list; the page need not show them twice when it is come back to.
  useEffect(
    () => () => uploads.forget(...uploads.all.filter(({ phase }) => phase === "started").map(({ id }) => id)),
    [],
  );

  function send() {
    followed.current = ready.length === 1 && !all.some(isUnderWay) ? (ready[0]?.id ?? null) : null;
    for (const { id, kind, isOfImport } of ready) {
      if (kind === "BATTERY_EVENTS" && !isOfImport) uploads.change(id, { chargeTariff });
    }
    uploads.send(
      client,
      ready.map(({ id }) => id),
    );
  }

  return (
    <section className="stack" aria-label="New imports">
      <ChooseFiles several choose={(files) => uploads.choose(files)}>
        Drop files here
      </ChooseFiles>
      {sent.map((upload) => (
        <UploadState key={upload.id} upload={upload} />
      ))}
      {chosen.map((upload) => (
        <ChosenFile key={upload.id} upload={upload} kinds={isHeld ? ["BATTERY_EVENTS"] : ALL_KINDS} />
      ))}
      {chosen.length > 0 && (
        <div className="card row apart send">
          {chosen.some(({ kind, beginning }) => kind === "BATTERY_EVENTS" && typeof beginning === "object") ? (
            <ChargeTariffChoice value={chargeTariff} onChange={setChargeTariff} />
          ) : (
            <span />
          )}
          {ready.length < chosen.length && (
            <p className="soft small">
              {chosen.length === 1 ? "It" : `${chosen.length - ready.length} of them`} cannot be sent yet: see above.
            </p>
          )}
          <div className="row">
            <Button className="button" onPress={() => uploads.forget(...chosen.map(({ id }) => id))}>
              Leave all out
            </Button>
            <Button className="button primary" isDisabled={ready.length === 0} onPress={send}>
              {chosen.length === 1 ? "Import" : `Import ${ready.length} of ${chosen.length} files`}
            </Button>
          </div>
        </div>
      )}
    </section>
  );
}
