/** What a month would come to on other terms: computed anew at each move, and stored nowhere. */

import { useEffect, useMemo, useState } from "react";
import { Button, Input, Label, NumberField, Slider, SliderFill, SliderThumb, SliderTrack } from "react-aria-components";
import { Link } from "react-router";
import { useQuery } from "urql";

import { cents, formatMonth, money } from "../components/format";
import { Notice } from "../components/Notice";
import { Failure } from "../components/states";
import { TryTermsDocument } from "../schema";
import { useMay } from "../session/session";
import { difference, type Line, TOTALS, type Totals } from "./figures";
import { Period } from "./MoneyFlow";
import type { Revision } from "./reportQueries";
import { TriedLines } from "./SimulatedLines";
import { runs, type Terms, writeAllTerms } from "./terms";

interface Tried {
  percentage: number;
  dailyFee: number;
}

// Long enough that a slider on its way is not followed step by step.
const SETTLES_AFTER_MS = 250;

export function WhatIf({
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
  const settled = useMemo(() => ({ percentage: last?.percentage ?? 0, dailyFee: last?.dailyFee ?? 0 }), [last]);
  const [tried, setTried] = useState<Tried>(settled);
  const [isTouched, setIsTouched] = useState(false);
  const [withLines, setWithLines] = useState(false);
  const mayChange = useMay("OPERATOR");
  const asked = useDelayed(tried);
  const [{ data, error, fetching }, again] = useQuery({
    query: TryTermsDocument,
    variables: {
      input: {
        ...{ vppId: vpp.id, month: report.month },
        ...{ revenuePercentage: asked.percentage, dailyFeeAud: asked.dailyFee },
      },
      withLines,
    },
    pause: !isTouched,
    requestPolicy: "network-only",
  });
  const found = isTouched ? data?.simulateRevenueReport : undefined;
  const isOnItsWay = isTouched && (fetching || asked !== tried);
  const change = (part: Partial<Tried>) => {
    setTried({ ...tried, ...part });
    setIsTouched(true);
  };

  return (
    <section className="card stack" aria-labelledby="what-if">
      <div className="row apart">
        <h2 id="what-if">What if the terms were others?</h2>
        <Period report={report} />
      </div>
      <p className="soft">
        {formatMonth(report.month)} is settled again as you move: on these terms for the whole month, with the members,
        batteries and events of now. It is stored nowhere.
        {mayChange && (
          <>
            {" "}
            <Link to={`/vpps/${vpp.id}`}>Change the VPP's terms</Link>
          </>
        )}
      </p>
      {runs(terms).length > 1 && (
        <p className="small">It was settled at {writeAllTerms(terms)}. The sliders start at the last of these.</p>
      )}
      {(report.isStale || !report.isLatest) && (
        <Notice tone="warn">
          What revision {report.revision} was settled from has changed since: some of the difference is of that.
        </Notice>
      )}
      <div className="what-if">
        <div className="stack">
          <Term
            label="Share of revenue the VPP takes"
            unit="%"
            value={tried.percentage}
            atMost={100}
            sliderAtMost={100}
            step={0.5}
            onChange={(percentage) => change({ percentage })}
          />
          <Term
            label="Daily fee of each site"
            unit="AUD"
            value={tried.dailyFee}
            atMost={1_000_000}
            sliderAtMost={Math.max(2, settled.dailyFee * 2)}
            step={0.05}
            onChange={(dailyFee) => change({ dailyFee })}
          />
          <div className="row">
            <Button
              className="button"
              isDisabled={!isTouched}
              onPress={() => {
                setTried(settled);
                setIsTouched(false);
              }}
            >
              Back to the settled terms
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
          <table className="compared" aria-busy={isOnItsWay} aria-label="Settled and tried">
            <thead>
              <tr>
                <th scope="col">AUD</th>
                <th scope="col">Settled</th>
                <th scope="col">Tried</th>
                <th scope="col">Difference</th>
              </tr>
            </thead>
            <tbody>
              {TOTALS.map(({ id, label }) => (
                <tr key={id}>
                  <th scope="row">{label}</th>
                  <td className="number">{money(totals[id])}</td>
                  <td className="number">{found ? money(found.totals[id]) : "–"}</td>
                  <td className="number">{found ? difference(cents(found.totals[id]) - cents(totals[id])) : "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
      <p className="visually-hidden" role="status">
        {found &&
          !isOnItsWay &&
          `VPP total ${money(found.totals.vppTotalAud)}, site total ${money(found.totals.siteTotalAud)}`}
      </p>
      {isTouched && error && <Failure error={error} retry={again} />}
      {withLines && <TriedLines settled={lines} tried={found?.lineItems ?? null} />}
    </section>
  );
}

/** One of the terms: moved by a slider, or typed. */
function Term({
  label,
  unit,
  value,
  atMost,
  sliderAtMost,
  step,
  onChange,
}: {
  label: string;
  unit: string;
  value: number;
  atMost: number;
  sliderAtMost: number;
  step: number;
  onChange: (value: number) => void;
}) {
  // What is typed may lie further on. The slider ends there as long as it is moved, and does not draw near with it.
  const [typed, setTyped] = useState(0);
  return (
    <div className="term">
      <Slider className="slider" value={value} maxValue={Math.max(sliderAtMost, typed)} step={step} onChange={onChange}>
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
        maxValue={atMost}
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

/** Returns a value once it has stayed the same for a moment. */
function useDelayed<Value>(value: Value): Value {
  const [delayed, setDelayed] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setDelayed(value), SETTLES_AFTER_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return delayed;
}
