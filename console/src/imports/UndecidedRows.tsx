import { useState } from "react";
import { Button } from "react-aria-components";
import { Link } from "react-router";
import { type CombinedError, useMutation, useQuery } from "urql";

import { formatCount, formatMoney } from "../components/format";
import { Notice } from "../components/Notice";
import { Failure } from "../components/states";
import { type Duplicates, GetOverlapsDocument, type ImportStateFragment, UpdateImportDocument } from "../schema";
import { useHasRole } from "../session/session";
import { AnchoredSection } from "./AnchoredSection";

interface Props {
  importState: ImportStateFragment;
  onUpdate: (told: ImportStateFragment) => void;
}

/** Rows that another import may have already: the question, what each answer would pay, and the buttons to answer. */
export function UndecidedRows({ importState: { id, rowsUndecided }, onUpdate }: Props) {
  const mayDecide = useHasRole("OPERATOR");
  const [{ data, error }] = useQuery({ query: GetOverlapsDocument, variables: { id }, requestPolicy: "network-only" });
  const [{ fetching }, update] = useMutation(UpdateImportDocument);
  const [refusal, setRefusal] = useState<CombinedError>();
  const overlaps = data?.getImport?.overlaps.filter((overlap) => overlap.rowsUndecided > 0);

  async function decide(duplicates: Duplicates) {
    const result = await update({ input: { id, duplicates } });
    setRefusal(result.error);
    if (result.data?.updateImport) onUpdate(result.data.updateImport);
  }

  return (
    <AnchoredSection id="undecided" title="Undecided rows">
      {error && <Failure error={error} />}
      {refusal && <Failure error={refusal} />}
      <Notice tone="warn">
        <p>
          <strong>{formatCount(rowsUndecided, "row")} may be in another import already.</strong> Equal rows are there,
          and not all of them give a time of day. Until you decide, these rows do not count.
        </p>
        <ul>
          {overlaps?.map((overlap) => (
            <li key={overlap.otherImportId}>
              {formatCount(overlap.rowsUndecided, "row")} like those of{" "}
              <Link to={`/imports/${overlap.otherImportId}`}>this import</Link>, worth{" "}
              {formatMoney(overlap.undecidedValueAud)}
            </li>
          ))}
        </ul>
        {mayDecide && (
          <div className="row">
            <Button className="button" isDisabled={fetching} onPress={() => void decide("SKIP")}>
              They are the same events: leave them out
            </Button>
            <Button className="button" isDisabled={fetching} onPress={() => void decide("COUNT")}>
              They are other events: count them
            </Button>
          </div>
        )}
      </Notice>
    </AnchoredSection>
  );
}
