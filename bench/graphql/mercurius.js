// mercurius with its JIT, reading the tables directly. Prints its URL once it listens.
import Fastify from "fastify";
import mercurius from "mercurius";
import pg from "pg";

const TODAY = "timezone(interval '10 hours', now())::date";

const schema = `
  type Query {
    getVpp(id: ID!): Vpp
    listSites(limit: Int = 50): SiteConnection!
    getSite(id: ID!): Site
    getRevenueReport(id: ID!): RevenueReport
  }

  type Mutation {
    addBattery(input: AddBatteryInput!): Battery
  }

  type Vpp {
    id: ID!
    name: String!
    revenuePercentage: Float!
    dailyFeeAud: Float!
  }

  type SiteConnection {
    items: [Site!]!
  }

  type Site {
    id: ID!
    nmi: String!
    address: String!
    vpp: Vpp
    batteries: [Battery!]!
    events(limit: Int = 50): BatteryEventConnection!
  }

  type Battery {
    id: ID!
    manufacturer: String!
    serial: String!
    capacityKwh: Float!
  }

  type BatteryEventConnection {
    items: [BatteryEvent!]!
  }

  type BatteryEvent {
    lineNumber: Int!
    settlementDate: String!
    eventType: BatteryEventType!
    energyKwh: Float!
    tariffCentsPerKwh: Float!
    valueAud: String!
  }

  enum BatteryEventType {
    CHARGE
    DISCHARGE
  }

  type RevenueReport {
    id: ID!
    lineItems(limit: Int = 50): SiteLineItemConnection!
  }

  type SiteLineItemConnection {
    items: [SiteLineItem!]!
  }

  type SiteLineItem {
    nmi: String!
    address: String!
    capacityKwh: Float!
    memberDays: Int!
    revenueAud: String!
    adValoremFeeAud: String!
    eventShareAud: String!
    capacityShareAud: String!
    beforeFeesAud: String!
    dailyFeeAud: String!
    waivedFeeAud: String!
    afterFeesAud: String!
  }

  input AddBatteryInput {
    siteId: ID!
    manufacturer: String!
    serial: String!
    capacityKwh: Float!
  }
`;

// node-postgres prepares a statement that has a name once per connection.
const VPPS = {
  name: "vpps",
  text: `
    select id, name, revenue_percentage::float8 as "revenuePercentage", daily_fee_aud::float8 as "dailyFeeAud"
    from vpps
    join price_schedules on vpp_id = id and effective @> ${TODAY}
    where id = any($1::uuid[])`,
};
const SITES = { name: "sites", text: "select id, nmi, address from sites order by nmi limit $1" };
const SITE = { name: "site", text: "select id, nmi, address from sites where id = $1" };
const REPORT = { name: "report", text: "select id from revenue_reports where id = $1" };
const VPPS_OF_SITES = {
  name: "vpps of sites",
  text: `
    select site_id as "siteId", vpps.id, name,
      revenue_percentage::float8 as "revenuePercentage", daily_fee_aud::float8 as "dailyFeeAud"
    from memberships
    join vpps on vpps.id = vpp_id
    join price_schedules on price_schedules.vpp_id = vpps.id and price_schedules.effective @> ${TODAY}
    where site_id = any($1::uuid[]) and memberships.effective @> ${TODAY}`,
};
const BATTERIES_OF_SITES = {
  name: "batteries of sites",
  text: `
    select id, site_id as "siteId", manufacturer, serial, capacity_kwh::float8 as "capacityKwh"
    from batteries
    join battery_capacities on battery_id = id and effective @> ${TODAY}
    where site_id = any($1::uuid[]) and installed @> ${TODAY}
    order by manufacturer, serial, id`,
};
const EVENTS_OF_SITES = {
  name: "events of sites",
  text: `
    select requested.ordinal, events.*
    from unnest($1::uuid[], $2::integer[]) with ordinality as requested (id, max_rows, ordinal)
    cross join lateral (
      select line_number as "lineNumber", settlement_date::text as "settlementDate", event_type as "eventType",
        energy_kwh as "energyKwh", tariff_cents_per_kwh as "tariffCentsPerKwh", value_aud::text as "valueAud"
      from api.events
      where site_id = requested.id
      order by settlement_date, import_id, line_number
      limit requested.max_rows
    ) events`,
};
const LINES_OF_REPORTS = {
  name: "lines of reports",
  text: `
    select requested.ordinal, lines.*
    from unnest($1::uuid[], $2::integer[]) with ordinality as requested (id, max_rows, ordinal)
    cross join lateral (
      select nmi, address, capacity_kwh::float8 as "capacityKwh", member_days as "memberDays",
        revenue_aud as "revenueAud", ad_valorem_fee_aud as "adValoremFeeAud", event_share_aud as "eventShareAud",
        capacity_share_aud as "capacityShareAud", before_fees_aud as "beforeFeesAud", daily_fee_aud as "dailyFeeAud",
        waived_fee_aud as "waivedFeeAud", after_fees_aud as "afterFeesAud"
      from site_line_items
      where report_id = requested.id
      order by nmi
      limit requested.max_rows
    ) lines`,
};
const ADD_BATTERY = {
  name: "add battery",
  text: `
    with battery as (
      insert into batteries (id, site_id, manufacturer, serial, installed)
      values (gen_random_uuid(), $1, $2, $3, '(,)')
      returning *
    ),
    capacity as (
      insert into battery_capacities (battery_id, effective, capacity_kwh)
      select id, installed, $4 from battery
      returning *
    )
    select battery.id, manufacturer, serial, capacity_kwh::float8 as "capacityKwh" from battery, capacity`,
};

