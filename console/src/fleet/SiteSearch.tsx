/** Finds a site of any VPP by its NMI, or by part of its address. */

import { Link } from "react-router";
import { useQuery } from "urql";

import { apiErrorOf, errorMessage } from "../components/errors";
import { SearchField } from "../components/fields";
import { Notice } from "../components/Notice";
import { usePaginatedList } from "../components/paginatedList";
import { Failure, Loading } from "../components/states";
import { GetSiteByNmiDocument, ListSitesDocument } from "../schema";
import { ShowMoreButton } from "./ShowMoreButton";
import { useTextParam } from "./urlInputs";

interface FoundSite {
  id: string;
  nmi: string;
  address: string;
}

export function SiteSearch() {
  const { text, setText, value } = useTextParam("site");
  return (
    <section className="card stack" aria-labelledby="find-a-site">
      <h2 id="find-a-site">Find a site</h2>
      <SearchField label="NMI, or part of the address" value={text} onChange={setText} />
      {value === "" ? (
        <p className="soft small">An NMI has 10 characters, or 11 with its check digit.</p>
      ) : isNmi(value) ? (
        <ByNmi nmi={value.toUpperCase()} />
      ) : (
        <ByAddress addressContains={value} />
      )}
    </section>
  );
}

function ByNmi({ nmi }: { nmi: string }) {
  const [{ data, error, fetching }, read] = useQuery({
    query: GetSiteByNmiDocument,
    variables: { nmi },
    requestPolicy: "network-only",
  });
  if (fetching) return <Loading subject="the site" />;
  if (error && apiErrorOf(error).errorType === "ValidationFailed") {
    return (
      <Notice tone="bad" live>
        {errorMessage(error)}
      </Notice>
    );
  }
  if (error) return <Failure error={error} retry={() => read({ requestPolicy: "network-only" })} />;
  return data?.getSiteByNmi ? (
    <Sites sites={[data.getSiteByNmi]} />
  ) : (
    <p role="status">There is no site with this NMI.</p>
  );
}

function ByAddress({ addressContains }: { addressContains: string }) {
  const sites = usePaginatedList(
    ListSitesDocument,
    { filter: { addressContains }, limit: PAGE_SIZE },
    (data) => data.listSites,
  );
  if (sites.error) return <Failure error={sites.error} retry={sites.reload} />;
  if (sites.isLoadingFirstPage) return <Loading subject="the sites" />;
  if (sites.items.length === 0) return <p role="status">No site matches this address.</p>;
  return (
    <>
      <Sites sites={sites.items} />
      <ShowMoreButton list={sites} />
    </>
  );
}

const PAGE_SIZE = 10;

function Sites({ sites }: { sites: readonly FoundSite[] }) {
  return (
    <ul className="stack found-sites" aria-label="Sites found">
      {sites.map(({ id, nmi, address }) => (
        <li key={id}>
          <Link to={`/sites/${id}`}>{nmi}</Link>
          <div className="small soft">{address}</div>
        </li>
      ))}
    </ul>
  );
}

// An NMI contains a digit, which distinguishes it from a suburb of ten letters, such as Wollongong.
const isNmi = (text: string) => /^[0-9a-z]{10,11}$/i.test(text) && /\d/.test(text);
