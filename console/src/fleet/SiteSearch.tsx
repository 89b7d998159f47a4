/** Finds a site, in whatever VPP it is: by its NMI, or by a part of its address. */

import { Link } from "react-router";
import { useQuery } from "urql";

import { SearchInput } from "../components/fields";
import { Notice } from "../components/Notice";
import { usePages } from "../components/paginatedList";
import { Failure, Loading, refusalOf, sentence } from "../components/states";
import { GetSiteByNmiDocument, ListSitesDocument } from "../schema";
import { MoreButton } from "./ShowMoreButton";
import { useSearch } from "./urlInputs";

interface Found {
  id: string;
  nmi: string;
  address: string;
}

export function SiteSearch() {
  const { entered, enter, asked } = useSearch("site");
  return (
    <section className="card stack" aria-labelledby="find-a-site">
      <h2 id="find-a-site">Find a site</h2>
      <SearchInput label="NMI, or part of the address" value={entered} onChange={enter} />
      {asked === "" ? (
        <p className="soft small">An NMI has 10 characters, or 11 with its check digit.</p>
      ) : isNmi(asked) ? (
        <ByNmi nmi={asked.toUpperCase()} />
      ) : (
        <ByAddress addressContains={asked} />
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
  if (fetching) return <Loading what="the site" />;
  if (error && refusalOf(error).errorType === "ValidationFailed") {
    return (
      <Notice tone="bad" live>
        {sentence(error)}
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
  const sites = usePages(ListSitesDocument, { filter: { addressContains }, limit: PAGE }, (data) => data.listSites);
  if (sites.error) return <Failure error={sites.error} retry={sites.reload} />;
  if (sites.isFirst) return <Loading what="the sites" />;
  if (sites.items.length === 0) return <p role="status">No site has this in its address.</p>;
  return (
    <>
      <Sites sites={sites.items} />
      <MoreButton pages={sites} />
    </>
  );
}

const PAGE = 10;

function Sites({ sites }: { sites: readonly Found[] }) {
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

// A digit tells an NMI from a suburb: Wollongong has ten letters.
const isNmi = (text: string) => /^[0-9a-z]{10,11}$/i.test(text) && /\d/.test(text);
