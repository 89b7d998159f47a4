/** Simulates the month with other terms, at each move of a slider. Nothing is stored. */

import { useEffect, useMemo, useState } from "react";
import { Button, Input, Label, NumberField, Slider, SliderFill, SliderThumb, SliderTrack } from "react-aria-components";
import { Link } from "react-router";
import { useQuery } from "urql";

import { formatMoney, formatMonth, parseCents } from "../components/format";
import { Notice } from "../components/Notice";
import { Failure } from "../components/states";
import { TryTermsDocument } from "../schema";
import { useHasRole } from "../session/session";
import { formatDifference, type Line, TOTALS, type Totals } from "./figures";
import { ReportPeriod } from "./MoneyFlow";
import type { Revision } from "./reportQueries";
import { SimulatedLines } from "./SimulatedLines";
import { formatAllTerms, mergeSpans, type Terms } from "./terms";

interface SimulatedTerms {
  percentage: number;
  dailyFee: number;
}

// The debounce time: long enough that a moving slider does not send a query for each step.
const DEBOUNCE_MS = 250;

export function TermsSimulation({
  vpp,
  report,
  totals,
  terms,
  lines,
}: {
  vpp: { id: string };
  report: Revision;
  totals: Totals;
  terms: readonly Terms[];
  lines: readonly Line[];
}) {
  const last = terms.at(-1);
  const settled = useMemo(
    () => ({ percentage: last?.revenuePercentage ?? 0, dailyFee: last?.dailyFeeAud ?? 0 }),
    [last],
  );
  const [simulated, setSimulated] = useState<SimulatedTerms>(settled);
  const [isTouched, setIsTouched] = useState(false);
  const [withLines, setWithLines] = useState(false);
  const mayChange = useHasRole("OPERATOR");
  const debouncedTerms = useDebounced(simulated);
  const [{ data, error, fetching }, retry] = useQuery({
    query: TryTermsDocument,
    variables: {
      input: {
        ...{ vppId: vpp.id, month: report.month },
        ...{ revenuePercentage: debouncedTerms.percentage, dailyFeeAud: debouncedTerms.dailyFee },
      },
      withLines,
    },
    pause: !isTouched,
    requestPolicy: "network-only",
  });
  const result = isTouched ? data?.simulateRevenueReport : undefined;
  const isPending = isTouched && (fetching || debouncedTerms !== simulated);
  const changeTerms = (part: Partial<SimulatedTerms>) => {
    setSimulated({ ...simulated, ...part });
    setIsTouched(true);
  };

  return (
    <section className="card stack" aria-labelledby="what-if">
      <div className="row apart">
        <h2 id="what-if">What if the terms were different?</h2>
        <ReportPeriod report={report} />
      </div>
      <p className="soft">
        As you move the sliders, {formatMonth(report.month)} is settled again: with these terms for the whole month, and
        the current members, batteries and events. Nothing is stored.
        {mayChange && (
          <>
            {" "}
            <Link to={`/vpps/${vpp.id}`}>Change the VPP's terms</Link>
          </>
        )}
      </p>
      {mergeSpans(terms).length > 1 && (
        <p className="small">It was settled at {formatAllTerms(terms)}. The sliders start at the last of these.</p>
      )}
      {(report.isStale || !report.isLatest) && (
        <Notice tone="warn">
          The inputs of revision {report.revision} have changed since: part of the difference comes from that.
        </Notice>
      )}
      <div className="what-if">
        <div className="stack">
          <TermField
            label="Share of revenue the VPP takes"
            unit="%"
            value={simulated.percentage}
            maxValue={100}
            sliderMax={100}
            step={0.5}
            onChange={(percentage) => changeTerms({ percentage })}
          />
          <TermField
            label="Daily fee per site"
            unit="AUD"
            value={simulated.dailyFee}
            maxValue={1_000_000}
            sliderMax={Math.max(2, settled.dailyFee * 2)}
            step={0.05}
            onChange={(dailyFee) => changeTerms({ dailyFee })}
          />
          <div className="row">
            <Button
              className="button"
              isDisabled={!isTouched}
              onPress={() => {
                setSimulated(settled);
                setIsTouched(false);
              }}
            >
              Reset to the settled terms
            </Button>
            <Button
              className="button quiet"
              aria-expanded={withLines}
              onPress={() => {
                setWithLines(!withLines);
                setIsTouched(true);
              }}
            >
              {withLines ? "Hide the lines" : "Show the lines"}
            </Button>
          </div>
        </div>
        <div className="scrolls">
          <table className="compared" aria-busy={isPending} aria-label="Settled and simulated">
            <thead>
              <tr>
                <th scope="col">AUD</th>
                <th scope="col">Settled</th>
                <th scope="col">Simulated</th>
                <th scope="col">Difference</th>
              </tr>
            </thead>
            <tbody>
              {TOTALS.map(({ id, label }) => (
                <tr key={id}>
                  <th scope="row">{label}</th>
                  <td className="number">{formatMoney(totals[id])}</td>
                  <td className="number">{result ? formatMoney(result.totals[id]) : "–"}</td>
                  <td className="number">
                    {result ? formatDifference(parseCents(result.totals[id]) - parseCents(totals[id])) : "–"}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
      <p className="visually-hidden" role="status">
        {result &&
          !isPending &&
          `VPP total ${formatMoney(result.totals.vppTotalAud)}, site total ${formatMoney(result.totals.siteTotalAud)}`}
      </p>
      {isTouched && error && <Failure error={error} retry={retry} />}
      {withLines && <SimulatedLines settled={lines} simulated={result?.lineItems ?? null} />}
    </section>
  );
}

/** One of the terms, as a slider and a number field. */
function TermField({
  label,
  unit,
  value,
  maxValue,
  sliderMax,
  step,
  onChange,
}: {
  label: string;
  unit: string;
  value: number;
  maxValue: number;
  sliderMax: number;
  step: number;
  onChange: (value: number) => void;
}) {
  // A typed value may exceed the slider's range. The range is then extended, and does not shrink as the slider moves.
  const [typed, setTyped] = useState(0);
  return (
    <div className="term">
      <Slider className="slider" value={value} maxValue={Math.max(sliderMax, typed)} step={step} onChange={onChange}>
        <Label>{label}</Label>
        <SliderTrack className="track">
          <SliderFill className="fill" />
          <SliderThumb className="thumb" />
        </SliderTrack>
      </Slider>
      <NumberField
        className="field"
        aria-label={`${label}, in ${unit}`}
        value={value}
        minValue={0}
        maxValue={maxValue}
        formatOptions={{ maximumFractionDigits: 6 }}
        onChange={(figure) => {
          if (Number.isNaN(figure)) return;
          setTyped(figure);
          onChange(figure);
        }}
      >
        <Input />
      </NumberField>
      <span className="soft unit">{unit}</span>
    </div>
  );
}

/** Returns the value, debounced. */
function useDebounced<Value>(value: Value): Value {
  const [debounced, setDebounced] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setDebounced(value), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return debounced;
}