const pool = new pg.Pool({ connectionString: process.env.VPP_DATABASE_URL, max: Number(process.env.POOL_SIZE) });

async function rows(statement, ...values) {
  return (await pool.query({ ...statement, values })).rows;
}

async function row(statement, ...values) {
  return (await rows(statement, ...values))[0] ?? null;
}

function groupBy(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(row[key]);
    if (group) group.push(row);
    else groups.set(row[key], [row]);
  }
  return groups;
}

const ids = (queries) => queries.map(({ obj }) => obj.id);

async function pages(statement, queries) {
  const limits = queries.map(({ params }) => params.limit);
  const rowsByOrdinal = groupBy(await rows(statement, ids(queries), limits), "ordinal");
  return queries.map((_, index) => ({ items: rowsByOrdinal.get(String(index + 1)) ?? [] }));
}

const resolvers = {
  Query: {
    getVpp: (_, { id }) => row(VPPS, [id]),
    listSites: async (_, { limit }) => ({ items: await rows(SITES, limit) }),
    getSite: (_, { id }) => row(SITE, id),
    getRevenueReport: (_, { id }) => row(REPORT, id),
  },
  Mutation: {
    addBattery: (_, { input }) => row(ADD_BATTERY, input.siteId, input.manufacturer, input.serial, input.capacityKwh),
  },
};

const loaders = {
  Site: {
    async vpp(queries) {
      const vppBySite = new Map((await rows(VPPS_OF_SITES, ids(queries))).map((vpp) => [vpp.siteId, vpp]));
      return queries.map(({ obj }) => vppBySite.get(obj.id) ?? null);
    },
    async batteries(queries) {
      const batteriesBySite = groupBy(await rows(BATTERIES_OF_SITES, ids(queries)), "siteId");
      return queries.map(({ obj }) => batteriesBySite.get(obj.id) ?? []);
    },
    events: (queries) => pages(EVENTS_OF_SITES, queries),
  },
  RevenueReport: {
    lineItems: (queries) => pages(LINES_OF_REPORTS, queries),
  },
};

const app = Fastify();
app.register(mercurius, { schema, resolvers, loaders, jit: 1 });
console.log(`${await app.listen({ host: "127.0.0.1", port: 0 })}/graphql`);
